"""The seam between engines and whatever plays them: samples in, turn frames out, no clock and no tasks.

An engine is told of one turn at a time. `open_turn` names it, `push` appends its samples, `end_turn` says that no
more come, `interrupt` forgets it. `poll` returns the frames that have become ready. Nothing blocks, sleeps or awaits.

    slot k of a turn is the k-th 1/fps of it: the original samples [k * rate // fps, (k + 1) * rate // fps)
    frame k of a turn is what is seen during slot k

An engine that can tell a mouth's pose long before its picture is due sets `TurnFrame.mouth` and draws on demand, in
`draw`. An engine whose pictures come from elsewhere sets `TurnFrame.image`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..pose import Picture, Presentation, VisemeWeights


@dataclass(frozen=True)
class EngineInfo:
    """What a caller must know of an engine before it uses it."""

    fps: int  # frames of a turn per second of its audio
    size: tuple[int, int]  # (width, height) of its pictures, in pixels
    input_rate: int | None = None  # the only sample rate that push takes, in Hz; None: any
    lookahead_s: float = 0.0  # audio after a frame's own that it needs before it is ready
    first_frame_s: float = 0.0  # audio of a turn that must have arrived before its first frame
    paced: bool = False  # poll returns frames in real time rather than at once


@dataclass(frozen=True)
class Turn:
    """One utterance."""

    id: int  # unique for the engine's lifetime, counting up
    sample_rate: int  # Hz, of all its samples


@dataclass(frozen=True)
class TurnFrame:
    """One frame of a turn: a mouth to draw, or a picture that is drawn already."""

    turn: int  # Turn.id
    index: int  # the slot, counted from 0
    last: bool = False  # no frame of this turn follows
    mouth: VisemeWeights | None = None  # float32 (15,)
    image: Picture | None = None  # BGR uint8 (h, w, 3)
    audio: NDArray[np.int16] | None = None  # the engine's own copy of the slot's audio, mono 16 kHz
    emphasis: float = 0.0  # 0..1 how strongly its syllable stands out, smooth from frame to frame


@runtime_checkable
class Resizable(Protocol):
    """What an engine may do besides: draw smaller pictures than its own, for less."""

    def draw_at(self, size: tuple[int, int], frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """As `Engine.draw`, from the same thread, but of another size than `info` says.

        Args:
            size: (width, height) in pixels, of the same proportions as far as even numbers allow.
            frame: As for `Engine.draw`.
            presentation: The same.
        """


@runtime_checkable
class Engine(Protocol):
    """Turns one turn's samples into its frames.

    All methods but `draw` are called from one thread. `draw` is called from a worker thread, one call at a time, and
    may run while the others do.
    """

    @property
    def info(self) -> EngineInfo:
        """Constant for the engine's lifetime."""

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn. The one before must be ended or interrupted; its remaining frames still come.

        Raises:
            InvalidStateError: A turn is open, or the engine is closed.
        """

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append samples to the open turn: int16 mono, shape (n,), n >= 0, at the turn's rate.

        They stay the caller's: they may be read-only, must not be changed, and may be overwritten after the call.

        Raises:
            InvalidStateError: No turn is open.
        """

    def end_turn(self) -> None:
        """Say that the open turn has all its samples. It now yields max(1, ceil(n * fps / rate)) frames in all.

        They are ready at once, unless the engine is paced.

        Raises:
            InvalidStateError: No turn is open.
        """

    def interrupt(self) -> None:
        """Forget the open turn and every frame not polled yet. Safe when there is none."""

    def poll(self) -> list[TurnFrame]:
        """The frames that became ready since the last call, in order."""

    def provisional(self, index: int) -> TurnFrame | None:
        """A stand-in for frame `index` of the open turn, as if silence followed the samples pushed so far.

        Changes nothing: the frame itself still comes from `poll`. None if the engine cannot tell.
        """

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The picture of a turn frame, or of the avatar at rest (None).

        Returns:
            BGR uint8, shape (height, width, 3) as `info.size` says, owned by the caller.
        """

    def close(self) -> None:
        """Free everything, in mid-turn too; `open_turn` is refused from then on. Idempotent."""
