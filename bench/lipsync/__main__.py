"""Score the lip sync beside others': `python -m bench.lipsync`. The tables are explained in docs/lipsync.md."""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import sys
import time
from pathlib import Path

from livekit_bithuman.speech import net
from livekit_bithuman.version import __version__

from . import speech
from .baselines import BASELINES
from .clips import Clip, SpeechError, read_clips, some_of
from .experiments import EXPERIMENTS, Bench
from .node import PACKAGES
from .table import Report

REPEATS = 15  # of the cost
#: Of `--quick`.
QUICK_CLIPS, QUICK_REPEATS = 8, 3


def main() -> int:
    """Run the chosen experiments; 1 if there is nothing to score."""
    parser = argparse.ArgumentParser(prog="python -m bench.lipsync", description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="experiment", help=f"of {', '.join(EXPERIMENTS)}; all")
    parser.add_argument("--speech", type=Path, metavar="FOLDER", help="labelled recordings; the evaluation speech")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], metavar="FILE", help="nets to score, too")
    parser.add_argument("--without", nargs="+", default=[], choices=BASELINES, help="baselines to leave out")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CLIPS} clips of each group")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append one line of JSON to a file")
    options = parser.parse_args()
    unknown = set(options.experiments) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}: choose of {', '.join(EXPERIMENTS)}")
    try:
        report = _run(options)
    except SpeechError as error:
        print(error, file=sys.stderr)
        return 1
    print(report.text())
    if options.json:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(report.json() + "\n")
    return 0


def _run(options: argparse.Namespace) -> Report:
    clips = read_clips(_speech(options.speech))
    if options.quick:
        clips = some_of(clips, QUICK_CLIPS)
    repeats = QUICK_REPEATS if options.quick else REPEATS
    bench = Bench(clips, options.weights, options.without, repeats, _say)
    chosen = ", ".join(options.experiments or EXPERIMENTS) + (" (--quick)" if options.quick else "")
    report = Report({"experiments": chosen} | _facts(clips))
    for name in options.experiments or EXPERIMENTS:
        begin = time.monotonic()
        report.sections += EXPERIMENTS[name](bench)
        _say(f"{name}: {time.monotonic() - begin:.0f} s")
    return report


def _speech(folder: Path | None) -> Path:
    """The folder that was asked for, or the evaluation speech, built if it is not there."""
    if folder is None:
        folder = speech.default_folder()
        speech.build(folder, _say)
    return folder


def _facts(clips: list[Clip]) -> dict[str, str]:
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.group, []).append(clip)
    said = (f"{len(group)} {name} ({sum(each.rows for each in group) / 100:.0f} s)" for name, group in groups.items())
    return {
        "speech": ", ".join(said),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "livekit-bithuman": f"{__version__}, weights {_digest_of_weights()}",
        "packages": ", ".join(f"{package} {version}" for package, version in PACKAGES.values()),
    }


def _digest_of_weights() -> str:
    """Tells one training's net from another's."""
    weights = Path(net.__file__).parent / net.WEIGHTS
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:12]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
