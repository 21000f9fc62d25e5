"""The experiments: each lets both sides do the same, in turn, and returns figures for some rows."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import measure
from .agent import Cpu, Said, Side
from .lane import Lane, Setting
from .process import ChildError
from .recording import Recording
from .table import Results
from .voices import RATE, SLOT, noise

OURS, OFFICIAL = Side("ours"), Side("official")
OFFICIAL_AS_OURS = replace(OFFICIAL, our_encoding=True)  # "official*" in the table
EMBEDDED = {
    "ours": replace(OURS, engine="embedded"),
    "official": replace(OFFICIAL, engine="embedded"),
    "official*": replace(OFFICIAL_AS_OURS, engine="embedded"),
}
TURN_S = 4.0
BAND_S = 0.025  # of the A/V offset, around what it was before
NEVER_S = 99.0  # what did not come back within its reply
#: Threads of libwebrtc that encode, by how their names begin.
ENCODER_THREADS = ("VideoEncoder", "AudioEncoder")
#: Threads that Python has not made and nobody has named: OpenCV's, which draw for the engine.
DRAWING_THREADS = ("python",)


def network(setting: Setting) -> Results:
    """What encoder, network, jitter buffer and decoder add without any plugin."""
    count = setting.count(40, 15)
    voices, pictures = [], []
    chance = random.Random(0)
    with Lane(setting, None) as lane:
        lane.agent.call("shown")
        for seed in range(count):
            time.sleep(chance.uniform(0.0, 0.05))  # any phase of the source's timer
            lane.take()
            handed = lane.agent.call("burst", seed=seed, seconds=0.3)
            recording = lane.take()
            track = measure.follow(recording, noise(seed, 0.3), 0.010)
            if len(track) > 5:
                voices.append((track.starts_at() - handed) * 1000)
            captured = lane.agent.call("shown")
            for at, number in zip(recording.seen, recording.numbers(), strict=True):
                if int(number) in captured:
                    pictures.append((at - captured[int(number)]) * 1000)
    # the source's timer fires 0..10 ms after a hand-over to its empty queue
    return {
        "net_voice": {"plain": [value - 5.0 for value in voices]},
        "net_picture": {"plain": pictures},
    }


def turns(setting: Setting) -> Results:
    """Replies that end by themselves: sync, latency, losses, gaps, reports."""
    results = network(setting)
    for lane, numbers in _alternating(setting, setting.count(40, 8)):
        for turn in numbers:
            voice = noise(turn, TURN_S)
            said, recording = lane.do("say", seed=turn, seconds=TURN_S)
            _note(results, lane, _turn_figures(said, recording, measure.follow(recording, voice), voice))
        lane.take()
        _note(results, lane, {
            "never_shown": [lane.never_shown],
            "gap": lane.gaps_ms,
            "gap_p99": [float(np.percentile(lane.gaps_ms, 99))],
            "freeze": [max(lane.gaps_ms)],
            "black": [float(sum((piece.luma < 20).sum() for piece in lane.pieces))],
        })  # fmt: skip
        for key in lane.pieces[-1].notes:  # freezes since the last look each, and the latency at each
            _note(results, lane, {key: [piece.notes[key] for piece in lane.pieces if key in piece.notes]})
    return results


def _turn_figures(
    said: Said, recording: Recording, track: measure.Track, voice: NDArray[np.int16]
) -> dict[str, list[float]]:
    """The figures of one reply."""
    if len(track) < 10:
        return {}
    seen, slots = measure.spoken(recording)
    begins, ends = track.starts_at(slice(0, 10)), track.starts_at(slice(-10, None)) + len(voice) / RATE
    _, offsets = measure.av_offsets(recording, track)
    whole = len(voice) // SLOT
    figures = {
        "av": list(offsets * 1000),
        "voice": [(begins - said.asked) * 1000],
        "slots_lost": [100 * (1 - len(set(slots.tolist())) / whole)],
    }
    if len(seen):
        figures["mouth"] = [(float(seen[0]) - said.asked) * 1000]
    started = [report.dated for report in said.reports if report.kind == "started"]
    finished = [report.at for report in said.reports if report.kind == "finished"]
    if started:
        figures["started_viewer"] = [(started[0] - begins) * 1000]
    if finished:
        figures["finished_viewer"] = [(finished[0] - ends) * 1000]
    return figures


def interruptions(setting: Setting) -> Results:
    """Replies that are cut off, the two sides alternating: the old voice's end, the next picture, positions."""
    results: Results = {}
    chance = random.Random(1)
    for lane, numbers in _alternating(setting, setting.count(40, 8)):
        for place, turn in enumerate(numbers):
            after = 1.0 + chance.uniform(0.0, 0.1)
            said, recording = lane.do("interrupt", seed=100 + turn, seconds=5.0, after=after)
            _note(results, lane, _interrupt_figures(said, recording, counted=place > 0))
    with Lane(setting, OURS) as lane:
        for turn in range(setting.count(200, 60)):
            said, _ = lane.do("interrupt", settle=0.0, seed=turn, seconds=5.0, after=0.3, rest=0.1)
            _note(results, lane, _unstarted(said))
    return results


