"""One side in a room: its agents' process, its viewer's process, and what the viewer gets of each reply."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from livekit_bithuman.server import ServerAddress

from .agent import Said, Side, agents
from .chromium import chromium
from .engine import NUMBERS
from .measure import never_shown
from .plain import plain_publisher
from .process import Child
from .recording import Recording
from .subscriber import subscribers

#: After a reply has ended, what is still on its way arrives.
SETTLE_S = 0.6


@dataclass(frozen=True)
class Setting:
    """What all experiments of a run share."""

    server: ServerAddress
    viewer: str = "python"  # or "chromium"
    quick: bool = False
    drift_minutes: float = 0.0

    def count(self, full: int, quick: int) -> int:
        """Repetitions in this run."""
        return quick if self.quick else full


@dataclass
class Lane:
    """A context manager: inside it the avatars are in their rooms, and the viewers see and hear them.

    Attributes:
        side: What is measured; None: a publisher without a plugin.
        avatars: How many, each in a room of its own.
    """

    setting: Setting
    side: Side | None
    avatars: int = 1
    pieces: list[Recording] = field(default_factory=list)  # everything that viewer 0 got, in order

    def __enter__(self) -> Lane:
        server = self.setting.server
        self.rooms = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(self.avatars)]
        self.agent = (
            Child(agents, server, self.side, self.rooms)
            if self.side is not None
            else Child(plain_publisher, server, self.rooms[0], (512, 512))
        )
        self.agent.__enter__()
        self.viewer = Child(chromium if self.setting.viewer == "chromium" else subscribers, server, self.rooms)
        self.viewer.__enter__()
        try:
            self.viewer.ask("seeing")
            if self.side is not None:
                # the official plugin publishes its video only once somebody has subscribed to its voice
                self.agent.call("say_all", seed=1, seconds=1.0)
            self.viewer.answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        time.sleep(2.0)  # receivers' jitter buffers settle
        self.viewer.call("take")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.viewer.__exit__(kind, error, trace)
        self.agent.__exit__(kind, error, trace)

    def do(self, method: str, settle: float = SETTLE_S, **arguments: Any) -> tuple[Said, Recording]:
        """Let the agent do something; what it was told, and what the viewer got from just before its first frame on."""
        self._keep()
        said: Said = self.agent.call(method, **arguments)
        time.sleep(settle)
        piece = self._keep()
        return said, piece.between(said.asked, time.monotonic())

    def idle(self, seconds: float) -> Recording:
        """What the viewer gets while nothing is asked of the agent."""
        self._keep()
        time.sleep(seconds)
        return self._keep()

    def take(self) -> Recording:
        """What the viewer got since the last look."""
        return self._keep()

    @property
    def gaps_ms(self) -> list[float]:
        """Between all pictures that were received."""
        seen = np.concatenate([piece.seen for piece in self.pieces])
        return [float(gap) for gap in np.diff(seen) * 1000]

    @property
    def never_shown(self) -> float:
        """In per cent of the pictures that were drawn."""
        numbers = np.concatenate([piece.numbers() for piece in self.pieces])
        missing, drawn = never_shown(numbers, NUMBERS)
        return 100 * missing / max(1, drawn)

    def _keep(self) -> Recording:
        piece: Recording = self.viewer.call("take")
        self.pieces.append(piece)
        return piece
