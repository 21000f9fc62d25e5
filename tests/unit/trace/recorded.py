"""A simulated session that is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.face.idle import IdleMotion
from livekit_bithuman.playout import Playout
from livekit_bithuman.testing import MarkerEngine
from livekit_bithuman.trace import Header, Trace, TracedPlayout
from livekit_bithuman.trace.lines import END
from tests.unit.playout.sim import PLAIN, RATE, Sim

SEED = 5


@dataclass
class Recorded:
    """Runs on virtual time and keeps the trace's lines."""

    engine: Engine = field(default_factory=lambda: MarkerEngine((16, 16)))
    samples: bool = False
    phase: float = 0.0037
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sim = Sim(
            engine=self.engine,
            phase=self.phase,
            motion=IdleMotion(SEED, self.engine.info.fps),
            seed=SEED,
            trace=self._trace,
        )

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in [*self.lines, END])

    @property
    def trace(self) -> Trace:
        return Trace.parse(self.text)

    def _trace(self, playout: Playout, origin: float, now: float) -> TracedPlayout:
        embedded = isinstance(self.engine, EmbeddedEngine)
        header = Header(RATE, origin, now, self.engine.info, PLAIN, SEED, embedded, self.samples)
        return TracedPlayout(playout, header, self.lines.append)
