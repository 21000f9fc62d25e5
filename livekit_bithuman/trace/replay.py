"""Plays a trace again on virtual time and holds every answer against the recorded one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cues import from_entry
from ..engine.counting import CountingEngine
from ..engine.protocol import Engine, EngineInfo, Turn, TurnFrame
from ..errors import EngineError
from ..face.idle import IdleMotion
from ..playout import Playout, Presenter, TickClock
from ..pose import Picture, Presentation
from .lines import INPUTS, Entry, Trace, engine_info, event_entry, picture_entry, samples_of, slice_entry

#: How far the weights of a mouth may lie apart, in 1/255, and a presentation's numbers: another machine's rounding.
WEIGHT_SLACK, NUMBER_SLACK = 2, 0.001


@dataclass(frozen=True)
class Divergence:
    """The first answer that was not the recorded one."""

    line: int  # of the trace, counted from 1
    recorded: Entry | None  # None: there was no such answer
    replayed: Entry | None

    def __str__(self) -> str:
        return f"line {self.line}: recorded {self.recorded}, replayed {self.replayed}"


@dataclass(frozen=True)
class Replayed:
    """What a replay found.

    Attributes:
        events: Recorded events that came again.
        pictures: Recorded pictures that came again.
        poses: Those whose pose was recorded and came again.
        underruns: Times that the voice ran dry inside an utterance.
        skipped: Pictures that were overdue by more than a frame and were never drawn.
        divergence: The first answer that differed; None: all agree.
    """

    events: int
    pictures: int
    poses: int
    underruns: int
    skipped: int
    divergence: Divergence | None


def replay(trace: Trace, engine: Engine | None = None) -> Replayed:
    """Do again what was done, at the recorded times.

    That an engine failed is repeated, not compared: a stand-in cannot stall as the recorded one did, and neither
    positions nor slots depend on it.

    Args:
        trace: As it was recorded.
        engine: Instead of the recorded one. None: the embedded engine if it was that and the samples are there, else a
            stand-in without faces, since positions and slots do not depend on them.
    """
    return _Replay(trace, engine).run()


class _Replay:
    def __init__(self, trace: Trace, engine: Engine | None) -> None:
        header = self._header = trace.header
        self._entries = trace.entries
        self._truncated = trace.truncated
        self._engine = RiggedEngine(header.engine, engine or self._recorded_engine(header.engine, header.embedded))
        self._posed = header.samples and self._engine.embedded  # every engine so far was made again
        self._playout = Playout(
            self._engine,
            Presenter(IdleMotion(header.seed, header.engine.fps), header.engine.fps, header.seed),
            rate=header.rate,
            clock=TickClock(header.origin),
            now=header.now,
            options=header.options,
        )
        self._events = self._pictures = self._poses = 0

    def run(self) -> Replayed:
        pending: list[Entry] = []  # events that came again and were not compared yet
        divergence = None
        for place, entry in enumerate(self._entries):
            number = place + 2
            if entry[0] in INPUTS:
                if self._fails_at(place):
                    self._engine.fails = True
                try:
                    answer = self._do(entry)
                except Exception as error:
                    divergence = Divergence(number, entry, ["raised", f"{type(error).__name__}: {error}"])
                    break
                self._engine.fails = False
                if not self._same_answer(entry, answer):
                    divergence = Divergence(number, entry, answer)
                pending += [told for told in map(event_entry, self._playout.take_events()) if told[0] != "failed"]
            elif entry[0] != "failed":
                again = pending.pop(0) if pending else None
                if again != entry:
                    divergence = Divergence(number, entry, again)
                self._events += 1
            if divergence is not None:
                break
        else:
            if pending and not self._truncated:
                divergence = Divergence(len(self._entries) + 1, None, pending[0])
        counts = self._playout.underruns, self._playout.skipped
        return Replayed(self._events, self._pictures, self._poses, *counts, divergence)

    def _do(self, entry: Entry) -> Entry:
        """Make a recorded call; returns the entry as it would be written now."""
        kind, playout = entry[0], self._playout
        if kind == "capture":
            playout.capture(samples_of(entry))
        elif kind == "engine":
            info = engine_info(entry[1])
            self._engine = RiggedEngine(info, self._recorded_engine(info, entry[2]))
            # once there were mouths that nobody knows, the blends after them are not known either
            self._posed = self._posed and self._engine.embedded
            playout.replace_engine(self._engine)
        elif kind == "cue":
            playout.cue(from_entry(entry[1]), *entry[2:])
        elif kind == "voice":
            return [kind, entry[1], *slice_entry(playout.voice(entry[1]))]
        elif kind == "picture":
            picture = playout.picture(entry[1], entry[2])
            return entry[:3] if picture is None else [*entry[:3], *picture_entry(picture, pose=self._posed)]
        else:
            getattr(playout, kind)(*entry[1:])
        return entry

    def _same_answer(self, recorded: Entry, replayed: Entry) -> bool:
        if recorded[0] != "picture":
            return recorded == replayed
        self._pictures += 1
        if recorded[:7] != replayed[:7]:
            return False
        if len(recorded) == len(replayed) == 8:
            self._poses += 1
            return _same_pose(recorded[7], replayed[7])
        return True

    def _fails_at(self, place: int) -> bool:
        """Whether the engine raised in the recorded call at `place`."""
        for entry in self._entries[place + 1 :]:
            if entry[0] in INPUTS:
                return False
            if entry[0] == "failed":
                return True
        return False

    def _recorded_engine(self, info: EngineInfo, embedded: bool) -> Engine | None:
        if embedded and self._header.samples:
            # imported at first use: recording needs none of it
            from ..engine.embedded import EmbeddedEngine

            return EmbeddedEngine(fps=info.fps)
        return None


class RiggedEngine:
    """The engine of a replay: it describes itself as the recorded one did, and fails when that failed.

    Args:
        info: Of the recorded engine.
        engine: Does the work; None: frames without mouths, as the samples come.
    """

    def __init__(self, info: EngineInfo, engine: Engine | None) -> None:
        self.info = info
        self.fails = False  # the next call raises
        self.embedded = engine is not None
        self._engine = engine or CountingEngine(info)

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn."""
        self._raise_if_it_failed()
        self._engine.open_turn(turn)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append samples."""
        self._raise_if_it_failed()
        self._engine.push(pcm)

    def end_turn(self) -> None:
        """End the turn."""
        self._raise_if_it_failed()
        self._engine.end_turn()

    def interrupt(self) -> None:
        """Forget the turn."""
        self._engine.interrupt()
        self._raise_if_it_failed()

    def poll(self) -> list[TurnFrame]:
        """Frames that became ready."""
        self._raise_if_it_failed()
        return self._engine.poll()

    def provisional(self, index: int) -> TurnFrame | None:
        """The engine's guess."""
        self._raise_if_it_failed()
        return self._engine.provisional(index)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """As the engine draws."""
        return self._engine.draw(frame, presentation)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _raise_if_it_failed(self) -> None:
        if self.fails:
            self.fails = False
            raise EngineError("The recorded engine failed here.")


def _same_pose(recorded: Entry, replayed: Entry) -> bool:
    if [len(part) for part in recorded] != [len(part) for part in replayed]:
        return False
    mouth = np.abs(np.subtract(recorded[0], replayed[0]))
    numbers = np.abs(np.subtract(recorded[1], replayed[1]))
    return bool(mouth.max() <= WEIGHT_SLACK and numbers.max() <= NUMBER_SLACK)
