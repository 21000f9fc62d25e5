"""Kofi: a man of about forty with dark skin, close-cropped hair and a short beard, in an ochre top."""

from __future__ import annotations

import numpy as np

from training.art.beard import BeardLook
from training.art.brows import BrowLook, LashLook
from training.art.clothes import TopLook
from training.art.eyes import EyeLook
from training.art.geometry import Points, unit
from training.art.hair import HairStyle
from training.art.light import Framing, LightLook
from training.art.makehuman import Build
from training.art.scene import Character
from training.art.shader import srgb
from training.art.skin import SkinLook
from training.art.teeth import MouthLook
from training.art.visemes import LIP_SEAL, Pose


def _comb(local: Points, side: np.ndarray, grown: float) -> Points:
    """Straight out of the head: coils too tight to fall."""
    return unit(local + 0.0 * side[:, None])


CHARACTER = Character(
    name="kofi",
    description="A man with dark skin, close-cropped hair and a short beard, in an ochre knit top",
    build=Build(
        gender=1.0, age=36, muscle=0.58, weight=0.52, proportions=0.85, ancestry={"african": 0.9, "caucasian": 0.1}
    ),
    details={
        "head/head-rectangular": 0.2,
        "mouth/mouth-angles-up": 0.45,
        "eyes/*-eye-scale-incr": 0.5,
        "forehead/forehead-scale-vert-decr": 0.2,
        "nose/nose-scale-horiz-decr": 0.15,
        "cheek/*-cheek-bones-incr": 0.2,
    },
    resting=Pose({**LIP_SEAL, "mouthSmile*": 0.36, "mouthPucker": 0.04, "cheekSquint*": 0.2, "eyeSquint*": 0.02}),
    hairline=(0.72, 0.72, 0.70, 0.55, 0.28, 0.0, -0.25, -0.42, -0.70, -0.80),
    skin=SkinLook(
        base=srgb(106, 68, 50),
        mottle=srgb(90, 57, 43),
        blush=srgb(120, 60, 46),
        lips=srgb(118, 62, 57),
        lids=srgb(74, 44, 34),
        scalp=srgb(34, 24, 20),
        blush_strength=0.35,
        lip_strength=0.7,
        roughness=0.50,
        scattering=0.030,
        specular=0.34,
        beard=srgb(34, 24, 20),
        beard_strength=0.85,
    ),
    eyes=EyeLook(
        iris=srgb(64, 40, 26), fibres=srgb(44, 28, 18), collarette=srgb(88, 54, 30), white=srgb(226, 216, 206)
    ),
    mouth=MouthLook(glow=0.20, arch_width=1.06, teeth=srgb(240, 230, 212), gum=srgb(140, 76, 74)),
    brows=BrowLook(
        height=(0.182, 0.206, 0.220, 0.170), half_width=(0.026, 0.030, 0.021, 0.006), hairs=850, thickness=0.0010
    ),
    lashes=LashLook(upper=80, lower=30, upper_length=0.052, lower_length=0.024),
    hair=HairStyle(
        comb=_comb,
        length=0.12,
        parting=9.0,
        hairs=60_000,
        guides=4_000,
        steps=12,
        stiffness=0.9,
        volume=0.02,
        length_spread=0.12,
        clumping=0.25,
        clump_size=20,
        wave=0.016,
        waves=2.0,
        frizz=0.011,
        flyaway=0.0,
        thickness=0.0024,
        seed=3,
    ),
    hair_melanin=0.97,
    hair_redness=0.1,
    brow_melanin=0.97,
    brow_redness=0.1,
    beard=BeardLook(hairs=30_000, length=0.04),
    top=TopLook(colour=srgb(158, 100, 30), neckline=0.38),
    light=LightLook(exposure=0.62, key=960.0, fill=280.0, rim=380.0),
    framing=Framing(width=3.3),
    background=((204, 212, 194), (118, 124, 98)),
)