def _interrupt_figures(said: Said, recording: Recording, counted: bool) -> dict[str, list[float]]:
    """The figures of one interrupted reply; `counted`: it follows another interruption."""
    figures = _unstarted(said) if counted else {}
    end = measure.voice_end(recording)
    if end is not None:
        figures["silence"] = [(end - said.did) * 1000]
    first, stale = measure.first_of_next_generation(recording, said.did)
    figures["stale"] = [float(stale)]
    if first is not None:
        figures["next_picture"] = [(first - said.did) * 1000]
    closed = measure.closed_at(recording, said.did)
    if closed is not None:
        figures["closed"] = [(closed - said.did) * 1000]
    return figures


def _unstarted(said: Said) -> dict[str, list[float]]:
    started = any(report.kind == "started" for report in said.reports)
    return {"unstarted": [float(not started)], "after_interrupt": [1.0]}


def source(setting: Setting) -> Results:
    """What is reported against what leaves the audio source, seen by a tap on it in the agent's process."""
    results: Results = {}
    chance = random.Random(4)
    for lane, numbers in _alternating(setting, setting.count(40, 8)):
        for turn in numbers:
            after = 1.0 + chance.uniform(0.0, 0.1)
            said, left = lane.agent.call("tapped", what="say", seed=200 + turn, seconds=1.0)
            _note(results, lane, _report_figures(said, left))
            said, left = lane.agent.call("tapped", what="interrupt", seed=300 + turn, seconds=3.0, after=after)
            _note(results, lane, _position_figures(said, left))
    return results


def _report_figures(said: Said, left: Recording) -> dict[str, list[float]]:
    """When playback is said to start and finish, against the tap."""
    loud = measure.loud_samples(left)
    if not len(loud):
        return {}
    begin, end = float(left.when(int(loud[0]))), float(left.when(int(loud[-1]))) + measure.GRAIN / RATE
    started = [(report.dated - begin) * 1000 for report in said.reports if report.kind == "started"]
    finished = [(report.at - end) * 1000 for report in said.reports if report.kind == "finished"]
    return {"started": started, "finished": finished}


def _position_figures(said: Said, left: Recording) -> dict[str, list[float]]:
    """The position that an interruption is told, against the blocks that had left by then."""
    finished = [report for report in said.reports if report.kind == "finished"]
    if not finished:
        return {}
    before = left.between(0.0, finished[0].at)
    return {"position": [finished[0].position * 1000 - len(measure.loud_samples(before)) * measure.GRAIN * 1000 / RATE]}


def pauses(setting: Setting) -> Results:
    """Replies with a pause: ours alone, since the official output has none."""
    results: Results = {}
    chance = random.Random(2)
    with Lane(setting, OURS) as lane:
        for turn in range(setting.count(20, 4)):
            after = 1.0 + chance.uniform(0.0, 0.1)
            said, recording = lane.do("pause", seed=turn, seconds=3.0, after=after, length=0.8)
            end = measure.voice_end(recording.between(0.0, said.resumed))
            seam = measure.seam(recording, measure.follow(recording, noise(turn, 3.0)), said.did, said.resumed)
            figures = {} if end is None else {"pause_silence": [(end - said.did) * 1000]}
            if seam is not None:
                figures["seam"] = [seam * 1000]
            _note(results, lane, figures)
    return results


def clicks(setting: Setting) -> Results:
    """A steady tone that is cut off, and one that is paused: what is heard above 1.5 kHz."""
    results: Results = {}
    chance = random.Random(3)
    for lane, numbers in _alternating(setting, setting.count(20, 6)):
        for turn in numbers:
            after = 1.2 + chance.uniform(0.0, 0.01)
            said, recording = lane.do("interrupt", seed=0, seconds=4.0, after=after, sound="tone")
            _note(results, lane, _optional("click_interrupt", measure.click_db(recording, said.did)))
            if lane.side is OURS:
                said, recording = lane.do("pause", seed=turn, seconds=3.0, after=after, length=0.5, sound="tone")
                _note(results, lane, _optional("click_pause", measure.click_db(recording, said.did)))
                _note(results, lane, _optional("click_resume", measure.click_db(recording, said.resumed)))
    return results


