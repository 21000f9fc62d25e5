"""Portraits of others that may be used freely: they do as they are told, as the face mesh sees it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from bench.landmarks import look
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.bundle import MAX_FILE_BYTES, write_bundle
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import VISEMES, Presentation, resting_mouth
from livekit_bithuman.speech.shape import OPENNESS

PORTRAITS = Path(__file__).parents[3] / "data" / "portraits"
FILES = sorted(path.name for path in PORTRAITS.iterdir() if path.suffix != ".md")

#: The least correlation of openness seen with openness asked, over all visemes. The mesh was trained on photographs.
LEAST_R = {"astronaut.jpg": 0.85, "hopper.jpg": 0.94, "blue-hair.png": 0.8, "long-hair.png": 0.55, "moustache.png": 0.7}


@lru_cache(1)
def face_of(file: str) -> Face:
    return Face(Avatar(make_portrait((PORTRAITS / file).read_bytes(), file)))


def test_each_has_a_licence() -> None:
    stated = (PORTRAITS / "LICENCES.md").read_text()
    assert len(FILES) >= 5
    for file in FILES:
        (line,) = [line for line in stated.splitlines() if f"`{file}`" in line]
        assert "public domain" in line or "the same" in line


@pytest.mark.parametrize("file", FILES)
def test_it_makes_a_bundle_that_can_be_read(file: str) -> None:
    assert len(write_bundle(face_of(file).avatar.bundle)) < MAX_FILE_BYTES


@pytest.mark.parametrize("file", FILES)
def test_the_lips_open_as_asked(file: str) -> None:
    seen = [look(face_of(file), mixed(viseme), Presentation()).openness for viseme in VISEMES]
    assert np.corrcoef(seen, OPENNESS)[0, 1] >= LEAST_R[file]


@pytest.mark.parametrize("file", FILES)
def test_a_blink_is_seen_as_one(file: str) -> None:
    face = face_of(file)
    awake, shut = (look(face, resting_mouth(), Presentation(blink=blink)).lids for blink in (0.0, 1.0))
    assert shut < 0.95 * awake
