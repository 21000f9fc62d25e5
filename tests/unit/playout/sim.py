"""A playout on virtual time: a source that ticks, a room that hears, and an agent that does things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.cues import Cue
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.playout import (
    TICK_S,
    Finished,
    PictureDue,
    Playout,
    PlayoutOptions,
    Presenter,
    Progressed,
    Started,
    Stop,
    TickClock,
)
from livekit_bithuman.playout.events import Event
from livekit_bithuman.playout.presenter import Motion
from livekit_bithuman.testing import MarkerEngine, StillMotion
from livekit_bithuman.trace import TracedPlayout

RATE = 16_000
BLOCK = RATE // 100
LEAD_S = 0.015

#: Fades would change samples that the tests compare.
PLAIN = PlayoutOptions(fade_s=0.0)


@dataclass
class Sim:
    """Runs a playout against a model of the native audio source.

    The source is not the playout's: it has a queue of blocks and a timer, and knows nothing of segments.
    """

    engine: Engine = field(default_factory=lambda: MarkerEngine((16, 16)))
    options: PlayoutOptions = PLAIN
    phase: float = 0.0037  # of the source's timer
    believed_phase: float | None = None  # what the playout was told, if it was told wrong
    now: float = 0.0
    motion: Motion | None = None
    seed: int = 0  # of the acting
    lead: float = LEAD_S  # how long before they are due pictures are asked for
    trace: Callable[[Playout, float, float], TracedPlayout] | None = None

    def __post_init__(self) -> None:
        believed = self.phase if self.believed_phase is None else self.believed_phase
        self.playout = Playout(
            self.engine,
            Presenter(self.motion or StillMotion(), self.engine.info.fps, self.seed),
            rate=RATE,
            clock=TickClock(believed),
            now=self.now,
            options=self.options,
        )
        #: What the shell calls: the playout, or what records it.
        self.driven = self.playout if self.trace is None else self.trace(self.playout, believed, self.now)
        self.ticks = 0
        self.queue: list[NDArray[np.int16]] = []
        self.left: list[tuple[float, NDArray[np.int16]]] = []  # (time, block) of all that left the source; no silence
        self.events: list[tuple[float, Event]] = []
        self.pictures: list[PictureDue] = []
        self.stalled_until = 0.0  # the event loop is blocked: the source ticks, the playout does not run

    # the agent

    def capture(self, samples: NDArray[np.int16]) -> None:
        self.driven.capture(samples)
        self._settle()

    def flush(self) -> None:
        self.driven.flush()
        self._settle()

    def say(self, samples: NDArray[np.int16]) -> None:
        self.capture(samples)
        self.flush()

    def clear(self) -> None:
        self.driven.clear(self.now)
        self._settle()

    def pause(self) -> None:
        self.driven.pause(self.now)
        self._settle()

    def resume(self) -> None:
        self.driven.resume(self.now)
        self._settle()

    def cue(self, cue: Cue, at_s: float | None = None) -> None:
        self.driven.cue(cue, at_s)

    def close(self) -> None:
        self.driven.close(self.now)
        self._settle()

    def stall(self, seconds: float) -> None:
        """Block the event loop."""
        self.stalled_until = self.now + seconds
        self.run(seconds)

    # time

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            tick = self.phase + self.ticks * TICK_S
            wake = min(self._wakeups())
            step = min(tick, max(wake, self.now, self.stalled_until))
            if step > end:
                break
            self.now = max(self.now, step)
            if step == tick:
                self._tick()
            if self.now >= self.stalled_until:
                self._settle()
        self.now = end

    # what came out

    def spoken(self) -> NDArray[np.int16]:
        """Everything that left the source, silence between and after left out."""
        return np.concatenate([np.zeros(0, np.int16), *(block for _, block in self.left)])

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def finished(self) -> list[Finished]:
        return [event for _, event in self.events if isinstance(event, Finished)]

    def started(self) -> list[Started]:
        return [event for _, event in self.events if isinstance(event, Started)]

    def progressed(self) -> list[Progressed]:
        return [event for _, event in self.events if isinstance(event, Progressed)]

    # inside

    def _wakeups(self) -> list[float]:
        voice = self.driven.voice_wakeup(self.now)
        picture = self.driven.picture_wakeup(self.now, self.lead)
        soonest = self.now + 1e-4  # a wake-up that is due already comes a little later, as in an event loop
        return [max(soonest, picture)] + ([] if voice is None else [max(soonest, voice)])

    def _tick(self) -> None:
        self.ticks += 1
        if self.queue:
            self.left.append((self.now, self.queue.pop(0)))

    def _settle(self) -> None:
        self.driven.advance(self.now)
        self._execute()
        while (piece := self.driven.voice(self.now)) is not None:
            assert len(piece.samples) % BLOCK == 0
            self.queue.extend(np.split(piece.samples, len(piece.samples) // BLOCK))
            self._execute()
        self._execute()
        while (picture := self.driven.picture(self.now, self.lead)) is not None:
            self.pictures.append(picture)
        self._execute()

    def _execute(self) -> None:
        for event in self.driven.take_events():
            self.events.append((self.now, event))
            if isinstance(event, Stop):
                self.queue = list(np.split(event.fade, len(event.fade) // BLOCK)) if len(event.fade) else []


def ramp(count: int, first: int = 1) -> NDArray[np.int16]:
    """Samples that are all different, as far as int16 goes, and never zero."""
    return ((np.arange(count) + first - 1) % 32_000 + 1).astype(np.int16)