def fps(setting: Setting) -> Results:
    """The frame rate of the embedded engine at two sizes, the sides one after the other."""
    results: Results = {}
    for label, size in (("512", (512, 512)), ("720", (1280, 720))):
        for _ in range(setting.count(3, 1)):
            for name in ("ours", "official"):
                with Lane(setting, replace(EMBEDDED[name], size=size)) as lane:
                    silence = lane.idle(setting.count(10, 5))
                    _, speech = lane.do("say", settle=0.0, seed=5, seconds=setting.count(10, 5))
                    rates = {
                        f"fps_silence_{label}": [measure.rate_of(silence.seen)],
                        f"fps_speech_{label}": [measure.rate_of(speech.seen)],
                    }
                    _note(results, lane, rates)
    return results


def cpu(setting: Setting) -> Results:
    """CPU of one avatar of the embedded engine in speech, the sides one after the other."""
    results: Results = {}
    per_picture: dict[str, list[float]] = {}
    for _ in range(setting.count(3, 1)):
        for name, side in EMBEDDED.items():
            with Lane(setting, side) as lane:
                before: Cpu = lane.agent.call("cpu")
                begin = time.monotonic()
                _, recording = lane.do("say", settle=0.0, seed=5, seconds=setting.count(20, 8))
                after: Cpu = lane.agent.call("cpu")
                wall = time.monotonic() - begin
                rate = measure.rate_of(recording.seen)
                _note(results, name, {**_cpu_figures(before, after, wall), "cpu_fps": [rate]})
                per_picture.setdefault(name, []).append((after.total - before.total) / wall / rate)
    for name in ("ours", "official"):
        ratio = np.median(per_picture[name]) / np.median(per_picture["official*"])
        _note(results, name, {"cpu_ratio": [float(ratio)]})
    return results


def _cpu_figures(before: Cpu, after: Cpu, wall: float) -> dict[str, list[float]]:
    """In per cent of one core."""

    def spent(names: tuple[str, ...]) -> float:
        threads = ((name, seconds) for name, seconds in after.threads.items() if name.startswith(names))
        return sum(seconds - before.threads.get(name, 0.0) for name, seconds in threads)

    encoder = spent(ENCODER_THREADS)
    total, engine = after.total - before.total, after.engines - before.engines + spent(DRAWING_THREADS)
    parts = {"cpu": total, "cpu_engine": engine, "cpu_encoder": encoder, "cpu_rest": total - engine - encoder}
    return {key: [100 * seconds / wall] for key, seconds in parts.items()}


def busy(setting: Setting) -> Results:
    """The same turns while two processes use all they get of the machine."""
    results: Results = {}
    with _busy_processes(2):
        for lane, numbers in _alternating(setting, setting.count(16, 4)):
            ran_dry = lane.agent.call("underruns")
            for turn in numbers:
                _, recording = lane.do("say", seed=turn, seconds=TURN_S)
                track = measure.follow(recording, noise(turn, TURN_S))
                _, offsets = measure.av_offsets(recording, track)
                seen, _ = measure.spoken(recording)
                figures = {"busy_av": list(offsets * 1000), "busy_holes": [float(_holes(recording))]}
                if len(seen) > 10:
                    figures["busy_fps"] = [measure.rate_of(seen)]
                _note(results, lane, figures)
            if ran_dry is not None:
                _note(results, lane, {"busy_underruns": [float(lane.agent.call("underruns") - ran_dry)]})
    return results


