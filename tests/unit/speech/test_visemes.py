"""The public stream: which sound a row is about, how much later sound it knows of, and what it refuses."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman import AudioFormatError, InvalidStateError, VisemeFrame, VisemeStream
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.resample import StreamResampler
from livekit_bithuman.speech.stream import SpeechStream
from livekit_bithuman.speech.visemes import fps_of_hop

CLIP = Path(__file__).parents[2] / "data" / "speech.wav"
#: "Maybe", "move my purple boots": where the voice of the clip says that p, b and m are, in seconds.
CLOSURES = [(0.325, 0.375), (0.475, 0.55), (0.95, 0.975), (1.175, 1.25), (1.35, 1.4), (1.5, 1.55), (1.7, 1.75)]
MOST_S = 0.120  # from a sample to the frame that knows of it


def clip(rate: int) -> NDArray[np.int16]:
    """The test clip at any rate."""
    with wave.open(str(CLIP)) as sound:
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        resampler = StreamResampler(sound.getframerate(), rate)
    return np.concatenate([resampler.push(pcm), resampler.finish()])


def told(pcm: NDArray[np.int16], rate: int, fps: int = 25) -> list[VisemeFrame]:
    """The frames of a whole recording."""
    stream = VisemeStream(rate, fps)
    return stream.push(pcm) + stream.finish()


def as_bytes(frames: list[VisemeFrame]) -> list[bytes]:
    return [frame.weights.tobytes() + np.array([frame.openness, frame.width]).tobytes() for frame in frames]


@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("fps", [25, 100])
def test_noise_120_ms_later_leaves_a_frame_byte_identical(rate: int, fps: int) -> None:
    pcm = clip(rate)
    noise = np.random.default_rng(3).integers(-32768, 32768, len(pcm)).astype(np.int16)
    whole = as_bytes(told(pcm, rate, fps))

    def with_noise_from(sample: int) -> list[bytes]:
        return as_bytes(told(np.concatenate([pcm[:sample], noise[sample:]]), rate, fps))

    lookahead_s = VisemeStream(rate, fps).lookahead_s
    assert lookahead_s <= MOST_S
    heard_sooner = []
    for frame in range(3, len(whole) - 15 * fps // 100 - 1, len(whole) // 12):
        end = (frame + 1) * rate // fps
        known = with_noise_from(end + round(MOST_S * rate))
        assert known[: frame + 1] == whole[: frame + 1]
        sooner = with_noise_from(end + round((lookahead_s - 0.020) * rate))
        heard_sooner.append(sooner[frame] != whole[frame])
    assert sum(heard_sooner) > len(heard_sooner) // 2, "noise that comes sooner is heard, but where the mouth rests"


@pytest.mark.parametrize("fps", [25, 100])
def test_the_rows_are_those_that_drive_the_face(fps: int) -> None:
    pcm = clip(24_000)
    engine = EmbeddedEngine(size=(64, 64), fps=fps)
    engine.open_turn(Turn(0, 24_000))
    engine.push(pcm)
    engine.end_turn()
    mouths = [frame.mouth for frame in engine.poll()]
    rows = told(pcm, 24_000, fps)
    assert len(rows) == len(mouths)
    assert all(
        mouth is not None and row.weights.tobytes() == mouth.tobytes() for row, mouth in zip(rows, mouths, strict=True)
    )


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
@pytest.mark.parametrize("fps", [25, 100])
def test_each_closure_is_in_the_rows_of_its_own_sound(rate: int, fps: int) -> None:
    rows = told(clip(rate), rate, fps)
    for begin, end in CLOSURES:
        near = [row for row in rows if begin - 0.02 < row.t + 0.5 / fps < end + 0.02]
        assert max(row.visemes["PP"] for row in near) > 0.4, (begin, end)
        assert min(row.openness for row in near) < 0.15


def test_a_row_tells_all_of_it() -> None:
    rows = told(clip(24_000), 24_000)
    assert [row.index for row in rows] == list(range(108))
    assert [row.t for row in rows] == [index / 25 for index in range(108)]
    for row in rows:
        assert tuple(row.visemes) == VISEMES
        assert sum(row.visemes.values()) == pytest.approx(1.0, abs=1e-5)
        assert 0.0 <= row.openness <= 1.0
        assert -1.0 <= row.width <= 1.0


@pytest.mark.parametrize("fps", [25, 40, 100])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.5, 1.0, 1.0001, 7.0])
def test_rows_cover_the_sound_and_no_more(fps: int, rate: int, share: float) -> None:
    hop = rate / fps
    samples = int(np.ceil(share * hop))
    assert len(told(np.zeros(samples, np.int16), rate, fps)) == -(-samples * fps // rate)


def test_what_a_push_brings_is_what_its_sound_completes() -> None:
    stream = VisemeStream(24_000)
    needed = 24_000 // 25 + round(stream.lookahead_s * 24_000)
    assert stream.push(np.zeros(needed - 48, np.int16)) == []
    (first,) = stream.push(np.zeros(48, np.int16))
    assert (first.index, first.t) == (0, 0.0)


def test_bytes_floats_and_odd_pieces_are_the_same_sound() -> None:
    pcm = clip(16_000)[:20_000]
    expected = as_bytes(told(pcm, 16_000))
    stream, data, rows = VisemeStream(16_000), pcm.tobytes(), []
    for start in range(0, len(data), 333):
        rows += stream.push(data[start : start + 333])
    assert as_bytes(rows + stream.finish()) == expected
    floats = VisemeStream(16_000)
    exact = floats.push(pcm / 32767.0 + np.sign(pcm) * 1e-7)
    assert as_bytes(exact + floats.finish()) == expected


def test_the_last_sample_counts() -> None:
    pcm = clip(24_000)[: 30 * 960 + 1]  # it breaks off in a vowel
    resampler, speech = StreamResampler(24_000), SpeechStream(25)
    speech.push(resampler.push(pcm))
    speech.push(resampler.finish())
    speech.finish(31)
    assert speech.poll().tobytes() == b"".join(row.weights.tobytes() for row in told(pcm, 24_000))


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="8000"):
        VisemeStream(4_000)
    with pytest.raises(ValueError, match="fps"):
        VisemeStream(16_000, fps=101)
    stream = VisemeStream(16_000)
    with pytest.raises(AudioFormatError, match="int32"):
        stream.push(np.zeros(4, np.int32))
    stream.push(b"\0\0\0")
    with pytest.raises(AudioFormatError, match="half a sample"):
        stream.finish()
    assert stream.finish() != []
    with pytest.raises(InvalidStateError, match="finished"):
        stream.push(np.zeros(1, np.int16))
    with pytest.raises(InvalidStateError, match="finished"):
        stream.finish()


@pytest.mark.parametrize(("hop", "fps"), [(10, 100), (20, 50), (25, 40), (40, 25), (1000, 1)])
def test_hops_divide_a_second(hop: int, fps: int) -> None:
    assert fps_of_hop(hop) == fps


@pytest.mark.parametrize("hop", [-10, 0, 1, 8, 33, 2000])
def test_other_hops_are_refused(hop: int) -> None:
    with pytest.raises(ValueError, match="divides a second"):
        fps_of_hop(hop)
