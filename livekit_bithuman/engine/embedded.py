"""The engine in the package: speech to visemes to a drawn face, on one CPU core, with no key and no network.

    int16 at any rate ── SpeechPath ── viseme weights, one row per frame
                             └── int16 at 16 kHz: the frames' own audio ── Emphasis ── one value per frame
    weights + Presentation ── Face ── picture

Mouths are computed as soon as their samples are in; pictures only when `draw` asks for them.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioFormatError, InvalidStateError
from ..face.avatar import Avatar
from ..face.raster import Face
from ..pose import Picture, Presentation, resting_mouth
from ..speech.emphasis import Emphasis
from ..speech.features import RATE
from ..speech.path import SpeechPath
from ..speech.resample import HIGHEST_RATE, LOWEST_RATE
from .protocol import EngineInfo, Turn, TurnFrame

SPEECH_RATE = RATE  # Hz, what the viseme net listens to and what the contract hands out with its frames
DEFAULT_SEED = 20_250  # of the idle motion; any constant does: two runs are to look the same


def frame_count(samples: int, rate: int, fps: int) -> int:
    """Frames of a turn: enough to cover its samples, and one at least."""
    return max(1, -(-samples * fps // rate))


class EmbeddedEngine:
    """The built-in `Engine`: any avatar bundle, any sample rate from 8 to 192 kHz.

    Its frames carry mouths, never pictures: `draw` makes the picture of one. They are a pure function of the turn's
    samples, however those were cut into pushes.
    """

    def __init__(
        self,
        avatar: Avatar | str | os.PathLike[str] | None = None,
        *,
        seed: int = DEFAULT_SEED,
        size: tuple[int, int] | None = None,
        fps: int = 25,
        background: str | None = None,
        badge: bool = False,
    ) -> None:
        """Load the avatar.

        Args:
            avatar: A loaded avatar, a path to a bundle, or the name of a built-in one; None: the default character.
            seed: Decides the idle motion of whoever presents this engine's frames.
            size: (width, height) of the pictures in pixels; None: the avatar's own.
            fps: Frames per second of audio.
            background: "green", a colour like "#1b2a3c", the path of a picture, "blur:" and one or "blur" for the
                avatar's own, which are then out of focus; None: the avatar's own.
            badge: Show a small "AI" in each picture's upper left corner.

        Raises:
            AvatarNotFoundError: No avatar by that name or path.
            AvatarFormatError: The bundle cannot be used.
            BackgroundError: The background cannot be shown behind this avatar.
        """
        self.avatar = avatar if isinstance(avatar, Avatar) else Avatar.load(avatar)
        self.seed = seed
        self._behind, self._badge = background, badge
        self._face = Face(self.avatar, size, background, badge)
        self._faces = {self._face.size: self._face}  # by size, those that were asked for
        lookahead = SpeechPath(LOWEST_RATE, fps).lookahead_s  # that of the rate which waits longest
        self._info = EngineInfo(fps=fps, size=self._face.size, lookahead_s=lookahead)
        self._open: _Utterance | None = None  # the turn that takes samples
        self._ready: list[TurnFrame] = []  # frames not polled yet, in order, of ended turns too
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """Constant for the engine's lifetime."""
        return self._info

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn at `turn.sample_rate`.

        Raises:
            InvalidStateError: A turn is open, or the engine is closed.
            AudioFormatError: The rate is outside 8..192 kHz.
        """
        if self._closed:
            raise InvalidStateError("The engine is closed. Make a new one.")
        if self._open is not None:
            raise InvalidStateError("A turn is open already. End or interrupt it before the next.")
        if not LOWEST_RATE <= turn.sample_rate <= HIGHEST_RATE:
            raise AudioFormatError(
                f"The sample rate is {turn.sample_rate} Hz. Resample to {LOWEST_RATE} .. {HIGHEST_RATE} Hz first."
            )
        self._open = _Utterance(turn, self._info.fps)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append int16 mono samples, shape (n,), n >= 0, to the open turn.

        Raises:
            InvalidStateError: No turn is open.
        """
        self._ready += self._opened().push(pcm)

    def end_turn(self) -> None:
        """Close the open turn; all its frames are ready after this.

        Raises:
            InvalidStateError: No turn is open.
        """
        self._ready += self._opened().end()
        self._open = None

    def interrupt(self) -> None:
        """Forget the open turn and every frame not polled yet."""
        self._open = None
        self._ready = []

    def poll(self) -> list[TurnFrame]:
        """The frames that became ready since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def provisional(self, index: int) -> TurnFrame | None:
        """Frame `index` of the open turn as if silence followed; None when the turn is not open or has come further."""
        return None if self._open is None else self._open.preview(index)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """Draw a frame's mouth, or the resting face, as BGR uint8 of `info.size`. Touches no turn: safe in a thread."""
        return self.draw_at(self._face.size, frame, presentation)

    def draw_at(self, size: tuple[int, int], frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The same of another size, (width, height) in pixels; the first of a size takes longer."""
        face = self._faces.get(size)
        if face is None:
            face = self._faces[size] = Face(self.avatar, size, self._behind, self._badge)
        mouth = frame.mouth if frame is not None and frame.mouth is not None else resting_mouth()
        return face.draw(mouth, presentation)

    def close(self) -> None:
        """Forget all turns and take no more."""
        self.interrupt()
        self._closed = True

    def _opened(self) -> _Utterance:
        if self._open is None:
            raise InvalidStateError("No turn is open. Call open_turn first.")
        return self._open


class _Utterance:
    """One turn between its samples and its frames."""

    def __init__(self, turn: Turn, fps: int) -> None:
        self._turn = turn
        self._fps = fps
        self._speech = SpeechPath(turn.sample_rate, fps)
        self._emphasis = Emphasis(fps)
        self._audio = bytearray()  # int16 at 16 kHz of the slots from `_next` on
        self._next = 0  # index of the next frame to hand out

    def push(self, pcm: NDArray[np.int16]) -> list[TurnFrame]:
        self._hear(self._speech.push(pcm))
        return [self._frame(mouth) for mouth in self._speech.poll()]

    def end(self) -> list[TurnFrame]:
        if self._speech.samples == 0:
            return [TurnFrame(self._turn.id, 0, last=True)]
        frames = frame_count(self._speech.samples, self._turn.sample_rate, self._fps)
        self._hear(self._speech.finish(frames))
        return [self._frame(mouth, frames) for mouth in self._speech.poll()]

    def preview(self, index: int) -> TurnFrame | None:
        if index < self._next:
            return None
        return TurnFrame(self._turn.id, index, mouth=self._speech.preview(index))

    def _hear(self, heard: NDArray[np.int16]) -> None:
        self._audio += heard.tobytes()
        self._emphasis.push(heard)

    def _frame(self, mouth: NDArray[np.float32], frames: int | None = None) -> TurnFrame:
        """The next frame; `frames` in all, if that is known."""
        index, self._next = self._next, self._next + 1
        samples = (index + 1) * SPEECH_RATE // self._fps - index * SPEECH_RATE // self._fps
        audio = np.zeros(samples, np.int16)
        heard = np.frombuffer(bytes(self._audio[: 2 * samples]), np.int16)
        audio[: len(heard)] = heard
        del self._audio[: 2 * samples]
        emphasis = self._emphasis.next()
        return TurnFrame(self._turn.id, index, self._next == frames, mouth, audio=audio, emphasis=emphasis)