def _holes(recording: Recording) -> int:
    """Silences of 20 ms and more inside the voice."""
    loud = measure.loud_samples(recording)
    return int((np.diff(loud) >= RATE // 50).sum())


def capacity(setting: Setting) -> Results:
    """Avatars of the embedded engine that one process keeps at a true 25 FPS, all of them speaking."""
    results: Results = {}
    for name, side in EMBEDDED.items():
        full = 0.0  # FPS of one alone
        at_25 = own = 0
        for avatars in range(1, 9):
            try:
                slowest = _slowest(setting, side, avatars)
            except ChildError:
                break
            full = full or slowest
            at_25 = avatars if slowest >= 24.5 and at_25 == avatars - 1 else at_25
            own = avatars if slowest >= 0.98 * full and own == avatars - 1 else own
            if own < avatars:
                break
        _note(results, name, {"capacity": [float(at_25)], "capacity_own": [float(own)]})
    return results


def _slowest(setting: Setting, side: Side, avatars: int) -> float:
    """The lowest frame rate of several avatars that all speak."""
    with Lane(setting, side, avatars) as lane:
        for number in range(avatars):
            lane.viewer.call("take", number=number)
        begin = time.monotonic()
        lane.agent.call("say_all", seed=0, seconds=7.0)
        rates = []
        for number in range(avatars):
            recording: Recording = lane.viewer.call("take", number=number)
            seen = recording.between(begin + 1.0, begin + 6.5).seen
            rates.append(measure.rate_of(seen) if len(seen) > 2 else 0.0)
    return min(rates)


def stalls(setting: Setting) -> Results:
    """The agent's event loop blocked for half a second in a reply."""
    results: Results = {}
    for lane, numbers in _alternating(setting, setting.count(8, 4)):
        for turn in numbers:
            said, recording = lane.do("stall", seed=turn, seconds=6.0, after=1.5, length=0.5)
            at, offsets = measure.av_offsets(recording, measure.follow(recording, noise(turn, 6.0)))
            before = offsets[at < said.did]
            if len(before):
                back = measure.back_in_band(at, offsets, said.did + 0.5, float(np.median(before)), BAND_S)
                _note(results, lane, {"stall_back": [back if math.isfinite(back) else NEVER_S]})
    return results


def drift(setting: Setting) -> Results:
    """One reply of many minutes: the change of the A/V offset from its beginning to its end."""
    results: Results = {}
    minutes = setting.drift_minutes
    if not minutes:
        return results
    with _both(setting) as lanes:
        for lane in lanes.values():
            lane.take()
            lane.agent.ask("say", seed=7, seconds=60 * minutes)
        for lane in lanes.values():
            lane.agent.answer()
            time.sleep(1.0)
            recording = lane.take()
            at, offsets = measure.av_offsets(recording, measure.follow(recording, noise(7, 60 * minutes), 0.2))
            _note(results, lane, {"drift": [measure.trend(at, offsets) * 1000]})
    return results


def joining(setting: Setting) -> Results:
    """From a viewer's joining to its first picture."""
    results: Results = {}
    for lane, numbers in _alternating(setting, setting.count(20, 4)):
        for number in numbers:
            took, black = lane.viewer.call("join", room=lane.rooms[0], identity=f"late-{number}")
            _note(results, lane, {"join": [took * 1000], "black": [float(black)]})
    return results


EXPERIMENTS: dict[str, Callable[[Setting], Results]] = {
    "network": network,
    "turns": turns,
    "interruptions": interruptions,
    "source": source,
    "pauses": pauses,
    "clicks": clicks,
    "fps": fps,
    "cpu": cpu,
    "busy": busy,
    "stalls": stalls,
    "capacity": capacity,
    "joining": joining,
    "drift": drift,
}
#: What a browser can be the viewer of.
IN_CHROMIUM = ("network", "turns", "interruptions")


def _alternating(setting: Setting, count: int) -> Iterator[tuple[Lane, range]]:
    """The sides with the marker engine, one at a time and each in two turns, with the numbers of its repetitions.

    Both at once would share the machine, and what is measured would be the load that they make for each other.
    """
    half = -(-count // 2)
    for numbers in (range(half), range(half, count)):
        for side in (OURS, OFFICIAL):
            with Lane(setting, side) as lane:
                yield lane, numbers


@contextmanager
def _both(setting: Setting) -> Iterator[dict[str, Lane]]:
    """Both sides with the marker engine, in a room each, at the same time."""
    with ExitStack() as stack:
        yield {side.name: stack.enter_context(Lane(setting, side)) for side in (OURS, OFFICIAL)}


@contextmanager
def _busy_processes(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _optional(key: str, value: float | None) -> dict[str, list[float]]:
    return {} if value is None else {key: [value]}


def _note(results: Results, lane: Lane | str, figures: dict[str, list[float]]) -> None:
    """Add figures of one side."""
    name = lane if isinstance(lane, str) else lane.side.name if lane.side is not None else "plain"
    for key, values in figures.items():
        results.setdefault(key, {}).setdefault(name, []).extend(float(value) for value in values)
