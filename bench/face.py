"""What a face costs: `python -m bench.face`, two minutes on a quiet machine.

Ten seconds of a conversation are drawn by one thread: the face listens, thinks, speaks real speech, feels joy, nods,
raises its brows, tilts and shakes its head, and laughs. Printed are, for each character and a portrait:

- CPU time per frame, median and 95th percentile, by size: everything from the motion's numbers to the I420 picture that
  a video track takes. Turning sound into visemes is told apart, and so is each part of the drawing, at the mean.
- Memory of each further avatar of the same bundle in one process, each in a thread of its own, as sessions have it.
- The time from a bundle's bytes on disk to its first picture, in a process that has imported the package.

Machines differ, and so does one machine from minute to minute: a fixed operation, the remap of a 512x512 BGRA picture
by float32 maps, is timed between the frames, and each figure is also told as a multiple of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from livekit_bithuman.cues import Act, Action, Attend, Attitude, Cue, Paused, emotion_cue
from livekit_bithuman.engine.compose import Demeanour
from livekit_bithuman.engine.embedded import DEFAULT_SEED, EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn, TurnFrame
from livekit_bithuman.face import Avatar, bundle, eyes, head, mouth, portrait, warp
from livekit_bithuman.pose import Presentation

from . import portraits

SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech.wav"
NAMES = ("maya", "vera", "kofi", "portrait")  # the last is made of a photograph
SIZES = ((512, 512), (1280, 720), (1920, 1080))
FPS = 25
LISTENING, THINKING, AFTERWARDS = 62, 38, 42  # frames before and after the speech
#: What the face is told, by frame: before it speaks (counted from the start), and from its first word on.
BEFORE: dict[int, tuple[Cue, ...]] = {
    0: (Attend(Attitude.LISTENING),),
    30: (Paused(), Act(Action.NOD)),
    LISTENING: (Attend(Attitude.THINKING),),
}
SPOKEN: dict[int, tuple[Cue, ...]] = {
    0: (Attend(Attitude.SPEAKING), emotion_cue("joy", 0.8)),
    10: (Act(Action.NOD),),
    35: (Act(Action.BROW_RAISE), Act(Action.TILT)),
    60: (Act(Action.SHAKE), emotion_cue("surprise", 0.7)),
    95: (emotion_cue("neutral"), Act(Action.NOD)),
    108: (Attend(Attitude.IDLE), Act(Action.LAUGH)),
}
#: The parts of a picture: what is called for each.
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "mouth": ((mouth.MouthRig, "draw"),),
    "eyes": ((eyes.EyeRig, "draw"),),
    "head's motion": ((head.HeadRig, "inverse"),),
    "motion to pixels": ((warp, "spread"),),
    "warp": ((warp, "sampled"),),
    "composition": ((warp, "lay_over"),),
}
MB = 1e6
AVATARS, PICTURES = 5, 50  # in a process whose memory is measured


@dataclass(frozen=True)
class SizeFigures:
    """Of one avatar at one size; CPU ms of one thread."""

    name: str
    size: tuple[int, int]
    p50_ms: float
    p95_ms: float
    reference_ms: float  # the fixed operation, median, among these frames
    parts_ms: dict[str, float]  # mean
    speech_ms: float  # sound to visemes, mean; not in the others


@dataclass(frozen=True)
class ProcessFigures:
    """Of one avatar in a fresh process, 512x512."""

    name: str
    start_s: float  # from the bundle's file to the first picture
    process_start_s: float  # the same from the process' own start
    first_mb: float  # resident with one avatar
    further_mb: float  # more for each further one


class Scene:
    """The conversation: frames of an engine, and what the face does meanwhile."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        with wave.open(str(SPEECH)) as sound:
            rate, pcm = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
        begin = time.process_time()
        engine.open_turn(Turn(0, rate))
        for at in range(0, len(pcm), rate // FPS):
            engine.push(pcm[at : at + rate // FPS])
        engine.end_turn()
        self._spoken = engine.poll()
        self.speech_ms = 1000 * (time.process_time() - begin) / len(self._spoken)

    def __iter__(self) -> Iterator[tuple[TurnFrame | None, Callable[[], Presentation]]]:
        """Each frame, and how to compute its presentation."""
        demeanour = Demeanour(DEFAULT_SEED, FPS)
        resting, speaking = demeanour.acting(), demeanour.acting()
        for tick in range(LISTENING + THINKING):
            for cue in BEFORE.get(tick, ()):
                resting.take(cue, tick)
            yield None, lambda tick=tick: demeanour.resting(tick, tick, 0.0, resting, tick)  # type: ignore[misc]
        for slot, frame in enumerate([*self._spoken, *[None] * AFTERWARDS]):
            for cue in SPOKEN.get(slot, ()):
                speaking.take(cue, slot)
            emphasis = 0.0 if frame is None else frame.emphasis
            yield frame, lambda s=slot, e=emphasis: demeanour.speaking(s, e, speaking)  # type: ignore[misc]


def size_figures(name: str, avatar: Avatar, size: tuple[int, int], rounds: int) -> SizeFigures:
    """Draw the scene some times, and once more for the parts."""
    engine = EmbeddedEngine(avatar, size=size)
    scene, reference = Scene(engine), Reference()
    took, fixed = [], []
    engine.draw(None, Presentation())
    for _ in range(rounds):
        for frame, presentation in scene:
            begin = time.process_time()
            cv2.cvtColor(engine.draw(frame, presentation()), cv2.COLOR_BGR2YUV_I420)
            took.append(1000 * (time.process_time() - begin))
            if len(took) % 5 == 0:
                fixed.append(reference.ms())
    p50, p95 = np.percentile(took, [50, 95])
    parts = _parts_ms(engine, scene)
    return SizeFigures(name, size, float(p50), float(p95), float(np.median(fixed)), parts, scene.speech_ms)


class Reference:
    """An operation that stays what it is, whatever becomes of the package."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._picture = random.integers(0, 256, (512, 512, 4), np.uint8)
        y, x = np.mgrid[0:512, 0:512].astype(np.float32)
        self._x, self._y = x * np.float32(0.98) + np.float32(3.3), y * np.float32(0.97) + np.float32(5.7)

    def ms(self) -> float:
        """CPU time of doing it once."""
        begin = time.process_time()
        cv2.remap(self._picture, self._x, self._y, cv2.INTER_LINEAR)
        return 1000 * (time.process_time() - begin)


def _parts_ms(engine: EmbeddedEngine, scene: Scene) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    frames = 0
    with ExitStack() as timed:
        for part, calls in PARTS.items():
            for owner, call in calls:
                timed.enter_context(_timed(owner, call, part, spent))
        for frame, presentation in scene:
            marks = [time.process_time()]
            shown = presentation()
            marks.append(time.process_time())
            picture = engine.draw(frame, shown)
            marks.append(time.process_time())
            cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            marks.append(time.process_time())
            for part, took in zip(("motion", "drawing", "I420"), np.diff(marks), strict=True):
                spent[part] += float(took)
            frames += 1
    drawing = spent.pop("drawing")
    rest = drawing - sum(spent[part] for part in PARTS)
    order = {"motion": spent["motion"], **{part: spent[part] for part in PARTS}, "copies": rest, "I420": spent["I420"]}
    return {part: 1000 * took / frames for part, took in order.items()}


@contextmanager
def _timed(owner: Any, call: str, part: str, spent: dict[str, float]) -> Iterator[None]:
    """While open, time spent in a function or method is added up."""
    original = getattr(owner, call)

    def timed(*arguments: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return original(*arguments, **named)
        finally:
            spent[part] += time.process_time() - begin

    setattr(owner, call, timed)
    try:
        yield
    finally:
        setattr(owner, call, original)


def process_figures(name: str, path: str) -> ProcessFigures:
    """Start a process, and let it make one avatar and some more."""
    begin = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "bench.face", "--child", path], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        process_start_s = time.monotonic() - begin
        told = json.loads(child.stdout.readline())
    resident = told["resident_mb"]
    further = (resident[-1] - resident[0]) / (len(resident) - 1)
    return ProcessFigures(name, told["start_s"], process_start_s, resident[0], further)


def _child(path: str) -> None:
    """Make avatars of one bundle, one after the other, each drawing in a thread of its own; all of them stay."""
    begin = time.monotonic()
    engines, threads, resident = [], [], []
    for _ in range(AVATARS):
        engines.append(EmbeddedEngine(path))
        threads.append(ThreadPoolExecutor(1))
        threads[-1].submit(engines[-1].draw, None, Presentation()).result()
        if len(engines) == 1:
            start_s = time.monotonic() - begin
            print("drawn", flush=True)
        threads[-1].submit(_draw_some, engines[-1]).result()
        resident.append(psutil.Process().memory_info().rss / MB)
    print(json.dumps({"start_s": start_s, "resident_mb": resident}), flush=True)


def _draw_some(engine: EmbeddedEngine) -> None:
    for _, (frame, presentation) in zip(range(LISTENING + THINKING + PICTURES), Scene(engine), strict=False):
        if frame is not None:
            cv2.cvtColor(engine.draw(frame, presentation()), cv2.COLOR_BGR2YUV_I420)


def table(sizes: list[SizeFigures], processes: list[ProcessFigures]) -> str:
    """Rows for people."""
    rows = [f"{'CPU ms per frame, one thread':28s} {'p50':>7s} {'p95':>7s} {'reference':>10s} {'p95 / reference':>16s}"]
    for one in sizes:
        what = f"{one.name} {one.size[0]}x{one.size[1]}"
        ratio = one.p95_ms / one.reference_ms
        rows.append(f"{what:28s} {one.p50_ms:7.2f} {one.p95_ms:7.2f} {one.reference_ms:10.2f} {ratio:16.1f}")
    rows += ["", f"{'CPU ms by part, mean':18s}" + "".join(f"{one.name:>10s}" for one in sizes)]
    rows.append(" " * 18 + "".join(f"{one.size[0]:>5d}x{one.size[1]:<4d}" for one in sizes))
    for part in sizes[0].parts_ms:
        rows.append(f"{part:18s}" + "".join(f"{one.parts_ms[part]:10.2f}" for one in sizes))
    rows.append(f"{'(sound to visemes)':18s}" + "".join(f"{one.speech_ms:10.2f}" for one in sizes))
    if processes:
        rows += [
            "",
            f"{'a process, 512x512':18s} {'bundle to picture':>18s} {'process to picture':>19s} {'MB':>6s}  further",
        ]
    for each in processes:
        times = f"{each.start_s:16.2f} s {each.process_start_s:17.2f} s"
        rows.append(f"{each.name:18s} {times} {each.first_mb:6.0f} {each.further_mb:8.1f}")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="AVATAR", help=f"names, paths of bundles. [{' '.join(NAMES)}]")
    parser.add_argument("--size", nargs="*", metavar="WxH", help="of pictures. [512x512 1280x720 1920x1080]")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="how often the scene is drawn. [2]")
    parser.add_argument("--no-process", action="store_true", help="leave out memory and start")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the tables")
    parser.add_argument("--child", metavar="PATH", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.child:
        _child(arguments.child)
        return
    wanted = [tuple(map(int, size.split("x"))) for size in arguments.size or ()] or list(SIZES)
    sizes: list[SizeFigures] = []
    processes: list[ProcessFigures] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names or NAMES:
            path = name if name != "portrait" else _portrait(Path(folder) / "portrait.avatar")
            avatar = Avatar.load(path)
            sizes += [size_figures(Path(name).stem, avatar, (w, h), arguments.rounds) for w, h in wanted]
            if not arguments.no_process:
                processes.append(process_figures(Path(name).stem, path))
    if arguments.json:
        print(json.dumps({"sizes": [asdict(one) for one in sizes], "processes": [asdict(one) for one in processes]}))
    else:
        print(table(sizes, processes))


def _portrait(path: Path) -> str:
    picture = (portraits.PICTURES / "astronaut.jpg").read_bytes()
    path.write_bytes(bundle.write_bundle(portrait.make_portrait(picture, "astronaut")))
    return str(path)


if __name__ == "__main__":
    main()
