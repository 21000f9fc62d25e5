"""Which slot of which turn each frame of a runtime is found to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.adapters.utterances import LATE_FRAMES, MOST_LEFT_OUT_S, STRAGGLERS, Utterance, Utterances
from livekit_bithuman.engine.protocol import Turn, TurnFrame
from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.media import AudioChunk, VideoFrame

FPS, RATE = 25, 16_000
TICK = RATE // FPS
PICTURE = np.zeros((2, 2, 3), np.uint8)


def loud(ticks: int, level: int = 1000) -> NDArray[np.int16]:
    return np.full(ticks * TICK, level, np.int16)


def silent(ticks: int) -> NDArray[np.int16]:
    return np.zeros(ticks * TICK, np.int16)


def speech(sound: NDArray[np.int16] | bytes, index: int | None = None, *, end: bool = False) -> VideoFrame:
    data = np.frombuffer(sound, np.int16) if isinstance(sound, bytes) else sound
    return VideoFrame(PICTURE, AudioChunk(data, RATE, False), index, end_of_speech=end)


FILLER = VideoFrame(PICTURE)
SILENT_FILLER = VideoFrame(PICTURE, AudioChunk(silent(1), RATE, False))


def placed(utterances: Utterances, frame: VideoFrame) -> list[TurnFrame]:
    return utterances.place(frame, frame.bgr_image)[0]


def opened(utterances: Utterances, id: int = 0, rate: int = RATE) -> Utterance:
    utterance = utterances.open(Turn(id, rate))
    utterance.reached = True
    return utterance


def said(utterances: Utterances, pcm: NDArray[np.int16], id: int = 0, rate: int = RATE) -> list[bytes]:
    """A turn from its first sample to its last, all of it given to the runtime."""
    utterance = opened(utterances, id, rate)
    slots = [*utterance.push(pcm), *utterance.end()]
    utterances.close()
    return slots


@pytest.fixture
def utterances() -> Utterances:
    return Utterances(fps=FPS, rate=RATE)


def test_frames_come_back_as_the_slots_that_were_given(utterances: Utterances) -> None:
    slots = said(utterances, loud(3))
    frames = [placed(utterances, speech(slot, index)) for index, slot in enumerate(slots)]

    assert [[frame.index for frame in made] for made in frames] == [[0], [1], [2]]
    assert frames[0][0].turn == 0
    assert frames[0][0].image is PICTURE


@pytest.mark.parametrize("filler", [FILLER, SILENT_FILLER])
def test_fillers_before_within_and_after_a_turn_are_rest(utterances: Utterances, filler: VideoFrame) -> None:
    rest: tuple[list[TurnFrame], bool] = ([], True)
    assert utterances.place(filler, PICTURE) == rest
    slots = said(utterances, loud(2))
    assert utterances.place(filler, PICTURE) == rest
    assert [frame.index for frame in placed(utterances, speech(slots[0]))] == [0]
    assert utterances.place(filler, PICTURE) == rest  # the runtime ran dry
    assert [frame.index for frame in placed(utterances, speech(slots[1]))] == [1]
    assert utterances.place(filler, PICTURE) == rest


def test_silence_at_the_head_is_not_given_and_within_a_turn_it_is(utterances: Utterances) -> None:
    slots = said(utterances, np.concatenate([silent(4), loud(1), silent(2), loud(1)]))

    assert len(slots) == 4
    frames = [frame for slot in slots for frame in placed(utterances, speech(slot))]
    assert [frame.index for frame in frames] == [4, 5, 6, 7]


def test_a_silent_turn_gives_nothing_and_keeps_nothing_waiting(utterances: Utterances) -> None:
    assert said(utterances, silent(5), id=0) == []
    slots = said(utterances, loud(1), id=1)

    (frame,) = placed(utterances, speech(slots[0]))
    assert (frame.turn, frame.index) == (1, 0)


def test_the_last_slot_may_be_short(utterances: Utterances) -> None:
    slots = said(utterances, loud(2)[:-100])

    assert [len(slot) // 2 for slot in slots] == [TICK, TICK - 100]
    for slot in slots:
        padded = np.frombuffer(slot, np.int16)
        assert placed(utterances, speech(np.pad(padded, (0, TICK - len(padded)))))


@given(
    rate=st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000]),
    fps=st.sampled_from([20, 25]),
    cuts=st.lists(st.integers(0, 3_000), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_slots_do_not_depend_on_how_samples_are_pushed(rate: int, fps: int, cuts: list[int]) -> None:
    pcm = (np.sin(np.arange(sum(cuts) + 500) / 9) * 9_000).astype(np.int16)
    whole, parts = (Utterance(Turn(0, rate), fps=fps, rate=RATE) for _ in range(2))
    expected = whole.push(pcm) + whole.end()
    got: list[bytes] = []
    position = 0
    for cut in cuts:
        got += parts.push(pcm[position : position + cut])
        position += cut
    got += parts.push(pcm[position:]) + parts.end()

    assert got == expected
    assert len(got) == -(-len(pcm) * fps // rate)
    assert [len(slot) // 2 for slot in got[:-1]] == [RATE // fps] * (len(got) - 1)


def test_the_end_of_speech_ends_the_turn_and_the_next_begins(utterances: Utterances) -> None:
    first = said(utterances, loud(2), id=0)
    second = said(utterances, loud(1), id=1)
    frames = placed(utterances, speech(first[0])) + placed(utterances, speech(first[1], end=True))
    frames += placed(utterances, speech(second[0], end=True))

    assert [(frame.turn, frame.index, frame.last) for frame in frames] == [
        (0, 0, False),
        (0, 1, False),
        (0, 2, True),
        (1, 0, False),
        (1, 1, True),
    ]


def test_silent_frames_behind_a_turn_are_rest_and_its_end_may_have_no_picture(utterances: Utterances) -> None:
    (slot,) = said(utterances, loud(1))
    placed(utterances, speech(slot, 0))
    for index in range(1, 17):
        assert utterances.place(speech(silent(1), index), PICTURE) == ([], True)
    (last,) = placed(utterances, VideoFrame(end_of_speech=True))

    assert last.last
    assert last.image is None


def test_an_end_that_is_never_told_holds_nothing_up(utterances: Utterances) -> None:
    first = said(utterances, loud(1), id=0)
    second = said(utterances, loud(1), id=1)
    placed(utterances, speech(first[0]))

    (frame,) = placed(utterances, speech(second[0]))
    assert (frame.turn, frame.index) == (1, 0)


def test_an_end_before_the_turn_ended_is_not_believed(utterances: Utterances) -> None:
    utterance = opened(utterances)
    slots = utterance.push(loud(2))
    placed(utterances, speech(slots[0], end=True))

    assert [frame.index for frame in placed(utterances, speech(slots[1]))] == [1]


def test_speech_of_a_turn_that_the_runtime_was_not_given_yet_is_dropped(utterances: Utterances) -> None:
    utterances.open(Turn(0, RATE)).push(loud(1))  # still on its way

    assert utterances.place(speech(loud(1)), PICTURE) == ([], False)


def test_after_an_interruption_frames_of_the_dropped_turn_are_told_apart(utterances: Utterances) -> None:
    slots = said(utterances, loud(9), id=0)
    for index in range(4):
        placed(utterances, speech(slots[index], index))
    utterances.interrupt()
    assert placed(utterances, speech(slots[4], 4)) == []  # nothing else was given
    following = said(utterances, loud(2, 500), id=1)
    assert placed(utterances, speech(slots[5], 5)) == []  # it counts on
    assert placed(utterances, speech(slots[6], None, end=True)) == []  # its end is not the next turn's

    frames = placed(utterances, speech(following[0], 0)) + placed(utterances, speech(following[1], 1, end=True))
    assert [(frame.turn, frame.index, frame.last) for frame in frames] == [(1, 0, False), (1, 1, False), (1, 2, True)]


def test_an_index_that_goes_on_over_an_interruption_costs_a_few_frames_and_not_the_turn(utterances: Utterances) -> None:
    slots = said(utterances, loud(3), id=0)
    for index in range(3):
        placed(utterances, speech(slots[index], index))
    utterances.interrupt()
    following = said(utterances, loud(STRAGGLERS + 2), id=1)
    shown = [bool(placed(utterances, speech(slot, 3 + index))) for index, slot in enumerate(following)]

    assert shown == [False] * STRAGGLERS + [True, True]


def test_a_filler_says_that_no_more_of_the_dropped_turn_comes(utterances: Utterances) -> None:
    slots = said(utterances, loud(3), id=0)
    placed(utterances, speech(slots[0], 0))
    utterances.interrupt()
    utterances.place(FILLER, PICTURE)
    following = said(utterances, loud(1), id=1)

    assert placed(utterances, speech(following[0], 1))  # though it seems to count on


def test_interrupting_is_safe_at_any_time(utterances: Utterances) -> None:
    utterances.interrupt()
    utterances.interrupt()
    utterance = utterances.open(Turn(0, RATE))
    utterances.interrupt()
    utterances.interrupt()

    assert utterance.dropped
    with pytest.raises(InvalidStateError):
        _ = utterances.opened
    assert not utterances.open(Turn(1, RATE)).dropped


def test_one_turn_at_a_time(utterances: Utterances) -> None:
    utterances.open(Turn(0, RATE))
    with pytest.raises(InvalidStateError, match="open already"):
        utterances.open(Turn(1, RATE))


def run_late(utterances: Utterances, slots: list[bytes], late: int) -> int:
    """Frames come `late` slots after they were due; returns how many came."""
    for index, slot in enumerate(slots):
        utterances.missed(index + late)
        placed(utterances, speech(slot))
    return len(slots)


def test_frames_that_are_late_leave_as_many_slots_out(utterances: Utterances) -> None:
    utterance = opened(utterances)
    run_late(utterances, utterance.push(loud(LATE_FRAMES)), late=4)
    rest = utterance.push(loud(10))

    assert len(rest) == 6
    assert utterance.given[-6:] == [9, 10, 11, 12, 13, 14]


def test_one_slot_of_lateness_leaves_nothing_out(utterances: Utterances) -> None:
    utterance = opened(utterances)
    run_late(utterances, utterance.push(loud(3 * LATE_FRAMES)), late=1)

    assert len(utterance.push(loud(10))) == 10


def test_the_next_turn_begins_as_late_as_the_one_before_turned_out(utterances: Utterances) -> None:
    utterance = opened(utterances)
    run_late(utterances, utterance.push(loud(LATE_FRAMES)), late=4)
    utterance.push(loud(8))
    utterance.end()
    utterances.close()
    utterances.interrupt()
    following = opened(utterances, 1)
    following.push(loud(10))

    assert following.given == [4, 5, 6, 7, 8, 9]


def test_where_leaving_out_does_not_help_it_is_given_up(utterances: Utterances) -> None:
    utterance = opened(utterances)
    run_late(utterances, utterance.push(loud(LATE_FRAMES)), late=8)
    utterance.push(loud(8))
    for slot in utterance.push(loud(LATE_FRAMES)):  # as late as before
        utterances.missed(utterance.given[-1] + 8)
        placed(utterances, speech(slot))
    assert len(utterance.push(loud(20))) == 20
    utterances.interrupt()

    assert len(opened(utterances, 1).push(loud(5))) == 5


def test_no_more_than_a_second_is_left_out(utterances: Utterances) -> None:
    utterance = opened(utterances)
    run_late(utterances, utterance.push(loud(LATE_FRAMES)), late=round(MOST_LEFT_OUT_S * FPS) + 1)

    assert len(utterance.push(loud(10))) == 10
