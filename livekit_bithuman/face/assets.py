"""What a bundle is put together from, by whoever makes one: the mouth, the eyes and the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle, Manifest


@dataclass(frozen=True)
class MouthAssets:
    """What a bundle holds of the mouth."""

    textures: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    flow: NDArray[np.float16]
    inner_parts: NDArray[np.uint8]
    inner_shifts: NDArray[np.float32]


@dataclass(frozen=True)
class EyeAssets:
    """What a bundle holds of the eyes."""

    lids: NDArray[np.uint8]
    eyeballs: NDArray[np.uint8]
    glint: NDArray[np.uint8]
    spheres: NDArray[np.float32]


@dataclass(frozen=True)
class HeadAssets:
    """What a bundle holds of the head, and where its neck begins, in canvas pixels."""

    depth: NDArray[np.float16]
    hold: NDArray[np.float16]
    brows: NDArray[np.float16]
    pivot: tuple[float, float]


def assembled(
    manifest: Manifest,
    base: NDArray[np.uint8],
    mouth: MouthAssets,
    eyes: EyeAssets,
    head: HeadAssets,
    outline: NDArray[np.uint8] | None = None,
) -> Bundle:
    """The bundle of all of them; the manifest has the head's pivot."""
    return Bundle(
        manifest=manifest,
        base=base,
        mouth_textures=mouth.textures,
        mouth_masks=mouth.masks,
        mouth_flow=mouth.flow,
        inner_parts=mouth.inner_parts,
        inner_shifts=mouth.inner_shifts,
        lids=eyes.lids,
        eyeballs=eyes.eyeballs,
        glint=eyes.glint,
        spheres=eyes.spheres,
        depth=head.depth,
        hold=head.hold,
        brows=head.brows,
        outline=outline,
    )
