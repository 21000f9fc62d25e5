"""What a mouth does for each viseme, as ARKit face unit weights and tongue lengths.

Keys of the 15 visemes follow the Oculus set, whose articulations (closed lips for PP, lip to teeth for FF, tongue
between the teeth for TH, ...) are those of the phonemes they stand for; the weights were set by eye on MakeHuman's
face units. A name that ends in "*" stands for both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pose:
    """A face's pose over the character's resting one."""

    units: Mapping[str, float] = field(default_factory=dict)  # ARKit face units
    tongue: Mapping[str, float] = field(default_factory=dict)  # teeth.Mouth's tongue parameters, face scales


VISEMES: dict[str, Pose] = {
    "sil": Pose(),
    "PP": Pose({"mouthRollLower": 0.34, "mouthRollUpper": 0.28, "mouthPucker": 0.08, "mouthClose": 0.04}),
    "FF": Pose({"jawOpen": 0.06, "mouthRollLower": 0.80, "mouthUpperUp*": 0.85, "mouthShrugLower": 0.10}),
    "TH": Pose({"jawOpen": 0.19, "mouthUpperUp*": 0.42, "mouthLowerDown*": 0.42, "tongueOut": 0.55}, {"up": 0.05}),
    "DD": Pose({"jawOpen": 0.13, "mouthUpperUp*": 0.28, "mouthLowerDown*": 0.38, "mouthStretch*": 0.08}, {"up": 0.10}),
    "kk": Pose({"jawOpen": 0.20, "mouthUpperUp*": 0.18, "mouthLowerDown*": 0.26, "mouthStretch*": 0.08}, {"back": 0.08}),
    "CH": Pose({"jawOpen": 0.09, "mouthFunnel": 0.62, "mouthPucker": 0.12, "mouthLowerDown*": 0.30,
                "mouthUpperUp*": 0.25}),
    "SS": Pose({"jawOpen": 0.08, "mouthStretch*": 0.28, "mouthLowerDown*": 0.70, "mouthUpperUp*": 0.66,
                "mouthSmile*": 0.12}),
    "nn": Pose({"jawOpen": 0.11, "mouthUpperUp*": 0.20, "mouthLowerDown*": 0.26}, {"up": 0.10}),
    "RR": Pose({"jawOpen": 0.12, "mouthFunnel": 0.42, "mouthPucker": 0.22, "mouthLowerDown*": 0.15}, {"back": 0.05}),
    "aa": Pose({"jawOpen": 0.55, "mouthUpperUp*": 0.20, "mouthLowerDown*": 0.20}),
    "E": Pose({"jawOpen": 0.32, "mouthStretch*": 0.28, "mouthSmile*": 0.18, "mouthUpperUp*": 0.28,
               "mouthLowerDown*": 0.28}),
    "ih": Pose({"jawOpen": 0.18, "mouthStretch*": 0.28, "mouthSmile*": 0.24, "mouthUpperUp*": 0.28,
                "mouthLowerDown*": 0.36}),
    "oh": Pose({"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.15}),
    "ou": Pose({"jawOpen": 0.17, "mouthPucker": 0.72, "mouthFunnel": 0.40}),
}  # fmt: skip

SMILE = Pose({"mouthSmile*": 0.50, "cheekSquint*": 0.20})
#: All of both lips' inner rims is seen: the pose that the other poses' textures are aligned to.
ATLAS = Pose({"jawOpen": 0.20, "mouthUpperUp*": 0.40, "mouthLowerDown*": 0.50})
BROW_UP = Pose({"browInnerUp": 0.55, "browOuterUp*": 0.55})
BROW_DOWN = Pose({"browDown*": 0.60})


def scaled(pose: Pose, share: float) -> Pose:
    """A pose at a share of its weights."""
    return Pose(
        {name: share * weight for name, weight in pose.units.items()},
        {name: share * length for name, length in pose.tongue.items()},
    )


def added(*poses: Pose) -> Pose:
    """Sum of poses."""
    units: dict[str, float] = {}
    tongue: dict[str, float] = {}
    for pose in poses:
        for name, weight in pose.units.items():
            units[name] = units.get(name, 0.0) + weight
        for name, length in pose.tongue.items():
            tongue[name] = tongue.get(name, 0.0) + length
    return Pose(units, tongue)


def mixed(shares: Mapping[str, float]) -> Pose:
    """A mix of visemes by name."""
    return added(*(scaled(VISEMES[name], share) for name, share in shares.items()))
