"""Recorded sessions: what is written, what is read, and what a replay finds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from livekit_bithuman.cues import Act, Action, Attend, Attitude, Feel, Paused
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import EngineInfo, TurnFrame
from livekit_bithuman.errors import TraceError
from livekit_bithuman.media import Emotion
from livekit_bithuman.playout import PictureDue, Playout
from livekit_bithuman.testing import MarkerEngine
from livekit_bithuman.trace import Trace, TracedPlayout, replay, timeline, utterances
from livekit_bithuman.trace.lines import END, OUTPUTS
from tests.unit.playout.sim import RATE, ramp
from tests.unit.trace.recorded import Recorded

DATA = Path(__file__).parents[2] / "data"
#: Sessions that are kept. To add one that went wrong, put the file that `AvatarSession(record=...)` wrote there.
KEPT = sorted((DATA / "traces").glob("*.jsonl"))


def converse(recorded: Recorded) -> None:
    """A reply, an interruption, a pause, a stall, another engine, a busy start."""
    sim = recorded.sim
    sim.run(0.3)
    sim.say(ramp(RATE))
    sim.run(1.3)
    sim.capture(ramp(2 * RATE))
    sim.run(0.411)
    sim.clear()
    sim.capture(ramp(500))  # late, dropped
    sim.flush()
    sim.run(0.2)
    sim.capture(ramp(RATE // 2))
    sim.run(0.123)
    sim.pause()
    sim.run(0.5)
    sim.resume()
    sim.stall(0.3)
    sim.driven.rephase(sim.phase + sim.ticks * 0.01 - 0.0002)
    sim.driven.replace_engine(MarkerEngine((16, 16), lookahead_s=0.1))
    sim.capture(ramp(RATE))
    sim.flush()
    sim.run(2.0)
    sim.close()


def test_a_replay_gives_what_was_recorded() -> None:
    recorded = Recorded()
    converse(recorded)
    replayed = replay(recorded.trace)
    assert replayed.divergence is None
    assert replayed.pictures == len(recorded.sim.pictures)
    assert replayed.events == len(recorded.sim.events)
    assert replayed.poses == 0


def speech(seconds: float) -> NDArray[np.int16]:
    """Real speech; at the simulator's rate it is slow and deep."""
    samples: NDArray[np.int16]
    samples, _ = sf.read(DATA / "speech.wav", dtype="int16", frames=round(seconds * RATE))
    return samples


def test_a_replay_with_the_voice_gives_the_same_poses() -> None:
    recorded = Recorded(EmbeddedEngine(size=(128, 128)), samples=True)
    sim = recorded.sim
    sim.say(speech(1.5))
    sim.run(1.0)
    sim.clear()
    sim.capture(speech(1.0))
    sim.run(1.5)  # the voice runs dry: provisional poses
    sim.flush()
    sim.run(0.5)
    replayed = replay(recorded.trace)
    assert replayed.divergence is None
    assert replayed.poses == replayed.pictures == len(sim.pictures)
    mouths = [json.loads(line)[7][0] for line in recorded.lines[1:] if line.startswith('["picture"')]
    assert min(mouth[0] for mouth in mouths) < 200, "a mouth that only rests would prove nothing"


def test_cues_are_recorded_and_followed_again() -> None:
    recorded = Recorded(EmbeddedEngine(size=(64, 64)), samples=True)
    sim = recorded.sim
    sim.cue(Attend(Attitude.LISTENING))
    sim.run(0.5)
    sim.cue(Paused())
    sim.cue(Attend(Attitude.THINKING))
    sim.run(0.5)
    sim.capture(ramp(RATE))
    sim.cue(Act(Action.NOD, 0.7), 0.4)
    sim.cue(Feel(((Emotion.JOY, 0.8),), 0.3))
    sim.flush()
    sim.run(1.5)
    trace = recorded.trace
    again = replay(trace)
    assert again.divergence is None
    assert again.poses > 40
    assert any(len(entry[7][1]) > 9 for entry in trace.entries if entry[0] == "picture"), "an expression was shown"
    told = [moment.what for moment in timeline(trace) if "face was told" in moment.what]
    assert len(told) == 5
    assert told[3] == 'the face was told: {"act": "nod", "strength": 0.7}, at 0.40 s of the reply'

    place = next(place for place, entry in enumerate(trace.entries) if entry[0] == "cue" and "feel" in entry[1])
    del trace.entries[place]
    assert replay(trace).divergence is not None, "a cue that is missing is seen in the poses"


