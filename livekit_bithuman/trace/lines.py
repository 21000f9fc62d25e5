"""A session's playout written down: everything that entered it and everything that came out, as JSON lines.

The first line is a `Header`; each further one is an array that begins with its kind:

    ["capture", samples, base64?]         ["flush"]            ["resume", now]       ["close", now]
    ["clear", now]                        ["pause", now]       ["rephase", fired]    ["engine", {info}, embedded]
    ["cue", {cue}, seconds into the reply?]
    ["advance", now]                      ["voice", now, samples sent, generation]
    ["picture", now, lead, due, generation, segment or null, slot, pose?]
    ["started", segment, at]              ["progressed", segment, at, first sample, samples]
    ["finished", segment, position, interrupted]
    ["stopped", samples of the fade]      ["failed", what the engine raised]
    ["end"]

Times are seconds of the session's monotonic clock, given to playout in whole microseconds and so exact here. The first
five rows are calls, with what was answered at their end, and the rest are events, so a replay can be held against it.
Calls that changed nothing are left out. The last line is "end", unless the recording broke off. Samples and poses are
only there if they were asked for; without them nothing says what was spoken.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cues import from_entry
from ..engine.protocol import Engine, EngineInfo
from ..errors import TraceError
from ..playout import PlayoutOptions
from ..playout.events import EngineFailed, Event, Finished, PictureDue, Progressed, Started, Stop, VoiceSlice
from ..pose import NO_EXPRESSION, Presentation
from ..version import __version__
from .shape import is_count, is_entry, is_number

FORMAT = 1
#: The kinds of lines that go into a playout, and of those that came out of it.
INPUTS = frozenset(
    ["capture", "flush", "clear", "pause", "resume", "close", "rephase", "engine", "cue", "advance", "voice", "picture"]
)
OUTPUTS = frozenset(["started", "progressed", "finished", "stopped", "failed"])

#: The last line of a recording that was brought to its end.
END = '["end"]'

Entry = list[Any]


@dataclass(frozen=True)
class Header:
    """What a playout was made of.

    Attributes:
        rate: Of the voice, in Hz.
        origin: A moment at which the audio source's timer fired, in seconds.
        now: The time of the first picture.
        engine: As it described itself.
        options: Of the playout.
        seed: Of the idle motion.
        embedded: The engine was the embedded one, which can be made again.
        samples: The voice's samples and the pictures' poses are in the trace.
        recorded: When, for people.
        version: Of this package.
    """

    rate: int
    origin: float
    now: float
    engine: EngineInfo
    options: PlayoutOptions = field(default_factory=PlayoutOptions)
    seed: int = 0
    embedded: bool = False
    samples: bool = False
    recorded: str = ""
    version: str = __version__

    def to_line(self) -> str:
        """As the trace's first line."""
        return as_line({"livekit_bithuman_trace": FORMAT, **asdict(self)})

    @classmethod
    def from_line(cls, line: str) -> Header:
        """From a trace's first line.

        Raises:
            TraceError: It is none, or of another format.
        """
        try:
            values = json.loads(line)
            number = values.pop("livekit_bithuman_trace")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise TraceError("This is no trace of a session: its first line is not a trace's header.") from None
        if number != FORMAT:
            raise TraceError(f"The trace has format {number}, this version reads {FORMAT}: use the one that wrote it.")
        try:
            known = {key: values[key] for key in (field.name for field in fields(cls))}
            known["engine"] = engine_info(known["engine"])
            known["options"] = _options(known["options"])
            if not all(map(is_number, (known["origin"], known["now"], known["seed"]))):
                raise TypeError("a number is none")
            if not is_count(known["rate"]) or not known["rate"] or known["rate"] % 100:
                raise TypeError(f"a rate of {known['rate']}")
        except (KeyError, TypeError) as error:
            raise TraceError(f"The trace's header cannot be read ({error}): the file is damaged.") from None
        return cls(**known)


