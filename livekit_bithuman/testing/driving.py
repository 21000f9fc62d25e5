"""An engine as a caller drives it, one turn at a time, with what it returns checked on the way."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..engine.protocol import Engine, Turn, TurnFrame
from ..pose import VISEMES, Picture, Presentation
from .promises import keep
from .turns import DrawnTurn

#: An engine that is paced has this long, in seconds, beyond its turn and what it says that it needs.
PATIENCE_S = 10.0
#: Hz, of TurnFrame.audio.
AUDIO_RATE = 16_000


class Driver:
    """Gives an engine turns with ids that count up.

    Args:
        engine: Not in a turn.
        extra_frames: That a turn may have beyond those of its audio.
    """

    def __init__(self, engine: Engine, extra_frames: int = 0) -> None:
        self.engine = engine
        self._extra_frames = extra_frames
        self._ids = itertools.count()

    def open(self, rate: int) -> Turn:
        """Begin a turn at `rate` Hz."""
        turn = Turn(next(self._ids), rate)
        self.engine.open_turn(turn)
        return turn

    def poll(self) -> list[TurnFrame]:
        """The frames that are ready."""
        frames: object = self.engine.poll()
        keep(
            isinstance(frames, list) and all(isinstance(frame, TurnFrame) for frame in frames),
            "poll() returns a list of TurnFrame.",
            f"It returned {frames!r:.200}.",
            "Return [] while nothing is ready, and every frame as a TurnFrame.",
        )
        assert isinstance(frames, list)
        return frames

    def rest_of(self, turn: Turn, seconds: float) -> list[TurnFrame]:
        """The frames that are left of an ended turn: at once, or in real time from an engine that is paced."""
        frames = self.poll()
        info = self.engine.info
        if info.paced:
            until = time.monotonic() + seconds + info.first_frame_s + info.lookahead_s + PATIENCE_S
            while not any(frame.last and frame.turn == turn.id for frame in frames) and time.monotonic() < until:
                time.sleep(0.005)
                frames += self.poll()
        return frames

    def speak(self, drawn: DrawnTurn, before_push: Callable[[Turn, int], None] | None = None) -> list[TurnFrame]:
        """One turn, polled after every push.

        Args:
            drawn: The turn.
            before_push: Told the turn and how many frames it has had.
        """
        turn = self.open(drawn.rate)
        frames: list[TurnFrame] = []
        for piece in drawn.pieces():
            if before_push is not None:
                before_push(turn, len(frames))
            self.engine.push(piece)
            frames += self.poll()
        self.engine.end_turn()
        frames += self.rest_of(turn, drawn.seconds)
        self.check_turn(drawn, turn, frames)
        return frames

    def check_turn(self, drawn: DrawnTurn, turn: Turn, frames: list[TurnFrame]) -> None:
        """Whether these are a turn's frames: all, in order, and none of another turn."""
        count = drawn.frames(self.engine.info.fps)
        strays = [frame for frame in frames if frame.turn != turn.id]
        keep(
            not strays,
            "Every frame carries the id of its own turn.",
            f"In the turn {turn.id} came {len(strays)} frames of {sorted({frame.turn for frame in strays})}.",
            "Pass Turn.id on in TurnFrame.turn, and return nothing of a turn after its last frame.",
        )
        keep(
            count <= len(frames) <= count + self._extra_frames,
            "A turn of n samples has max(1, ceil(n * fps / rate)) frames.",
            f"{drawn} has {count} at {self.engine.info.fps} a second, and {len(frames)} came.",
            "Count slots in whole samples, -(-n * fps // rate), pad the last one, and give an empty turn one frame.",
        )
        count = len(frames)
        indices = [frame.index for frame in frames]
        keep(
            indices == list(range(count)),
            "Frames come in order, counted from 0 in every turn.",
            f"Their indices were {indices}.",
            "Count TurnFrame.index anew in open_turn, and return each frame once.",
        )
        lasts = [frame.index for frame in frames if frame.last]
        keep(
            lasts == [count - 1],
            "The last frame of a turn, and no other, has last=True.",
            f"Of {count} frames these had it: {lasts}.",
            "Hold the newest frame back until a sample beyond it, or end_turn, tells whether it is the last.",
        )


def check_frame(frame: TurnFrame, size: tuple[int, int], fps: int) -> None:
    """Whether a frame's mouth, picture and audio have the form that the protocol says."""
    if frame.mouth is not None:
        mouth: NDArray[np.float32] = np.asarray(frame.mouth)
        formed = mouth.dtype == np.float32 and mouth.shape == (len(VISEMES),) and bool(np.isfinite(mouth).all())
        keep(
            formed and mouth.min() >= 0 and abs(float(mouth.sum()) - 1.0) < 1e-3,
            f"A mouth is {len(VISEMES)} viseme weights, float32, each 0..1, summing to 1.",
            f"Frame {frame.index} has {mouth.dtype} of shape {mouth.shape}: {mouth}.",
            "Divide the weights by their sum; `sil` takes what the others leave. An engine that draws by itself leaves "
            "mouth None.",
        )
    if frame.image is not None:
        check_picture(frame.image, size, f"The image of frame {frame.index}")
    if frame.audio is not None:
        samples = (frame.index + 1) * AUDIO_RATE // fps - frame.index * AUDIO_RATE // fps
        keep(
            frame.audio.dtype == np.int16 and frame.audio.shape == (samples,),
            "A frame's audio is its slot at 16 kHz: int16, one channel, padded with zeros.",
            f"Frame {frame.index} has {frame.audio.dtype} of shape {frame.audio.shape}, not int16 of ({samples},).",
            "Resample to 16 kHz and cut by slots, or leave audio None.",
        )


def check_picture(picture: Picture, size: tuple[int, int], what: str) -> None:
    """Whether a picture is one of `size` (width, height)."""
    width, height = size
    formed = isinstance(picture, np.ndarray)
    keep(
        formed
        and picture.dtype == np.uint8
        and picture.shape == (height, width, 3)
        and bool(picture.flags.c_contiguous),
        "A picture is BGR uint8 of shape (height, width, 3) as info.size says, C-contiguous.",
        f"{what} is {f'{picture.dtype} of shape {picture.shape}' if formed else type(picture).__name__}, "
        f"and info.size is {width}x{height}.",
        "info.size is (width, height), a picture's shape (height, width, 3); np.ascontiguousarray mends a view.",
    )


def content(frame: TurnFrame) -> tuple[int, bool, bytes, bytes, bytes]:
    """What is to be the same in two frames that are."""
    fields = [b"" if part is None else np.asarray(part).tobytes() for part in (frame.mouth, frame.image, frame.audio)]
    return frame.index, frame.last, fields[0], fields[1], fields[2]


#: What a picture may be asked to look like: at rest, and with everything moved.
PRESENTATIONS = (
    Presentation(),
    Presentation(yaw=0.2, pitch=-0.1, roll=0.1, gaze_x=0.5, gaze_y=-0.5, blink=1.0, brow=0.5, smile=0.5, breath=1.0),
)