def test_poses_are_compared_until_another_kind_of_engine_takes_over() -> None:
    recorded = Recorded(EmbeddedEngine(size=(128, 128)), samples=True)
    sim = recorded.sim
    sim.say(speech(2.0))
    sim.run(0.7)
    sim.driven.replace_engine(EmbeddedEngine(size=(128, 128)))
    sim.run(0.5)
    known = len(sim.pictures)
    sim.driven.replace_engine(MarkerEngine((16, 16)))
    sim.run(0.5)
    sim.driven.replace_engine(EmbeddedEngine(size=(128, 128)))
    sim.run(1.0)
    replayed = replay(recorded.trace)
    assert replayed.divergence is None
    assert replayed.poses == known
    assert replayed.pictures == len(sim.pictures)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("finished", lambda entry: [*entry[:2], entry[2] + 160, entry[3]]),
        ("picture", lambda entry: [*entry[:6], entry[6] + 1]),
        ("voice", lambda entry: [*entry[:2], entry[2] + 160, entry[3]] if len(entry) > 2 else entry),
        ("capture", lambda entry: [entry[0], entry[1] + 160]),
        ("started", lambda entry: None),
    ],
)
def test_a_replay_finds_what_differs(kind: str, change: Callable[[list[object]], list[object] | None]) -> None:
    recorded = Recorded()
    converse(recorded)
    entries = [json.loads(line) for line in recorded.lines[1:]]
    place = [place for place, entry in enumerate(entries) if entry[0] == kind and len(entry) > 1][-1]
    changed = change(entries[place])
    entries[place : place + 1] = [] if changed is None else [changed]
    text = "\n".join([recorded.lines[0], *map(json.dumps, entries), END])
    divergence = replay(Trace.parse(text)).divergence
    assert divergence is not None
    assert divergence.line >= place + 2


def test_a_changed_pose_is_found() -> None:
    recorded = Recorded(EmbeddedEngine(size=(128, 128)), samples=True)
    recorded.sim.say(speech(0.5))
    recorded.sim.run(0.8)
    trace = recorded.trace
    pictures = [entry for entry in trace.entries if entry[0] == "picture"]
    pictures[12][7][0][3] += 5
    divergence = replay(trace).divergence
    assert divergence is not None
    assert divergence.recorded == pictures[12]


class Moody(MarkerEngine):
    """Fails in its third turn."""

    def poll(self) -> list[TurnFrame]:
        frames = super().poll()
        if any(frame.turn == 2 and frame.index > 5 for frame in frames):
            raise RuntimeError("had enough")
        return frames


