"""The embedded engine: how many frames, whose audio, which mouths, for any rate, length and chunking."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn, TurnFrame
from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.speech.resample import StreamResampler
from livekit_bithuman.testing.turns import DrawnTurn, turns

SETTINGS = settings(deadline=None, max_examples=25)

AVATAR = Avatar.load()  # loaded once: engines may share it


def speak(engine: EmbeddedEngine, turn: DrawnTurn, turn_id: int = 0, cuts: bool = True) -> list[TurnFrame]:
    """A turn's frames, polled after every push."""
    engine.open_turn(Turn(turn_id, turn.rate))
    frames = []
    edges = [0, *(sorted(cut // 2 for cut in turn.cuts) if cuts else ()), len(turn.pcm)]
    for start, end in pairwise(edges):
        engine.push(turn.pcm[start:end])
        frames += engine.poll()
    assert not any(frame.last for frame in frames)
    engine.end_turn()
    return frames + engine.poll()


def contents(frames: list[TurnFrame]) -> list[tuple[int, bool, bytes, bytes]]:
    """What is to be the same."""
    return [
        (
            frame.index,
            frame.last,
            b"" if frame.mouth is None else frame.mouth.tobytes(),
            b"" if frame.audio is None else frame.audio.tobytes(),
        )
        for frame in frames
    ]


@SETTINGS
@given(turns(), st.sampled_from([20, 25, 30, 50]))
def test_a_turn_has_the_frames_that_its_samples_need(turn: DrawnTurn, fps: int) -> None:
    frames = speak(EmbeddedEngine(AVATAR, fps=fps), turn)
    assert [frame.index for frame in frames] == list(range(max(1, math.ceil(len(turn.pcm) * fps / turn.rate))))
    assert [frame.last for frame in frames] == [False] * (len(frames) - 1) + [True]
    if len(turn.pcm):
        for frame in frames:
            assert frame.mouth is not None
            assert frame.mouth.shape == (15,)
            assert frame.mouth.min() >= 0
            assert frame.mouth.sum() == pytest.approx(1, abs=1e-5)


@SETTINGS
@given(turns())
def test_the_frames_audio_is_the_resampled_turn_and_silence(turn: DrawnTurn) -> None:
    frames = speak(EmbeddedEngine(AVATAR), turn)
    resampler = StreamResampler(turn.rate, 16_000)
    whole = np.concatenate([resampler.push(turn.pcm), resampler.finish()])
    heard = [frame.audio for frame in frames if frame.audio is not None]
    assert all(audio.dtype == np.int16 and audio.shape == (640,) for audio in heard)
    audio = np.concatenate([np.zeros(0, np.int16), *heard])
    assert np.array_equal(audio[: len(whole)], whole)
    assert not audio[len(whole) :].any()
    if len(turn.pcm):
        assert len(audio) - len(whole) <= 640
        assert len(whole) == pytest.approx(len(turn.pcm) * 16_000 / turn.rate, abs=1)
    else:
        assert not heard


@SETTINGS
@given(turns(), turns())
def test_chunking_and_interruptions_change_no_byte(turn: DrawnTurn, other: DrawnTurn) -> None:
    whole = speak(EmbeddedEngine(AVATAR), turn, cuts=False)
    engine = EmbeddedEngine(AVATAR)
    assert contents(speak(engine, turn)) == contents(whole)
    speak(engine, other, 1)
    assert contents(speak(engine, turn, 2)) == contents(whole)
    engine.open_turn(Turn(3, other.rate))
    engine.push(other.pcm)
    engine.interrupt()
    engine.interrupt()
    assert engine.poll() == []
    assert contents(speak(engine, turn, 4)) == contents(whole)


@SETTINGS
@given(turns(), st.integers(0, 20))
def test_a_provisional_frame_changes_nothing(turn: DrawnTurn, ahead: int) -> None:
    engine = EmbeddedEngine(AVATAR)
    assert engine.provisional(0) is None
    engine.open_turn(Turn(7, turn.rate))
    engine.push(turn.pcm)
    frames = engine.poll()
    guess = engine.provisional(len(frames) + ahead)
    assert guess is not None
    assert (guess.turn, guess.index, guess.last) == (7, len(frames) + ahead, False)
    assert guess.mouth is not None
    if frames:
        assert engine.provisional(len(frames) - 1) is None
    engine.end_turn()
    frames += engine.poll()
    assert contents(frames) == contents(speak(EmbeddedEngine(AVATAR), turn, 7, cuts=False))


@SETTINGS
@given(turns(rates=st.just(16_000)))
def test_a_provisional_frame_is_the_one_that_silence_brings(turn: DrawnTurn) -> None:
    engine = EmbeddedEngine(AVATAR)
    engine.open_turn(Turn(0, turn.rate))
    engine.push(turn.pcm)
    ready = len(engine.poll())
    guess = engine.provisional(ready)
    engine.push(np.zeros(16_000, np.int16))
    come = engine.poll()[0]
    assert guess is not None
    assert guess.mouth is not None
    assert come.mouth is not None
    assert come.index == ready
    assert guess.mouth.tobytes() == come.mouth.tobytes()
