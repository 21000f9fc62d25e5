"""The engine kit: pytest tests that hold any engine to the protocol's promises.

    class TestMyEngine(EngineConformance):
        def make_engine(self) -> Engine:
            return MyEngine()

Each test stands for one promise; a failure names it, says what happened instead, and what to do. Turns are drawn by
Hypothesis, so that a failure comes with the shortest turn that shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ..engine.protocol import Engine, EngineInfo, Turn, TurnFrame
from ..errors import InvalidStateError
from ..speech.resample import HIGHEST_RATE, LOWEST_RATE
from .driving import PRESENTATIONS, Driver, check_frame, check_picture, content
from .promises import BrokenPromise, keep
from .turns import RATES, DrawnTurn, babble, turns

MEMBERS = ("info", "open_turn", "push", "end_turn", "interrupt", "poll", "provisional", "draw", "close")


class EngineConformance:
    """Subclass it, name the subclass Test…, and say how your engine is made.

    Attributes:
        deterministic: The same samples give the same frames, and the same frame the same picture. An engine that does
            not promise this sets it to False; the tests of it are skipped.
        extra_frames: That a turn may have beyond those of its audio: a tail. Playout does not show them.
        examples: Random turns per test. The same ones come in every run; more find more.
        longest_ms: Of a turn.
    """

    deterministic = True
    extra_frames = 0
    examples = 25
    longest_ms = 400

    def make_engine(self) -> Engine:
        """A new engine, not in a turn. It is closed by the test."""
        raise NotImplementedError(f"{type(self).__name__} has to say how its engine is made: define make_engine().")

    # what it is

    def test_it_has_every_member(self) -> None:
        with self._engine() as engine:
            missing = [name for name in MEMBERS if not hasattr(engine, name)]
            keep(
                not missing,
                "An engine has every member of the protocol.",
                f"{type(engine).__name__} has no {', '.join(missing)}.",
                "See livekit_bithuman.engine.protocol.Engine; provisional() may always return None.",
            )

    def test_info_describes_it_and_never_changes(self) -> None:
        with self._driver() as driver:
            info = driver.engine.info
            keep(isinstance(info, EngineInfo), "info is an EngineInfo.", f"It is {info!r:.200}.", "Return one.")
            wrong = _wrong_fields(info)
            keep(
                not wrong,
                "info says in usable numbers what the engine needs.",
                f"{', '.join(wrong)} cannot be: {info}.",
                "fps is a whole number from 1 to 100, size two whole numbers above 0, input_rate None or 8000..192000, "
                "and seconds are not negative.",
            )
            driver.speak(self._some_turn(driver.engine))
            keep(
                driver.engine.info == info,
                "info is constant for the engine's lifetime.",
                f"It was {info} and became {driver.engine.info} during a turn.",
                "Work out info in the constructor.",
            )

    def test_it_may_be_made_in_another_thread(self) -> None:
        with ThreadPoolExecutor(1) as worker:
            engine = worker.submit(self.make_engine).result()
        try:
            Driver(engine, self.extra_frames).speak(self._some_turn(engine))
        except BrokenPromise:
            raise
        except Exception as error:
            raise BrokenPromise(
                "An engine is made in a worker thread and used from another one.",
                f"There it raised {type(error).__name__}: {error}.",
                "Bind nothing to the thread of the constructor; what needs one thread of its own has to keep one.",
            ) from error
        finally:
            engine.close()

    # frames

    def test_a_turn_has_its_frames_in_order(self) -> None:
        def check(drawn: DrawnTurn) -> None:
            with self._driver() as driver:
                driver.speak(drawn)

        self._for_any(check, self._turns())

    def test_an_empty_turn_has_one_frame(self) -> None:
        with self._driver() as driver:
            rate = _rate(driver.engine)
            driver.speak(DrawnTurn(rate, np.zeros(0, np.int16), ()))
            turn = driver.open(rate)  # nothing pushed at all, not even nothing
            driver.engine.end_turn()
            driver.check_turn(DrawnTurn(rate, np.zeros(0, np.int16), ()), turn, driver.rest_of(turn, 0.0))

    def test_frames_are_well_formed(self) -> None:
        def check(drawn: DrawnTurn) -> None:
            with self._driver() as driver:
                info = driver.engine.info
                for frame in driver.speak(drawn):
                    check_frame(frame, info.size, info.fps)

        self._for_any(check, self._turns())

    def test_frames_come_while_the_turn_is_open(self) -> None:
        with self._driver() as driver:
            info = driver.engine.info
            if info.paced:
                pytest.skip("the engine is paced: when its frames come is for the clock to say")
            rate = _rate(driver.engine)
            slot = -(-rate // info.fps)
            needs = info.first_frame_s + info.lookahead_s
            slots = int(needs * info.fps) + 2 * info.fps
            voice = babble(slot * slots, rate, seed=7)
            driver.open(rate)
            came = 0
            for pushed in range(slot, len(voice) + 1, slot):
                driver.engine.push(voice[pushed - slot : pushed])
                came += len(driver.poll())
                # one is forgiven: which frame is the last is known a sample later
                owed = int((pushed / rate - needs) * info.fps) - 1
                keep(
                    came >= owed,
                    "A frame is ready once its own audio, info.lookahead_s after it and info.first_frame_s of the turn "
                    "are in.",
                    f"After {pushed / rate:.2f} s there should have been {owed} frames, and there were {came}.",
                    "Make frames in push(), or say in info how much audio they wait for; whole batches count too.",
                )

    def test_chunking_changes_nothing(self) -> None:
        self._needs_determinism()

        def check(drawn: DrawnTurn) -> None:
            with self._driver() as one, self._driver() as other:
                _same(
                    one.speak(drawn.whole()),
                    other.speak(drawn),
                    "However a turn is cut into pushes, its frames are the same.",
                    f"Those of {drawn} were not",
                    "Carry what a push leaves over into the next one: samples, and the state of every filter.",
                )

        self._for_any(check, self._turns())

    def test_the_same_turn_again_is_the_same(self) -> None:
        self._needs_determinism()

        def check(drawn: DrawnTurn, other: DrawnTurn) -> None:
            with self._driver() as driver:
                first = driver.speak(drawn)
                pictures = [self._draw(driver.engine, frame) for frame in first]
                driver.speak(other)
                again = driver.speak(drawn)
                _same(
                    first,
                    again,
                    "A turn's frames depend on its own samples alone.",
                    f"After another turn those of {drawn} were others",
                    "Begin every turn in open_turn with fresh state and the same seed.",
                )
                for frame, picture in zip(again, pictures, strict=True):
                    keep(
                        np.array_equal(self._draw(driver.engine, frame), picture),
                        "The same frame and presentation are drawn as the same picture.",
                        f"Frame {frame.index} looked different the second time.",
                        "Draw from the frame and the presentation alone, or set deterministic = False.",
                    )

        self._for_any(check, self._turns(), self._turns())

    def test_turns_keep_their_order(self) -> None:
        def check(first: DrawnTurn, second: DrawnTurn) -> None:
            with self._driver() as driver:
                turns_ = []
                for drawn in (first, second):
                    turns_.append(driver.open(drawn.rate))
                    driver.engine.push(drawn.pcm)
                    driver.engine.end_turn()
                frames = driver.rest_of(turns_[1], first.seconds + second.seconds)
                order = [frame.turn for frame in frames]
                keep(
                    order == sorted(order),
                    "Frames of a turn that was ended still come, before those of the next.",
                    f"The turns came in the order {order}.",
                    "Keep one queue of frames for all turns, and empty it in poll() and interrupt() alone.",
                )
                for drawn, turn in zip((first, second), turns_, strict=True):
                    driver.check_turn(drawn, turn, [frame for frame in frames if frame.turn == turn.id])

        self._for_any(check, self._turns(), self._turns())

    # interruptions

    def test_an_interruption_leaves_nothing(self) -> None:
        def check(before: DrawnTurn, state: str, times: int, after: DrawnTurn) -> None:
            with self._driver() as driver, self._driver() as fresh:
                _bring(driver, state, before)
                for _ in range(times):
                    driver.engine.interrupt()
                left = driver.poll()
                keep(
                    not left,
                    "interrupt() forgets the open turn and every frame that was not polled.",
                    f"After {times} of them ({state}) poll() returned {len(left)} frames: {left[:3]!r:.200}.",
                    "Empty the queue of frames in interrupt(), too; what a thread makes later has to be dropped.",
                )
                frames = driver.speak(after)
                if self.deterministic:
                    _same(
                        fresh.speak(after),
                        frames,
                        "interrupt() leaves nothing behind that the next turn could show.",
                        f"After it ({state}) the frames of {after} were others than a new engine's",
                        "Reset in interrupt() what open_turn does not: samples, filters, counters.",
                    )

        self._for_any(check, self._turns(), st.sampled_from(STATES), st.integers(1, 2), self._turns())

    # guesses

    def test_a_provisional_frame_changes_nothing(self) -> None:
        def check(drawn: DrawnTurn, ahead: int) -> None:
            with self._driver() as driver, self._driver() as plain:

                def guess(turn: Turn, come: int) -> None:
                    for index in (come, come + ahead):
                        _check_guess(driver.engine.provisional(index), turn, index)

                frames = driver.speak(drawn, guess)
                if self.deterministic:
                    _same(
                        plain.speak(drawn),
                        frames,
                        "provisional() changes nothing.",
                        f"The frames of {drawn} were others when it had been called",
                        "Work on a copy of the state, or return None.",
                    )

        self._for_any(check, self._turns(), st.integers(0, 40))

    # samples

    def test_samples_stay_the_callers(self) -> None:
        with self._driver() as driver, self._driver() as plain:
            drawn = self._some_turn(driver.engine)
            turn = driver.open(drawn.rate)
            for start in range(0, len(drawn.pcm), 500):
                buffer = drawn.pcm[start : start + 500].copy()
                view = buffer.view()
                view.flags.writeable = False
                try:
                    driver.engine.push(view)
                except Exception as error:
                    raise BrokenPromise(
                        "push() takes samples that are read-only, and changes none.",
                        f"It raised {type(error).__name__}: {error}.",
                        "Copy before you scale or filter in place.",
                    ) from error
                buffer[:] = 12_345  # the caller uses its buffer again
            driver.engine.end_turn()
            frames = driver.rest_of(turn, drawn.seconds)
            driver.check_turn(drawn, turn, frames)
            if self.deterministic:
                _same(
                    plain.speak(drawn.whole()),
                    frames,
                    "push() keeps its own copy of what it needs later.",
                    "The frames were others when the caller used its buffer again",
                    "Copy what you keep: pcm.copy(), or np.concatenate.",
                )

    # pictures

    def test_pictures_are_as_described(self) -> None:
        with self._driver() as driver:
            size = driver.engine.info.size
            drawn = self._some_turn(driver.engine)
            guesses: list[TurnFrame | None] = []
            frames = driver.speak(drawn, lambda _, come: guesses.append(driver.engine.provisional(come)))
            shown: list[TurnFrame | None] = [None, *frames, *filter(None, guesses)]
            for frame in shown:
                for presentation in PRESENTATIONS:
                    what = "The resting picture" if frame is None else f"The picture of frame {frame.index}"
                    check_picture(driver.engine.draw(frame, presentation), size, what)

    def test_pictures_belong_to_the_caller(self) -> None:
        with self._driver() as driver:
            frames = driver.speak(self._some_turn(driver.engine))
            for frame in (None, frames[0], frames[-1]):
                first = self._draw(driver.engine, frame)
                kept = first.copy()
                second = self._draw(driver.engine, frame)
                image = None if frame is None else frame.image
                keep(
                    not np.shares_memory(first, second) and (image is None or not np.shares_memory(first, image)),
                    "A picture is the caller's own.",
                    "Two pictures share their memory, or one is the frame's own image.",
                    "Draw into a new array each time, or return a copy.",
                )
                keep(
                    np.array_equal(first, kept) and bool(first.flags.writeable),
                    "A picture is the caller's own.",
                    "It changed with the next one, or cannot be written to.",
                    "Draw into a new array each time, or return a copy.",
                )

    def test_drawing_runs_beside_the_rest(self) -> None:
        with self._driver() as driver, self._driver() as plain:
            drawn = self._some_turn(driver.engine, seconds=2.0)
            earlier = driver.speak(self._some_turn(driver.engine))
            errors: list[Exception] = []
            picture_done, stop = threading.Event(), threading.Event()

            def draw() -> None:
                try:
                    while not stop.is_set():
                        for frame in (None, *earlier):
                            check_picture(self._draw(driver.engine, frame), driver.engine.info.size, "A picture")
                            picture_done.set()
                except Exception as error:
                    errors.append(error)
                finally:
                    picture_done.set()

            def until_one_is_drawn(*_: object) -> None:
                if not errors:
                    picture_done.clear()
                    picture_done.wait()

            thread = threading.Thread(target=draw, name="drawing")
            thread.start()
            try:
                frames = driver.speak(drawn, until_one_is_drawn)
            finally:
                stop.set()
                thread.join()
            remedy = "Share nothing between draw() and the other methods, or guard it by a lock."
            promise = "draw() may run in a worker thread while the other methods do."
            keep(not errors, promise, f"It raised {errors[:1]!r}.", remedy)
            if self.deterministic:
                _same(plain.speak(drawn), frames, promise, "The turn's frames were others than without it", remedy)

    # misuse and the end

    def test_misuse_is_refused(self) -> None:
        with self._driver() as driver:
            engine, silence = driver.engine, np.zeros(100, np.int16)
            _refused(lambda: engine.push(silence), "push() without an open turn")
            _refused(engine.end_turn, "end_turn() without an open turn")
            drawn = self._some_turn(engine)
            turn = driver.open(drawn.rate)
            engine.push(drawn.pcm)
            _refused(lambda: driver.open(drawn.rate), "open_turn() while a turn is open")
            frames = driver.poll()
            engine.end_turn()
            _refused(lambda: engine.push(silence), "push() after end_turn()")
            driver.check_turn(drawn, turn, frames + driver.rest_of(turn, drawn.seconds))

    def test_closing_twice_is_closing(self) -> None:
        for state in STATES:
            engine = self.make_engine()
            _bring(Driver(engine), state, self._some_turn(engine))
            try:
                engine.close()
                engine.close()
            except Exception as error:
                raise BrokenPromise(
                    "close() is idempotent, in any state.",
                    f"It raised {type(error).__name__}: {error} ({state}).",
                    "Return at once if the engine is closed.",
                ) from error
            _refused(lambda engine=engine: engine.open_turn(Turn(10_000, _rate(engine))), "open_turn() after close()")  # type: ignore[misc]

    # inside

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = self.make_engine()
        try:
            yield engine
        finally:
            engine.close()

    @contextmanager
    def _driver(self) -> Iterator[Driver]:
        with self._engine() as engine:
            yield Driver(engine, self.extra_frames)

    def _draw(self, engine: Engine, frame: TurnFrame | None) -> Any:
        return engine.draw(frame, PRESENTATIONS[1])

    def _some_turn(self, engine: Engine, seconds: float = 0.5) -> DrawnTurn:
        """A turn that is the same in every run, in some pieces."""
        rate = _rate(engine)
        samples = int(seconds * rate) + 1
        return DrawnTurn(rate, babble(samples, rate, seed=3), tuple(range(0, 2 * samples, samples // 4)))

    def _turns(self) -> st.SearchStrategy[DrawnTurn]:
        with self._engine() as engine:
            only = engine.info.input_rate
        return turns(self.longest_ms, RATES if only is None else st.just(only))

    def _for_any(self, check: Callable[..., None], *drawn: st.SearchStrategy[Any]) -> None:
        run = settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=True,
            report_multiple_bugs=False,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(*drawn)(check))
        run()

    def _needs_determinism(self) -> None:
        if not self.deterministic:
            pytest.skip("the engine does not promise the same frames for the same samples")


#: What an engine may be doing when it is interrupted or closed.
STATES = ("idle", "opened", "in mid-turn", "with frames to poll", "ended", "ended with frames to poll")


def _bring(driver: Driver, state: str, drawn: DrawnTurn) -> None:
    """Let an engine be in one of `STATES`."""
    if state == "idle":
        return
    driver.open(drawn.rate)
    if state == "opened":
        return
    driver.engine.push(drawn.pcm)
    if state == "in mid-turn":
        driver.poll()
    if state.startswith("ended"):
        driver.engine.end_turn()
    if state == "ended":
        driver.poll()


def _rate(engine: Engine) -> int:
    return engine.info.input_rate or 24_000


def _wrong_fields(info: EngineInfo) -> list[str]:
    """Names of the fields whose values cannot be."""
    whole = isinstance(info.size, tuple) and len(info.size) == 2 and all(isinstance(side, int) for side in info.size)
    right = {
        "fps": isinstance(info.fps, int) and 1 <= info.fps <= 100,
        "size": whole and min(info.size) > 0,
        "input_rate": info.input_rate is None or LOWEST_RATE <= info.input_rate <= HIGHEST_RATE,
        "lookahead_s": 0 <= info.lookahead_s < float("inf"),
        "first_frame_s": 0 <= info.first_frame_s < float("inf"),
        "paced": isinstance(info.paced, bool),
    }
    return [name for name, fits in right.items() if not fits]


def _check_guess(guess: TurnFrame | None, turn: Turn, index: int) -> None:
    keep(
        guess is None or (isinstance(guess, TurnFrame) and (guess.turn, guess.index) == (turn.id, index)),
        "provisional(k) is a stand-in for frame k of the open turn, or None.",
        f"For frame {index} of turn {turn.id} it was {guess!r:.200}.",
        "Set TurnFrame.turn and index as asked, or return None.",
    )


def _same(wanted: list[TurnFrame], found: list[TurnFrame], promise: str, what: str, remedy: str) -> None:
    differ = [a.index for a, b in zip(wanted, found, strict=True) if content(a) != content(b)]
    keep(not differ, promise, f"{what}: {differ}.", remedy)


def _refused(call: Callable[[], object], what: str) -> None:
    promise = f"{what} raises InvalidStateError."
    remedy = "Raise livekit_bithuman.InvalidStateError, and leave everything as it was."
    try:
        call()
    except InvalidStateError:
        return
    except Exception as error:
        raise BrokenPromise(promise, f"It raised {type(error).__name__}: {error}.", remedy) from error
    raise BrokenPromise(promise, "Nothing was raised.", remedy)
