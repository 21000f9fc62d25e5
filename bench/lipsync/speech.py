"""Rebuild the evaluation speech: `python -m bench.lipsync.speech [FOLDER]`. See README.md for sources and licences.

No sound is in the repository, only labels. The human half is Debian's package of Asterisk's English prompts, decoded;
the neural half is spoken by a voice from PyPI, see `neural`.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np

from livekit_bithuman.server.cache import cache_directory

from .clips import RATE, Pcm, SpeechError, segments_of_runs, write_clip

DEBIAN_PACKAGE = "asterisk-core-sounds-en-g722"
SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
#: Seconds by which labels, which are whole rows, may end before or after their sound.
LOOSE_END_S = 0.02
LABELS = Path(__file__).with_name("labels")

Report = Callable[[str], None]


def default_folder() -> Path:
    """Where the speech is kept between runs."""
    return cache_directory() / "lipsync" / "speech"


def build(folder: Path, report: Report) -> None:
    """Write every clip that is not in the folder yet.

    Raises:
        SpeechError: A source cannot be had; what is there stays.
    """
    human, neural = (_missing(folder, half) for half in ("human", "neural"))
    if human:
        report(f"fetching Debian's {DEBIAN_PACKAGE} (10 MB)")
        with tempfile.TemporaryDirectory(prefix="lipsync-") as scratch:
            prompts = _prompts(Path(scratch))
            absent = sorted(set(human) - set(prompts))
            if absent:
                raise SpeechError(f"This {DEBIAN_PACKAGE} has no {', '.join(absent)}: version 1.6.1 is meant.")
            for name, entry in human.items():
                _keep(folder, f"asterisk-{name}", decoded_g722(prompts[name].read_bytes()), entry)
    if neural:
        report(f"speaking {len(neural)} sentences")
        voice = _neural_voice()
        for name, entry in neural.items():
            pcm = voice.say(name, entry["phonemes"], [int(units) for units in entry["units"].split()])
            _keep(folder, f"piper-{name}", pcm, entry)


def decoded_g722(data: bytes) -> Pcm:
    """The samples of a bare G.722 stream of 64 kbit/s."""
    with av.open(io.BytesIO(data), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.int16)


def _keep(folder: Path, name: str, pcm: Pcm, entry: Mapping[str, str]) -> None:
    """Write a clip whose labels are as long as its sound, within a row or two."""
    segments = segments_of_runs(entry["visemes"])
    if abs(segments[-1][1] - len(pcm) / RATE) > LOOSE_END_S:
        raise SpeechError(f"{name} is {len(pcm) / RATE:.2f} s long and its labels {segments[-1][1]:.2f} s.")
    write_clip(folder, name, pcm, entry["text"], segments)


def _missing(folder: Path, half: str) -> dict[str, Any]:
    """The entries of a label file whose clips are not there."""
    prefix = {"human": "asterisk", "neural": "piper"}[half]
    entries: dict[str, Any] = json.loads((LABELS / f"{half}.json").read_text(encoding="utf-8"))
    return {name: entry for name, entry in entries.items() if not (folder / f"{prefix}-{name}.json").is_file()}


def _prompts(scratch: Path) -> dict[str, Path]:
    """Debian's prompts by name, fetched and unpacked; nothing is installed."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SpeechError(
                f"The human half of the evaluation speech is Debian's package {DEBIAN_PACKAGE}, and this machine has "
                f"no {program}. Run this on Debian or Ubuntu and copy {default_folder()} over, or pass --speech FOLDER."
            )
    scratch.chmod(0o755)  # apt fetches as another user
    _run(["apt-get", "download", "-qq", DEBIAN_PACKAGE], scratch)
    archives = list(scratch.glob("*.deb"))
    if not archives:
        raise SpeechError(f"apt-get brought no {DEBIAN_PACKAGE}. Run apt-get update and try again.")
    _run(["dpkg-deb", "-x", archives[0].name, "unpacked"], scratch)
    root = scratch / "unpacked" / SOUNDS
    return {"_".join(file.relative_to(root).with_suffix("").parts): file for file in root.rglob("*.g722")}


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        said = done.stdout.strip()[-500:]
        raise SpeechError(f"{' '.join(command)} failed: {said} Run apt-get update, check the network, and try again.")


def _neural_voice() -> Any:
    from .neural import NeuralVoice

    try:
        return NeuralVoice()
    except ImportError as error:
        raise SpeechError(
            f"The neural half needs {error.name}: pip install -r requirements/lipsync.txt, or run make bench-lipsync."
        ) from error


def main() -> int:
    """Build, and say where."""
    parser = argparse.ArgumentParser(prog="python -m bench.lipsync.speech", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    folder = parser.parse_args().folder
    try:
        build(folder, lambda text: print(text, file=sys.stderr, flush=True))
    except SpeechError as error:
        print(error, file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