@dataclass(frozen=True)
class Trace:
    """A trace that was read.

    Attributes:
        header: Its first line.
        entries: The others, without the end.
        truncated: It has no end, since the process was killed or the disk was full. A last line that is incomplete was
            left out, and the answers to the last call may be missing.
    """

    header: Header
    entries: list[Entry]
    truncated: bool = False

    @classmethod
    def parse(cls, text: str) -> Trace:
        """From the text of a file.

        Raises:
            TraceError: It is no trace, of another format, or damaged.
        """
        lines = text.splitlines()
        ended = len(lines) > 1 and lines[-1] == END
        if ended:
            lines.pop()
        header = Header.from_line(lines[0] if lines else "")
        entries: list[Entry] = []
        for number, line in enumerate(lines[1:], start=2):
            try:
                entry = json.loads(line)
                if not is_entry(entry):
                    raise ValueError(line)
                if entry[0] == "engine":
                    engine_info(entry[1])
                if entry[0] == "cue":
                    from_entry(entry[1])
            except (ValueError, TypeError, RecursionError):
                if number == len(lines) and not ended:
                    return cls(header, entries, truncated=True)
                raise TraceError(f"Line {number} of the trace cannot be read: the file is damaged there.") from None
            entries.append(entry)
        return cls(header, entries, truncated=not ended)


def as_line(values: object) -> str:
    """As one line of JSON. What an engine says of itself may hold numpy's numbers."""
    return json.dumps(values, separators=(",", ":"), default=_plain)


def event_entry(event: Event) -> Entry:
    """An event as a trace's line."""
    if isinstance(event, Started):
        return ["started", event.segment, micros(event.at)]
    if isinstance(event, Progressed):
        return ["progressed", event.segment, micros(event.started_at), event.offset, event.count]
    if isinstance(event, Finished):
        return ["finished", event.segment, event.position, event.interrupted]
    if isinstance(event, Stop):
        return ["stopped", len(event.fade)]
    assert isinstance(event, EngineFailed)
    return ["failed", _described(event.error)]


def slice_entry(piece: VoiceSlice | None) -> Entry:
    """What `Playout.voice` answered: samples and generation; nothing for None."""
    return [] if piece is None else [len(piece.samples), piece.generation]


def picture_entry(picture: PictureDue, *, pose: bool) -> Entry:
    """What `Playout.picture` answered."""
    told = [micros(picture.due), picture.generation, picture.segment, picture.slot]
    return [*told, _pose(picture)] if pose else told


def is_embedded(engine: Engine) -> bool:
    """Whether a replay can make this engine again. By name: importing it would load the net into any session."""
    kind = type(engine)
    return (kind.__module__, kind.__name__) == ("livekit_bithuman.engine.embedded", "EmbeddedEngine")


def engine_info(values: dict[str, Any]) -> EngineInfo:
    """An engine's description from its JSON.

    Raises:
        TypeError: It says something else.
    """
    info = EngineInfo(**values)
    size = tuple(info.size)
    if len(size) != 2 or not all(map(is_count, (*size, info.fps))) or not info.fps:
        raise TypeError("an engine of no size or frame rate")
    if not is_number(info.lookahead_s) or not is_number(info.first_frame_s):
        raise TypeError("an engine without a look-ahead")
    return replace(info, size=size)


def _options(values: dict[str, Any]) -> PlayoutOptions:
    options = PlayoutOptions(**values)
    if not all(map(is_number, astuple(options))):
        raise TypeError("options that are no numbers")
    return options


def samples_of(entry: Entry) -> NDArray[np.int16]:
    """The samples of a "capture": those that were recorded, or silence of their length."""
    if len(entry) > 2:
        return np.frombuffer(base64.b64decode(entry[2]), "<i2").astype(np.int16)
    return np.zeros(entry[1], np.int16)


def _pose(picture: PictureDue) -> Entry:
    """What is drawn: the mouth's weights in 1/255, and the numbers of the presentation."""
    return [np.rint(picture.mouth * 255).astype(int).tolist(), list(_numbers(picture.presentation))]


def _numbers(presentation: Presentation) -> Iterator[float]:
    expression = presentation.expression
    for value in astuple(replace(presentation, mouth_from=None, expression=NO_EXPRESSION)):
        if isinstance(value, float):
            yield round(value, 4)
    if expression != NO_EXPRESSION:
        yield from (round(value, 4) for value in astuple(expression))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else repr(value)


def _described(error: Exception) -> str:
    """What an engine raised may raise again when it is asked what it is."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def micros(seconds: float) -> float:
    """A moment in whole microseconds: short to write down, and what a replay is given is what the session was."""
    return round(seconds, 6)
