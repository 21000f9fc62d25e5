"""Rebuilding a part of a character's bundle leaves the rest of it as it is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from livekit_bithuman.face import Avatar
from livekit_bithuman.face.assets import MouthAssets
from livekit_bithuman.face.bundle import INNER_PARTS, POSES, Bundle
from training.art import build_bundle

TH = POSES.index("TH")
TONGUE = INNER_PARTS.index("tongue_TH")


@pytest.fixture(scope="module")
def old() -> Bundle:
    return Avatar.load().bundle


def keyframes(old: Bundle, *pictures: str) -> SimpleNamespace:
    """A directory with these pictures of the bundle's mouth."""
    return SimpleNamespace(meta=SimpleNamespace(boxes={"mouth": old.manifest.mouth}), has=lambda name: name in pictures)


def repainted(old: Bundle) -> MouthAssets:
    """What the builder makes of keyframes in which everything has another colour and TH another shape."""
    flow = old.mouth_flow.copy()
    flow[TH] += 3
    return MouthAssets(
        textures=255 - old.mouth_textures,
        masks=255 - old.mouth_masks,
        flow=flow,
        inner_parts=255 - old.inner_parts,
        inner_shifts=old.inner_shifts + 1,
    )


def test_only_what_has_a_new_picture_is_replaced(old: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    new = repainted(old)
    monkeypatch.setattr(build_bundle, "build_mouth", lambda keys, bundle: new)
    built = build_bundle.rebuilt(keyframes(old, "mouth_TH", "tongue_TH"), old)  # type: ignore[arg-type]
    others, parts = np.arange(len(POSES)) != TH, np.arange(len(INNER_PARTS)) != TONGUE
    for now, fresh, before, kept in (
        (built.mouth_textures, new.textures, old.mouth_textures, others),
        (built.mouth_flow, new.flow, old.mouth_flow, others),
        (built.inner_parts, new.inner_parts, old.inner_parts, parts),
    ):
        assert np.array_equal(now[kept], before[kept])
        assert np.array_equal(now[~kept], fresh[~kept])
    assert np.array_equal(built.inner_shifts, new.inner_shifts)
    assert built.mouth_masks is old.mouth_masks
    assert built.base is old.base


def test_a_pose_that_moved_needs_a_picture(old: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_bundle, "build_mouth", lambda keys, bundle: repainted(old))
    with pytest.raises(ValueError, match=r"pose TH has moved by 3\.0 pixels"):
        build_bundle.rebuilt(keyframes(old, "tongue_TH"), old)  # type: ignore[arg-type]


def test_the_mouth_must_be_where_it_was(old: Bundle) -> None:
    x0, y0, x1, y1 = old.manifest.mouth
    elsewhere = replace(old, manifest=replace(old.manifest, mouth=(x0 + 1, y0, x1 + 1, y1)))
    with pytest.raises(ValueError, match="mouth's box"):
        build_bundle.rebuilt(keyframes(old), elsewhere)  # type: ignore[arg-type]
