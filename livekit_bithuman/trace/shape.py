"""What a line of a trace looks like: whoever reads one can rely on it."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

#: A letter for each kind of value: f a truth, n a count, t another number, 0 nothing, s text, d an object, p a pose.
_TIME = "[nt]"
#: The values of each kind of line after its first, as a regular expression over those letters.
SHAPES = {
    "capture": re.compile("ns?"),
    "flush": re.compile(""),
    "clear": re.compile(_TIME),
    "pause": re.compile(_TIME),
    "resume": re.compile(_TIME),
    "close": re.compile(_TIME),
    "rephase": re.compile(_TIME),
    "engine": re.compile("df"),
    "cue": re.compile(f"d({_TIME})?"),
    "advance": re.compile(_TIME),
    "voice": re.compile(f"{_TIME}(nn)?"),
    "picture": re.compile(f"{_TIME}{_TIME}({_TIME}n[n0]np?)?"),
    "started": re.compile(f"n{_TIME}"),
    "progressed": re.compile(f"n{_TIME}nn"),
    "finished": re.compile("nnf"),
    "stopped": re.compile("n"),
    "failed": re.compile("s"),
}


def is_entry(entry: object) -> bool:
    """Whether a parsed line is one of a trace."""
    if not isinstance(entry, list) or not entry or not isinstance(entry[0], str) or entry[0] not in SHAPES:
        return False
    if not SHAPES[entry[0]].fullmatch("".join(map(_letter, entry[1:]))):
        return False
    return entry[0] != "capture" or len(entry) < 3 or _is_voice(entry[2], entry[1])


def is_number(value: object) -> bool:
    """Whether it is a finite number, which JSON's true is not."""
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0 on."""
    return type(value) is int and value >= 0


def _letter(value: Any) -> str:
    if isinstance(value, bool):
        return "f"
    if is_count(value):
        return "n"
    if is_number(value):
        return "t"
    if value is None:
        return "0"
    return "s" if isinstance(value, str) else "d" if isinstance(value, dict) else "p" if _is_pose(value) else "?"


def _is_pose(value: object) -> bool:
    """Weights of a mouth, and the numbers of a presentation."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(part, list) and part and all(map(is_number, part)) for part in value)


def _is_voice(text: str, samples: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 2 * samples
    except (binascii.Error, ValueError):
        return False
