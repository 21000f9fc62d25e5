"""The engine kit: engines that keep every promise pass, and for every promise there is one that breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.engine.rate import at_any_rate
from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.testing import BrokenPromise, EngineConformance, MarkerEngine

from . import broken_engines as broken

AVATAR = Avatar.load()  # loaded once: engines may share it


class TestEmbeddedEngine(EngineConformance):
    examples = 10

    def make_engine(self) -> Engine:
        return EmbeddedEngine(AVATAR, size=(64, 64))


class TestMarkerEngine(EngineConformance):
    deterministic = False  # each picture carries its number

    def make_engine(self) -> Engine:
        return MarkerEngine((64, 48))


class TestMarkerEngineWithLookahead(EngineConformance):
    deterministic = False

    def make_engine(self) -> Engine:
        return MarkerEngine((64, 48), lookahead_s=0.12)


class TestLevelEngine(EngineConformance):
    def make_engine(self) -> Engine:
        return broken.LevelEngine()


class TestLevelEngineOfOneRate(EngineConformance):
    def make_engine(self) -> Engine:
        return broken.LevelEngine(input_rate=16_000)


class TestResampledEngine(EngineConformance):
    def make_engine(self) -> Engine:
        return at_any_rate(broken.LevelEngine(input_rate=16_000))


#: What breaks, what finds it, and what is said of it.
BROKEN: list[tuple[Callable[[], Engine], str, str]] = [
    (broken.LacksAMember, "test_it_has_every_member", "has no provisional"),  # type: ignore[list-item]
    (broken.SaysNonsense, "test_info_describes_it_and_never_changes", "fps cannot be"),
    (broken.ChangesItsMind, "test_info_describes_it_and_never_changes", "info is constant"),
    (broken.IsBoundToAThread, "test_it_may_be_made_in_another_thread", "RuntimeError: wrong thread"),
    (broken.DropsTheTail, "test_a_turn_has_its_frames_in_order", "has 2 at 25 a second, and 1 came"),
    (broken.NamesNoLast, "test_a_turn_has_its_frames_in_order", "has last=True"),
    (broken.CountsFromOne, "test_a_turn_has_its_frames_in_order", "indices were [1]"),
    (broken.NamesAnotherTurn, "test_the_same_turn_again_is_the_same", "frames of [0]"),
    (broken.SaysItTwice, "test_the_same_turn_again_is_the_same", "id of its own turn"),
    (broken.ReturnsNone, "test_a_turn_has_its_frames_in_order", "It returned None"),
    (broken.ForgetsEmptyTurns, "test_an_empty_turn_has_one_frame", "<0 samples at 24000 Hz"),
    (broken.WeighsTooMuch, "test_frames_are_well_formed", "summing to 1"),
    (broken.HasPicturesOfAnotherSize, "test_frames_are_well_formed", "shape (10, 10, 3), and info.size is 32x24"),
    (broken.HasAudioOfAnotherRate, "test_frames_are_well_formed", "not int16 of (640,)"),
    (broken.WaitsForTheEnd, "test_frames_come_while_the_turn_is_open", "and there were 0"),
    (broken.HearsChunks, "test_chunking_changes_nothing", "cut into pushes"),
    (broken.RemembersTheTurnBefore, "test_the_same_turn_again_is_the_same", "its own samples alone"),
    (broken.CountsItsPictures, "test_the_same_turn_again_is_the_same", "looked different"),
    (broken.LosesWhatWasNotPolled, "test_turns_keep_their_order", "and 0 came"),
    (broken.PutsTheNewestFirst, "test_turns_keep_their_order", "in the order [1, 0]"),
    (broken.KeepsFramesAfterAnInterruption, "test_an_interruption_leaves_nothing", "every frame that was not polled"),
    (broken.KeepsSamplesAfterAnInterruption, "test_an_interruption_leaves_nothing", "leaves nothing behind"),
    (broken.GuessesForGood, "test_a_provisional_frame_changes_nothing", "provisional() changes nothing"),
    (broken.GuessesAnotherFrame, "test_a_provisional_frame_changes_nothing", "stand-in for frame k"),
    (broken.ScalesInPlace, "test_samples_stay_the_callers", "read-only"),
    (broken.KeepsTheBuffer, "test_samples_stay_the_callers", "its own copy"),
    (
        broken.MixesUpWidthAndHeight,
        "test_pictures_are_as_described",
        "uint8 of shape (32, 24, 3), and info.size is 32x24",
    ),
    (broken.DrawsNothing, "test_pictures_are_as_described", "The resting picture is NoneType"),
    (broken.DrawsIntoOneBuffer, "test_pictures_belong_to_the_caller", "share their memory"),
    (broken.LendsThePicture, "test_pictures_belong_to_the_caller", "cannot be written to"),
    (broken.DrawsBetweenTurnsOnly, "test_drawing_runs_beside_the_rest", "RuntimeError('busy')"),
    (broken.DrawsWithTheTurnsState, "test_drawing_runs_beside_the_rest", "others than without it"),
    (broken.TakesSamplesAnyTime, "test_misuse_is_refused", "push() without an open turn raises InvalidStateError"),
    (broken.OpensTwice, "test_misuse_is_refused", "open_turn() while a turn is open"),
    (broken.RefusesInItsOwnWords, "test_misuse_is_refused", "It raised KeyError"),
    (broken.ClosesOnce, "test_closing_twice_is_closing", "RuntimeError: closed already"),
    (broken.OpensAfterClosing, "test_closing_twice_is_closing", "open_turn() after close()"),
]

CHECKS = {name for name, _ in inspect.getmembers(EngineConformance) if name.startswith("test_")}


@pytest.mark.parametrize(("make", "check", "said"), BROKEN, ids=[make.__name__ for make, _, _ in BROKEN])
def test_a_broken_promise_is_found_and_named(make: Callable[[], Engine], check: str, said: str) -> None:
    class Kit(EngineConformance):
        def make_engine(self) -> Engine:
            return make()

    with pytest.raises(BrokenPromise) as caught:
        getattr(Kit(), check)()
    assert said in str(caught.value)
    assert caught.value.promise.endswith(".")
    assert caught.value.remedy.endswith(".")


def test_every_check_has_an_engine_that_fails_it() -> None:
    assert {check for _, check, _ in BROKEN} == CHECKS


def test_a_kit_without_an_engine_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match=r"define make_engine\(\)"):
        EngineConformance().test_it_has_every_member()
