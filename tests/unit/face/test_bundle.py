"""Any bytes give a bundle or one typed error."""

from __future__ import annotations

import dataclasses
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_bithuman.errors import AvatarFormatError
from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.face.bundle import MAX_FILE_BYTES, Bundle, read_bundle, write_bundle
from livekit_bithuman.pose import Presentation

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members(flat_bundle: Bundle) -> Members:
    with zipfile.ZipFile(io.BytesIO(write_bundle(flat_bundle))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def npy(array: np.ndarray[Any, Any], *, pickled: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=pickled)
    return out.getvalue()


@pytest.mark.parametrize("outlined", [False, True])
def test_what_was_written_is_read(flat_bundle: Bundle, outlined: bool) -> None:
    outline = np.ascontiguousarray(flat_bundle.base[..., 3]) if outlined else None
    written = dataclasses.replace(flat_bundle, outline=outline)
    found = read_bundle(write_bundle(written), "flat.avatar")
    assert found.manifest == written.manifest
    assert (found.outline is not None) == outlined
    for field in dataclasses.fields(Bundle):
        expected, array = getattr(written, field.name), getattr(found, field.name)
        if isinstance(expected, np.ndarray):
            assert array.dtype == expected.dtype
            assert np.array_equal(array, expected), field.name
            assert not array.flags.writeable, field.name


def test_the_same_bundle_gives_the_same_bytes(flat_bundle: Bundle) -> None:
    assert write_bundle(flat_bundle) == write_bundle(flat_bundle)


def test_names_that_are_not_asked_for_are_ignored(members: Members, flat_bundle: Bundle) -> None:
    found = read_bundle(
        zipped({**members, "../escape.txt": b"x", "/etc/escape": b"x", "extra.npy": b"x"}), "flat.avatar"
    )
    assert found.manifest == flat_bundle.manifest


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(AvatarFormatError):
        read_bundle(data, "noise")


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_bundle_is_refused(flat_bundle: Bundle, share: float) -> None:
    data = write_bundle(flat_bundle)
    with pytest.raises(AvatarFormatError):
        read_bundle(data[: int(share * len(data))], "cut.avatar")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_bundle_is_read_or_refused_but_never_crashes(flat_bundle: Bundle, data: st.DataObject) -> None:
    damaged = bytearray(write_bundle(flat_bundle))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        bundle = read_bundle(bytes(damaged), "damaged.avatar")
    except AvatarFormatError:
        return
    assert bundle.base.shape[2] == 4


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_strange_manifest_is_read_or_refused(members: Members, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=8,
    )
    manifest = json.loads(members["manifest.json"])
    manifest[data.draw(st.sampled_from(sorted(manifest)))] = data.draw(anything)
    try:
        bundle = read_bundle(zipped({**members, "manifest.json": json.dumps(manifest).encode()}), "strange.avatar")
    except AvatarFormatError:
        return
    Avatar(bundle).head.inverse(Presentation(), (slice(None), slice(None)))


def test_each_file_is_needed(members: Members) -> None:
    for name in members:
        rest = {other: data for other, data in members.items() if other != name}
        with pytest.raises(AvatarFormatError, match="is missing"):
            read_bundle(zipped(rest), "partial.avatar")


def _claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises a huge picture."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def _nan(shape: tuple[int, ...], dtype: str) -> bytes:
    return npy(np.full(shape, np.nan, dtype))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"{"),
        ("manifest.json", b"[" * 100_000),
        ("manifest.json", b"\xff\xfe"),
        ("base.png", b"not a picture"),
        ("base.png", _claiming(160, 112)),
        ("base.png", _claiming(65_535, 65_535)),
        ("mouth/textures.png", _claiming(56, 100_000)),
        ("eyes/spheres.npy", _nan((2, 3), "<f4")),
        ("eyes/spheres.npy", npy(np.zeros((2, 3), np.float32))),
        ("eyes/spheres.npy", npy(np.ones((2, 4), np.float32))),
        ("eyes/spheres.npy", npy(np.ones((2, 3), np.float64))),
        ("eyes/spheres.npy", npy(np.ones((2, 3), np.float32))[:-1]),
        ("eyes/spheres.npy", npy(np.array([[object()] * 3] * 2, object), pickled=True)),
        ("eyes/spheres.npy", b"\x93NUMPY\x01\x00\x04\x00((((" + b"("),
        ("eyes/spheres.npy", b""),
        ("head/depth.npy", npy(np.full((15, 21), 60_000, np.float16))),
    ],
)
def test_a_bad_file_is_refused_by_name(members: Members, name: str, content: bytes) -> None:
    with pytest.raises(AvatarFormatError, match=name) as caught:
        read_bundle(zipped({**members, name: content}), "bad.avatar")
    assert caught.value.source == "bad.avatar"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(schema=3), "schema"),
        (lambda m: m.update(schema=True), "schema"),
        (lambda m: m.update(schema=2), "textures"),
        (lambda m: m.update(schema=2, textures=2, breath=1, shade=1), "textures"),
        (lambda m: m.update(schema=2, textures=16, breath=1.5, shade=1), "breath"),
        (lambda m: m.update(schema=2, textures=16, breath=0, shade=float("nan")), "shade"),
        (lambda m: m.update(schema=2, textures=16, breath=1, shade=1, outline=1), "neither true nor false"),
        (lambda m: m.update(schema=2, textures=16, breath=1, shade=1, outline=True), "outline.png is missing"),
        (lambda m: m.update(format="something else"), "does not describe an avatar"),
        (lambda m: m.update(mouth=[-5, 0, 20, 20]), "mouth box"),
        (lambda m: m.update(canvas=[10**9, 10**9]), "canvas"),
        (lambda m: m.update(pivot=[float("nan"), 0]), "pivot"),
        (lambda m: m.update(background=[[0, 0, 256], [0, 0, 0]]), "background"),
        (lambda m: m.update(licences="all rights"), "licences"),
        (lambda m: m.update(shares=[0.5]), "shares"),
        (lambda m: m.update(shares=[1.5] * 15), "shares"),
        (lambda m: m.update(shares=["1"] * 15), "shares"),
        (lambda m: m.update(poses=["sil"]), "poses"),
    ],
)
def test_a_bad_manifest_is_refused_by_its_field(
    members: Members, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    with pytest.raises(AvatarFormatError, match=words):
        read_bundle(zipped({**members, "manifest.json": json.dumps(manifest).encode()}), "bad.avatar")


def test_a_bundle_that_says_no_shares_shows_its_keyframes_whole(members: Members) -> None:
    manifest = json.loads(members["manifest.json"])
    del manifest["shares"]
    bundle = read_bundle(zipped({**members, "manifest.json": json.dumps(manifest).encode()}), "old.avatar")
    assert bundle.manifest.shares == (1.0,) * 15


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(members: Members) -> None:
    with pytest.raises(AvatarFormatError, match="unpacks to more than"):
        read_bundle(zipped({**members, "head/depth.npy": bytes(17 << 20)}), "bomb.avatar")


def test_a_bundle_of_more_than_the_limit_is_refused() -> None:
    with pytest.raises(AvatarFormatError, match="more than 4 MB"):
        read_bundle(bytes(MAX_FILE_BYTES + 1), "huge.avatar")
