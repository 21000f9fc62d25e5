"""Maya: a young woman with long brown hair worn behind the shoulders, in a teal knit top."""

from __future__ import annotations

import numpy as np

from training.art.brows import BrowLook
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


def _comb(local: Points, side: np.ndarray, grown: float) -> Points:
    """From the parting over the temples to behind the ears, then down behind the shoulders."""
    x, y, z = local.T
    front = smoothstep(z, -0.1, 0.7)
    top = smoothstep(y, 0.35, 0.95)
    sweep = np.stack([side * (0.75 * front + 0.45 * top), -0.25 - 0.45 * (1 - top), -0.95 + 0.25 * top], 1)
    fall = np.stack([0.04 * np.sign(x), -np.ones_like(x), -0.20 - 0.1 * front], 1)
    share = np.clip(smoothstep(-z, -0.05, 0.35) * smoothstep(-y, -0.45, 0.35) + grown**3, 0, 1)[:, None]
    return sweep * (1 - share) + fall * share


CHARACTER = Character(
    name="maya",
    description="A young woman with long brown hair, in a teal knit top",
    build=Build(gender=0.0, age=24, proportions=0.9, ancestry={"caucasian": 0.65, "asian": 0.35}),
    details={
        "head/head-oval": 0.35,
        "mouth/mouth-upperlip-volume-incr": 0.5,
        "mouth/mouth-lowerlip-volume-incr": 0.4,
        "eyes/*-eye-scale-incr": 0.6,
        "forehead/forehead-scale-vert-decr": 0.3,
        "mouth/mouth-angles-up": 0.25,
        "chin/chin-width-decr": 0.4,
        "head/head-scale-horiz-decr": 0.15,
        "cheek/*-cheek-bones-incr": 0.25,
        "nose/nose-width2-decr": 0.3,
        "nose/nose-scale-horiz-decr": 0.3,
        "nose/nose-point-width-decr": 0.3,
    },
    resting=Pose({**LIP_SEAL, "mouthSmile*": 0.34, "mouthPucker": 0.05, "cheekSquint*": 0.25, "eyeSquint*": 0.06}),
    hairline=(0.73, 0.70, 0.60, 0.45, 0.22, -0.05, -0.25, -0.40, -0.70, -0.82),
    skin=SkinLook(
        base=srgb(230, 178, 150),
        mottle=srgb(222, 164, 136),
        blush=srgb(212, 118, 104),
        lips=srgb(188, 80, 82),
        lids=srgb(178, 118, 102),
        scalp=srgb(70, 46, 34),
        liner_strength=0.8,
        lip_strength=0.85,
    ),
    eyes=EyeLook(iris=srgb(104, 78, 50), fibres=srgb(70, 50, 32), collarette=srgb(150, 110, 62)),
    mouth=MouthLook(),
    brows=BrowLook(
        height=(0.192, 0.206, 0.226, 0.176), half_width=(0.023, 0.029, 0.021, 0.006), hairs=1000, thickness=0.0009
    ),
    hair=HairStyle(comb=_comb, length=1.6),
    hair_melanin=0.78,
    hair_redness=0.38,
    brow_melanin=0.74,
    brow_redness=0.10,
    top=TopLook(colour=srgb(46, 92, 104)),
    light=LightLook(),
    framing=Framing(),
)
