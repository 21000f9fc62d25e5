"""Baselines that are npm packages: installed into the user cache by exact version, run by the scripts beside this.

No script of a package is run at installation. What a package says of a clip is kept, since Rhubarb takes its time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from livekit_bithuman.server.cache import cache_directory

from .clips import Clip

#: By script: the npm package, and its exact version. Both MIT.
PACKAGES = {"headaudio": ("@met4citizen/headaudio", "0.1.0"), "rhubarb": ("rhubarb-lip-sync-wasm", "0.1.8")}


class Unavailable(Exception):
    """A baseline cannot be run here; the message says why."""


def run_script(name: str, clips: Sequence[Clip]) -> Iterator[Any]:
    """What a package says of each clip: the JSON value that its script prints.

    Raises:
        Unavailable: Node or the package cannot be had, or the script failed.
    """
    package, version = PACKAGES[name]
    script = Path(__file__).with_name(f"{name}.mjs")
    kept = cache_directory() / "lipsync" / "told" / f"{name}-{version}"
    digest = hashlib.sha256(script.read_bytes())
    places = []
    for clip in clips:
        of_clip = digest.copy()
        of_clip.update(clip.pcm.tobytes())
        places.append(kept / f"{of_clip.hexdigest()}.json")
    unheard = [(clip, place) for clip, place in zip(clips, places, strict=True) if not place.is_file()]
    if unheard:
        directory = _installed(package, version)
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="lipsync-") as scratch:
            for clip, place in unheard:
                sound = Path(scratch) / "clip.pcm"
                sound.write_bytes(clip.pcm.astype("<i2").tobytes())
                unfinished = Path(scratch) / "told.json"
                unfinished.write_text(_run([_program("node"), str(script), str(directory), str(sound)], None))
                shutil.move(unfinished, place)
    for place in places:
        yield json.loads(place.read_text(encoding="utf-8"))


@lru_cache
def _installed(package: str, version: str) -> Path:
    """The directory of a package of exactly that version."""
    prefix = cache_directory() / "lipsync" / "node" / f"{package.replace('/', '-')}-{version}"
    directory = prefix / "node_modules" / package
    if not (directory / "package.json").is_file():
        prefix.mkdir(parents=True, exist_ok=True)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", "--silent"]
        _run([_program("npm"), "install", *options, "--prefix", str(prefix), f"{package}@{version}"], prefix)
    return directory


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is missing: install Node.js 18 or newer")
    return found


def _run(command: list[str], directory: Path | None) -> str:
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{Path(command[0]).name} {Path(command[1]).name} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