def test_a_failing_engine_fails_again() -> None:
    recorded = Recorded(Moody((16, 16)))
    for _ in range(4):
        recorded.sim.say(ramp(RATE // 2))
        recorded.sim.run(0.8)
    assert any("had enough" in line for line in recorded.lines)
    assert replay(recorded.trace).divergence is None
    assert "the engine failed: RuntimeError: had enough" in [moment.what for moment in timeline(recorded.trace)]


class Wordless(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


class Rude(MarkerEngine):
    """Raises what cannot be described."""

    def poll(self) -> list[TurnFrame]:
        raise Wordless


def test_what_an_engine_raises_can_be_of_any_kind() -> None:
    recorded = Recorded(Rude((16, 16)))
    recorded.sim.say(ramp(RATE // 2))
    recorded.sim.run(1.0)
    assert [end.position for end in recorded.sim.finished()] == [RATE // 2]
    assert '["failed","Wordless"]' in recorded.lines
    assert replay(recorded.trace).divergence is None


class Numeric(MarkerEngine):
    """Describes itself in numpy's numbers."""

    @property
    def info(self) -> EngineInfo:
        width, height = np.array(super().info.size)
        return replace(super().info, size=(width, height))


def test_an_engine_may_describe_itself_in_numpys_numbers() -> None:
    recorded = Recorded(Numeric((16, 16)))
    recorded.sim.driven.replace_engine(Numeric((16, 16)))
    assert recorded.trace.header.engine == MarkerEngine((16, 16)).info
    assert replay(recorded.trace).divergence is None


def test_a_recording_that_fails_costs_the_agent_nothing(caplog: pytest.LogCaptureFixture) -> None:
    recorded = Recorded()
    write = recorded.lines.append

    def fails_at_the_end(line: str) -> None:
        if line.startswith('["started"'):
            raise RuntimeError("no more")
        write(line)

    assert isinstance(recorded.sim.driven, TracedPlayout)
    recorded.sim.driven._write_line = fails_at_the_end
    recorded.sim.say(ramp(RATE // 2))
    recorded.sim.run(1.0)
    assert [end.position for end in recorded.sim.finished()] == [RATE // 2]
    assert [record.getMessage() for record in caplog.records] == [
        "the session cannot be recorded any further; the agent goes on"
    ]
    assert not any(line.startswith('["finished"') for line in recorded.lines)


def test_voice_after_the_end_counts_for_no_utterance() -> None:
    recorded = Recorded()
    recorded.sim.capture(ramp(RATE // 2))
    recorded.sim.run(0.2)
    recorded.sim.close()
    recorded.sim.capture(ramp(RATE))
    recorded.sim.flush()
    assert [utterance.captured for utterance in utterances(recorded.trace)] == [0.5]


def test_an_engine_that_takes_over_after_a_stall_shows_the_same_poses_again() -> None:
    recorded = Recorded(EmbeddedEngine(size=(128, 128)), samples=True)
    sim = recorded.sim
    for piece in np.split(speech(2.0), 100):
        sim.capture(piece)
    sim.flush()
    sim.run(0.6)
    sim.now += 0.5  # the event loop is blocked, and the voice's task is the first that wakes
    sim.driven.advance(sim.now)
    sim.driven.replace_engine(EmbeddedEngine(size=(128, 128)))
    sim.run(1.5)
    replayed = replay(recorded.trace)
    assert replayed.divergence is None
    assert replayed.poses == len(sim.pictures)


class Stubborn(Playout):
    """Has a fault."""

    def picture(self, now: float, lead: float = 0.0) -> PictureDue | None:
        picture = super().picture(now, lead)
        if picture is not None and picture.segment is not None:
            raise AssertionError("a fault of playout")
        return picture


def test_a_fault_that_raises_in_playout_raises_in_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.playout.sim.Playout", Stubborn)
    # the package has a function of the module's name
    monkeypatch.setattr(sys.modules["livekit_bithuman.trace.replay"], "Playout", Stubborn)
    recorded = Recorded()
    recorded.sim.say(ramp(RATE // 2))
    with pytest.raises(AssertionError, match="a fault"):
        recorded.sim.run(1.0)
    divergence = replay(recorded.trace).divergence
    assert divergence is not None
    assert divergence.line == len(recorded.lines)
    assert divergence.replayed == ["raised", "AssertionError: a fault of playout"]


def test_nothing_of_the_voice_is_written_unless_it_was_asked_for() -> None:
    plain, full = Recorded(), Recorded(samples=True)
    for recorded in (plain, full):
        recorded.sim.say(ramp(RATE))
        recorded.sim.run(1.5)
    assert '["capture",16000]' in plain.lines
    assert max(map(len, plain.lines[1:])) < 100
    assert max(map(len, full.lines[1:])) > 2 * RATE
    assert all(len(json.loads(line)) == 7 for line in plain.lines if line.startswith('["picture"'))


def test_calls_without_effect_are_not_written() -> None:
    recorded = Recorded()
    recorded.sim.run(10.0)
    assert len(recorded.lines) == 1 + len(recorded.sim.pictures)


def test_what_became_of_each_utterance_is_told() -> None:
    recorded = Recorded()
    converse(recorded)
    first, second, third = utterances(recorded.trace)
    assert (first.captured, first.position, first.interrupted, first.pictures) == (1.0, 1.0, False, 25)
    assert second.interrupted
    assert second.captured == 2.0
    assert second.position == pytest.approx(0.41, abs=0.011)
    assert (third.captured, third.position, third.interrupted) == (1.5, 1.5, False)
    assert [len(utterance.runs) for utterance in (first, second, third)] == [1, 1, 3]
    for utterance in (first, second, third):
        assert sum(run.length for run in utterance.runs) == pytest.approx(utterance.position)
    paused, resumed, _ = third.runs  # and the stall drained it
    assert resumed.offset == paused.length
    assert resumed.at - paused.at > paused.length + 0.4
    said = [moment.what for moment in timeline(recorded.trace)]
    assert [what for what in said if what in ("asked to stop", "paused", "resumed", "closed")] == [
        "asked to stop",
        "paused",
        "resumed",
        "closed",
    ]
    assert "another engine took over" in said
    assert [what for what in said if "generation" in what] == [
        f"the source was emptied: generation {generation} begins" for generation in (1, 2)
    ]
    moments = [moment.at for moment in timeline(recorded.trace) if "first sample" not in moment.what]
    assert moments == sorted(moments)


def test_a_trace_that_breaks_off_is_read_up_to_there() -> None:
    recorded = Recorded()
    converse(recorded)
    between = [place for place, line in enumerate(recorded.lines[1:], 1) if json.loads(line)[0] in OUTPUTS]
    assert len(between) > 10
    for kept in [1, *between, len(recorded.lines)]:
        whole = "\n".join(recorded.lines[:kept])
        for text in (whole + "\n", whole + "\n" + '["prog'):
            trace = Trace.parse(text)
            assert trace.truncated
            assert len(trace.entries) == kept - 1
            assert replay(trace).divergence is None


def test_a_recording_that_was_ended_is_whole_and_takes_no_more() -> None:
    recorded = Recorded()
    recorded.sim.run(0.2)
    assert isinstance(recorded.sim.driven, TracedPlayout)
    recorded.sim.driven.end()
    recorded.sim.run(0.2)
    recorded.sim.driven.end()
    assert recorded.lines[-1] == END
    assert recorded.lines.count(END) == 1
    assert not Trace.parse("\n".join(recorded.lines)).truncated


def test_an_answer_too_many_at_the_very_end_is_found() -> None:
    recorded = Recorded()
    recorded.sim.capture(ramp(RATE // 2))
    recorded.sim.run(0.2)
    recorded.sim.close()
    assert not recorded.trace.truncated
    place = next(place for place, line in enumerate(recorded.lines) if line.startswith('["finished"'))
    del recorded.lines[place:]
    divergence = replay(recorded.trace).divergence
    assert divergence is not None
    assert divergence.recorded is None
    assert divergence.replayed is not None
    assert divergence.replayed[0] == "finished"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no trace"),
        ("RIFF....", "no trace"),
        ('{"rate": 24000}\n', "no trace"),
        ("[1]\n", "no trace"),
        ('{"livekit_bithuman_trace": 99}\n', "has format 99"),
        ('{"livekit_bithuman_trace": 1}\n', "header cannot be read"),
        ("[" * 5000, "no trace"),
    ],
)
def test_what_is_no_trace_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(TraceError, match=complaint):
        Trace.parse(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 0),
        ("rate", 22_050),
        ("rate", "24000"),
        ("origin", None),
        ("now", []),
        ("engine", {"fps": 0, "size": [16, 16]}),
        ("engine", {"fps": 25, "size": 16}),
        ("engine", None),
        ("options", {"depth_s": "much"}),
        ("options", {"hurry": 1}),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(key: str, value: object) -> None:
    header = {**json.loads(Recorded().lines[0]), key: value}
    with pytest.raises(TraceError, match="header cannot be read"):
        Trace.parse(json.dumps(header))


@pytest.mark.parametrize(
    "line",
    [
        '["cue",{"act":"wave","strength":1}]',
        '["cue",{"act":"nod","strength":1},"soon"]',
        "nonsense",
        "{}",
        "[]",
        "[[]]",
        '["unheard", 1]',
        '["end"]',
        '["capture"]',
        '["capture", -1]',
        '["capture", true]',
        '["capture", 2, "AAAA"]',
        '["capture", 2, "no base64"]',
        '["clear", null]',
        '["clear", NaN]',
        '["flush", 1.0]',
        '["voice", 1.0, 320]',
        '["picture", 1.0]',
        '["picture", 1.0, 0.015, 1.0, 0, 0, 3, [[], []]]',
        '["engine", {"fps": 25}, false]',
        '["engine", {"fps": "25", "size": [16, 16]}, false]',
        '["engine", {"fps": 25, "size": [16]}, false]',
        '["finished", 0, 1.5, true]',
        "[" * 5000,
    ],
)
def test_a_damaged_line_is_named(line: str) -> None:
    recorded = Recorded()
    converse(recorded)
    lines = recorded.text.splitlines()
    lines[7] = line
    with pytest.raises(TraceError, match="Line 8 of the trace"):
        Trace.parse("\n".join(lines))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_sessions_still_go_as_they_went(path: Path) -> None:
    replayed = replay(Trace.parse(path.read_text()))
    assert replayed.divergence is None
    assert replayed.pictures
