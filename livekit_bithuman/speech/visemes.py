"""Visemes for everyone: push a voice, take a row for each frame of it. The path is the one that drives the face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..errors import AudioFormatError
from ..media import AudioChunk
from ..pose import VISEMES, VisemeWeights
from .arkit import arkit_shapes
from .path import SpeechPath
from .pcm import PcmCarry
from .resample import HIGHEST_RATE, LOWEST_RATE
from .shape import mouth_shape
from .stream import MAX_FPS


def fps_of_hop(hop_ms: int) -> int:
    """Frames per second of frames that are `hop_ms` apart.

    Raises:
        ValueError: A second is no whole number of such frames, or they are closer than the net's rows.
    """
    if hop_ms < 1 or 1000 % hop_ms or 1000 // hop_ms > MAX_FPS:
        raise ValueError(
            f"A hop of {hop_ms} ms is not possible. Use one that divides a second: 10, 20, 25, 40, 50, 100, 125, 200, "
            "250, 500 or 1000 ms."
        )
    return 1000 // hop_ms


@dataclass(frozen=True, eq=False)
class VisemeFrame:
    """The mouth of one frame.

    Attributes:
        index: Which frame, counted from 0.
        t: Where the frame's sound begins, in seconds; it ends where that of the next begins.
        openness: 0 closed .. 1 wide open.
        width: -1 puckered .. 1 spread; 0 at rest.
        weights: float32, shape (15,), in `VISEMES` order, each 0..1, summing to 1.
    """

    index: int
    t: float
    openness: float
    width: float
    weights: VisemeWeights

    @property
    def visemes(self) -> dict[str, float]:
        """The weights by name: sil PP FF TH DD kk CH SS nn RR aa E ih oh ou, always all of them."""
        return dict(zip(VISEMES, map(float, self.weights), strict=True))

    @property
    def arkit(self) -> dict[str, float]:
        """The mouth as ARKit's blendshapes, each 0..1, always all of `ARKIT_SHAPES`."""
        return arkit_shapes(self.weights)


class VisemeStream:
    """Speech in, visemes out, while it comes.

    Example:
        >>> stream = VisemeStream(sample_rate=24_000)
        >>> frames = stream.push(np.zeros(24_000, np.int16))
        >>> frames += stream.finish()
        >>> len(frames), frames[1].t, frames[1].visemes["sil"]
        (25, 0.04, 1.0)

    Frame i describes the sound of [i / fps, (i + 1) / fps): every delay of the path is compensated. The same sound
    gives the same bytes, however it was cut into chunks.

    Latency:
        A frame comes from the `push` that brings `lookahead_s` of sound after its end, or from `finish`.
    """

    def __init__(self, sample_rate: int, fps: int = 25) -> None:
        """Begin, after silence.

        Args:
            sample_rate: Of what will be pushed, in Hz, 8_000..192_000.
            fps: Frames per second, 1..100: 25 as the face is drawn, 100 for a row every 10 ms.

        Raises:
            ValueError: `fps` is out of range.
            AudioFormatError: `sample_rate` is.
        """
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise AudioFormatError(
                f"The sample rate is {sample_rate} Hz. Resample to {LOWEST_RATE} .. {HIGHEST_RATE} Hz first."
            )
        self.sample_rate = sample_rate
        self.fps = fps
        self._path = SpeechPath(sample_rate, fps)
        self._carry = PcmCarry()
        self._told = 0  # frames handed out

    @property
    def lookahead_s(self) -> float:
        """Seconds of sound after a frame's end that it waits for, at most 0.12 from 24 kHz on."""
        return self._path.lookahead_s

    def push(self, pcm: bytes | bytearray | memoryview | NDArray[Any]) -> list[VisemeFrame]:
        """Append mono PCM and take the frames that became ready.

        Args:
            pcm: int16 or floats in -1..1, shape (n,), n >= 0; or 16-bit little-endian bytes of any length.

        Raises:
            AudioFormatError: Another dtype or shape, or NaN.
            InvalidStateError: The stream is finished.
        """
        if isinstance(pcm, (bytes, bytearray, memoryview)):
            samples = self._carry.push(pcm)
        else:
            samples = AudioChunk(pcm, self.sample_rate).data
        self._path.push(samples)
        return self._frames()

    def finish(self) -> list[VisemeFrame]:
        """Say that no more comes, and take the frames that are left: ceil(samples * fps / sample_rate) in all.

        Raises:
            AudioFormatError: The bytes ended in half a sample.
            InvalidStateError: The stream is finished already.
        """
        if self._carry.finish():
            raise AudioFormatError("The audio ends in half a sample. Pass 16-bit PCM: two bytes for each sample.")
        self._path.finish(-(-self._path.samples * self.fps // self.sample_rate))
        return self._frames()

    def _frames(self) -> list[VisemeFrame]:
        frames = []
        for weights in self._path.poll():
            # one by one: the sums of a matrix may come out otherwise for another number of rows
            openness, width = mouth_shape(weights)
            frames.append(VisemeFrame(self._told, self._told / self.fps, float(openness), float(width), weights.copy()))
            self._told += 1
        return frames
