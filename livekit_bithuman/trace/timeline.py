"""A trace told to people: what happened when, and what became of each utterance."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .lines import Entry, Trace


@dataclass(frozen=True)
class Moment:
    """Something that happened."""

    at: float  # seconds since the trace began
    what: str


@dataclass(frozen=True)
class Run:
    """A stretch of voice that left the source without a gap."""

    at: float  # seconds since the trace began
    offset: float  # seconds from the beginning of the utterance
    length: float  # seconds


@dataclass
class Utterance:
    """One segment of the agent's voice; times are seconds since the trace began, lengths seconds of voice."""

    number: int
    opened: float
    captured: float = 0.0
    started: float | None = None
    position: float | None = None  # what was heard of it; None while it is not finished
    interrupted: bool = False
    finished: float | None = None
    pictures: int = 0
    runs: list[Run] = field(default_factory=list)  # what left the source in one piece


def timeline(trace: Trace) -> list[Moment]:
    """What happened, in order."""
    return _Reader(trace).moments


def utterances(trace: Trace) -> list[Utterance]:
    """What became of each utterance, in order."""
    return list(_Reader(trace).utterances.values())


class _Reader:
    """Goes through a trace once, as livekit-agents counts: a segment opens at the first capture after a flush."""

    def __init__(self, trace: Trace) -> None:
        self.moments: list[Moment] = []
        self.utterances: dict[int, Utterance] = {}
        self._begin = trace.header.now
        self._rate = trace.header.rate
        self._generation = 0
        self._now = 0.0  # the newest time that was seen
        self._open: Utterance | None = None
        self._cleared = False  # the open utterance was: what is captured of it is dropped
        for entry in trace.entries:
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        kind, *values = entry
        if kind in ("clear", "pause", "resume", "close", "advance", "voice", "picture"):
            self._now = max(self._now, values[0] - self._begin)
        if kind == "capture":
            self._capture(values[0])
        elif kind == "flush":
            self._open, self._cleared = None, False
        elif kind == "picture":
            if len(values) > 2 and values[4] is not None and values[4] in self.utterances:
                self.utterances[values[4]].pictures += 1
        elif kind in _SAID:
            self._say(_SAID[kind])
            self._cleared = self._cleared or (kind in ("clear", "close") and self._open is not None)
        elif kind == "cue":
            when = "" if len(values) < 2 else f", at {values[1]:.2f} s of the reply"
            self._say(f"the face was told: {json.dumps(values[0])}{when}")
        elif kind == "engine":
            self._say("another engine took over")
        elif kind == "failed":
            self._say(f"the engine failed: {values[0]}")
        elif kind == "stopped":
            self._generation += 1
            self._say(f"the source was emptied: generation {self._generation} begins")
        elif kind in ("started", "progressed", "finished") and values[0] in self.utterances:
            self._tell(kind, values)

    def _tell(self, kind: str, values: Entry) -> None:
        """What the agent was told of an utterance."""
        if kind == "started":
            self.utterances[values[0]].started = values[1] - self._begin
            self._say(f"utterance {values[0]}: its first sample left", values[1] - self._begin)
        elif kind == "progressed":
            number, at, offset, count = values
            run = Run(at - self._begin, offset / self._rate, count / self._rate)
            self.utterances[number].runs.append(run)
            end = run.offset + run.length
            self._say(f"utterance {number}: {run.offset:.3f} .. {end:.3f} s of it left, from {run.at:.3f} on")
        else:
            self._finish(*values)

    def _capture(self, samples: int) -> None:
        if self._open is None:
            number = len(self.utterances)
            self._open = self.utterances[number] = Utterance(number, self._now)
            self._say(f"utterance {number}: voice came")
        if not self._cleared:
            self._open.captured += samples / self._rate

    def _finish(self, number: int, position: int, interrupted: bool) -> None:
        utterance = self.utterances[number]
        utterance.position, utterance.interrupted = position / self._rate, interrupted
        utterance.finished = self._now
        how = "was interrupted" if interrupted else "ended"
        heard = f"{utterance.position:.3f} of {utterance.captured:.3f} s heard"
        self._say(f"utterance {number}: {how}, {heard}, {utterance.pictures} pictures")

    def _say(self, what: str, at: float | None = None) -> None:
        self.moments.append(Moment(self._now if at is None else at, what))


_SAID = {
    "clear": "asked to stop",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
}
