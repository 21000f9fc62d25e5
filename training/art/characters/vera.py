"""Vera: a woman of about seventy with a silver bob, in a burgundy knit top."""

from __future__ import annotations

import numpy as np

from training.art.brows import BrowLook, LashLook
from training.art.clothes import TopLook
from training.art.eyes import EyeLook
from training.art.geometry import Points, smoothstep
from training.art.hair import HairStyle
from training.art.light import Framing, LightLook
from training.art.makehuman import Build
from training.art.scene import Character
from training.art.shader import srgb
from training.art.skin import SkinLook
from training.art.teeth import MouthLook
from training.art.visemes import LIP_SEAL, Pose
from training.art.wrinkles import AgeLook


def _comb(local: Points, side: np.ndarray, grown: float) -> Points:
    """A bob: from the parting to the side and off the brow, down over the ears, the ends turned in."""
    x, y, z = local.T
    front = smoothstep(z, -0.1, 0.7)
    lift = max(0.0, 1.0 - 5.0 * grown)
    sweep = np.stack([0.85 * side, 0.7 * lift * front - 0.35 * (1 - lift), -0.45 - 0.40 * front], 1)
    inward = np.sign(x) * (0.55 * smoothstep(-y, 0.50, 0.95) + 0.5 * smoothstep(np.abs(x), 0.76, 0.98))
    fall = np.stack([-inward, -np.ones_like(x), -0.10 + 0.22 * front], 1)
    outside = smoothstep(np.hypot(x, 0.45 * np.clip(z, -1.5, 0.0)), 0.40, 0.82)[:, None]
    return sweep * (1 - outside) + fall * outside


CHARACTER = Character(
    name="vera",
    description="A woman of about seventy with a silver bob, in a burgundy knit top",
    build=Build(
        gender=0.0, age=66, weight=0.56, proportions=0.75, ancestry={"caucasian": 0.75, "asian": 0.1, "african": 0.15}
    ),
    details={
        "head/head-oval": 0.25,
        "head/head-age-incr": 0.2,
        "head/head-scale-horiz-decr": 0.15,
        "chin/chin-width-decr": 0.5,
        "chin/chin-prominent-decr": 0.2,
        "neck/neck-scale-horiz-decr": 0.45,
        "eyebrows/eyebrows-trans-backward": 0.4,
        "mouth/mouth-angles-up": 0.25,
        "mouth/mouth-upperlip-volume-incr": 0.45,
        "mouth/mouth-lowerlip-volume-incr": 0.45,
        "eyes/*-eye-scale-incr": 0.45,
        "eyes/*-eye-bag-incr": 0.35,
        "nose/nose-width2-decr": 0.4,
        "nose/nose-scale-horiz-decr": 0.35,
        "nose/nose-point-width-decr": 0.4,
        "nose/nose-scale-vert-decr": 0.2,
        "forehead/forehead-scale-vert-decr": 0.25,
        "cheek/*-cheek-bones-incr": 0.35,
        "cheek/*-cheek-volume-incr": 0.2,
        "neck/neck-double-incr": 0.15,
    },
    resting=Pose({**LIP_SEAL, "mouthSmile*": 0.34, "mouthPucker": 0.05, "cheekSquint*": 0.25, "eyeSquint*": 0.16}),
    hairline=(0.76, 0.74, 0.63, 0.42, 0.12, -0.20, -0.25, -0.42, -0.72, -0.86),
    skin=SkinLook(
        base=srgb(206, 154, 126),
        mottle=srgb(190, 132, 106),
        blush=srgb(186, 92, 78),
        lips=srgb(172, 64, 70),
        lids=srgb(150, 98, 82),
        scalp=srgb(196, 160, 138),
        blush_strength=0.45,
        lid_strength=0.45,
        lip_strength=0.85,
        liner_strength=0.55,
        roughness=0.46,
        scattering=0.022,
        age=AgeLook(folds=0.8, forehead=0.9, cheeks=0.6),
        furrow=srgb(112, 62, 50),
    ),
    eyes=EyeLook(
        iris=srgb(74, 92, 98), fibres=srgb(50, 66, 74), collarette=srgb(120, 112, 84), white=srgb(224, 214, 204)
    ),
    mouth=MouthLook(glow=0.20, arch_width=1.06, teeth=srgb(236, 222, 196), neck=srgb(206, 178, 140)),
    brows=BrowLook(
        height=(0.190, 0.214, 0.232, 0.176),
        half_width=(0.020, 0.026, 0.019, 0.006),
        hairs=640,
        thickness=0.0009,
    ),
    lashes=LashLook(upper=84, lower=30, upper_length=0.066, lower_length=0.024),
    hair=HairStyle(
        comb=_comb,
        length=2.3,
        cut=-1.02,
        parting=0.24,
        hairs=50_000,
        guides=1_500,
        steps=40,
        volume=0.12,
        rise=2.4,
        length_spread=0.06,
        clumping=0.40,
        wave=0.04,
        waves=1.6,
        frizz=0.012,
        seed=6,
    ),
    hair_melanin=0.05,
    hair_redness=0.0,
    hair_tint=srgb(214, 211, 208),
    brow_melanin=0.2,
    brow_redness=0.0,
    brow_tint=srgb(92, 82, 76),
    top=TopLook(colour=srgb(112, 30, 52), neckline=0.38),
    light=LightLook(exposure=0.30, key=960.0, fill=240.0, rim=460.0),
    framing=Framing(),
    background=((196, 206, 214), (116, 130, 142)),
)
