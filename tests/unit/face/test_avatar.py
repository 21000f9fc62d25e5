"""Avatars are found by name and by path."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from livekit_bithuman.errors import AvatarFormatError, AvatarNotFoundError
from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.face.bundle import MAX_FILE_BYTES, Bundle, write_bundle
from livekit_bithuman.pose import Presentation, resting_mouth


@pytest.mark.parametrize("name", builtin_names())
def test_every_builtin_loads_and_says_who_made_it(name: str) -> None:
    avatar = Avatar.load(name)
    assert avatar.name == name
    assert avatar.title
    assert avatar.size == (512, 512)
    assert any("CC0" in line for line in avatar.licences)


def test_the_default_is_a_builtin() -> None:
    assert Avatar.load().name in builtin_names()
    assert Avatar.load(None).name == Avatar.load().name


def test_a_bundle_is_loaded_from_its_path(tmp_path: Path, flat_bundle: Bundle) -> None:
    path = tmp_path / "flat.avatar"
    path.write_bytes(write_bundle(flat_bundle))
    for source in (path, str(path)):
        avatar = Avatar.load(source)
        assert (avatar.name, avatar.title, avatar.size) == ("flat", "Flat", (96, 96))


@pytest.mark.parametrize("source", ["nobody", "missing/nobody.avatar", "maya.avatar/x", ""])
def test_an_unknown_name_lists_the_builtins(source: str) -> None:
    with pytest.raises(AvatarNotFoundError) as caught:
        Avatar.load(source or "   ")
    assert all(name in str(caught.value) for name in builtin_names())


def test_what_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.avatar"
    text.write_text("hello")
    large = tmp_path / "large.avatar"
    large.write_bytes(bytes(MAX_FILE_BYTES + 10))
    for source in (tmp_path, text, large, "nul\0byte"):
        with pytest.raises(AvatarFormatError):
            Avatar.load(source)


def test_faces_share_one_avatar(flat_avatar: Avatar) -> None:
    small, large = Face(flat_avatar, (48, 48)), Face(flat_avatar, (192, 192))
    assert small.avatar.mouth is large.avatar.mouth
    before = small.draw(resting_mouth(), Presentation())
    large.draw(resting_mouth(), Presentation(yaw=0.1, blink=1))
    assert np.array_equal(small.draw(resting_mouth(), Presentation()), before)


def test_a_bundle_in_use_is_not_loaded_again(tmp_path: Path, flat_bundle: Bundle) -> None:
    path, copy = tmp_path / "flat.avatar", tmp_path / "copy.avatar"
    path.write_bytes(write_bundle(flat_bundle))
    copy.write_bytes(path.read_bytes())
    first = Avatar.load(path)
    assert Avatar.load(path) is first
    assert Avatar.load(copy) is first
    path.write_bytes(write_bundle(replace(flat_bundle, manifest=replace(flat_bundle.manifest, title="Other"))))
    assert Avatar.load(path).title == "Other"
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
