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


#: Presses MakeHuman's lips together, which leave a slit at the corners of a smile. Part of a character's resting
#: pose; the poses that open the mouth take it out again.
LIP_SEAL: Mapping[str, float] = {"mouthClose": 0.20, "mouthUpperUp*": -0.08}


def _parted(units: Mapping[str, float], tongue: Mapping[str, float] | None = None) -> Pose:
    """A pose of open lips: `units` with the seal undone."""
    names = sorted({*units, *LIP_SEAL})
    return Pose({name: units.get(name, 0.0) - LIP_SEAL.get(name, 0.0) for name in names}, tongue or {})


VISEMES: dict[str, Pose] = {
    "sil": Pose(),
    "PP": Pose({"mouthRollLower": 0.32, "mouthRollUpper": 0.12, "mouthPucker": 0.08, "mouthClose": 0.02}),
    "FF": _parted({"jawOpen": 0.08, "mouthRollLower": 0.40, "mouthUpperUp*": 0.42, "mouthLowerDown*": 0.30}),
    "TH": _parted({"jawOpen": 0.145, "mouthUpperUp*": -0.10, "mouthLowerDown*": 1.0, "mouthFunnel": 0.22,
                   "mouthRollLower": -0.25}, {"out": 0.18, "up": -0.012, "point": 0.8}),
    "DD": _parted({"jawOpen": 0.13, "mouthUpperUp*": 0.28, "mouthLowerDown*": 0.38, "mouthStretch*": 0.08},
                  {"up": 0.10}),
    "kk": _parted({"jawOpen": 0.20, "mouthUpperUp*": 0.18, "mouthLowerDown*": 0.26, "mouthStretch*": 0.08},
                  {"back": 0.08}),
    "CH": _parted({"jawOpen": 0.09, "mouthFunnel": 0.62, "mouthPucker": 0.12, "mouthLowerDown*": 0.30,
                   "mouthUpperUp*": 0.25}),
    "SS": _parted({"jawOpen": 0.06, "mouthStretch*": 0.26, "mouthLowerDown*": 0.56, "mouthUpperUp*": 0.46,
                   "mouthSmile*": 0.12}),
    "nn": _parted({"jawOpen": 0.11, "mouthUpperUp*": 0.20, "mouthLowerDown*": 0.26}, {"up": 0.10}),
    "RR": _parted({"jawOpen": 0.12, "mouthFunnel": 0.42, "mouthPucker": 0.22, "mouthLowerDown*": 0.15}, {"back": 0.05}),
    "aa": _parted({"jawOpen": 0.52, "mouthUpperUp*": 0.18, "mouthLowerDown*": 0.20}),
    "E": _parted({"jawOpen": 0.30, "mouthStretch*": 0.26, "mouthSmile*": 0.16, "mouthUpperUp*": 0.26,
                  "mouthLowerDown*": 0.28}),
    "ih": _parted({"jawOpen": 0.17, "mouthStretch*": 0.26, "mouthSmile*": 0.20, "mouthUpperUp*": 0.26,
                   "mouthLowerDown*": 0.34}),
    "oh": _parted({"jawOpen": 0.40, "mouthFunnel": 0.55, "mouthPucker": 0.15}),
    "ou": _parted({"jawOpen": 0.18, "mouthPucker": 0.68, "mouthFunnel": 0.45}),
}  # fmt: skip

SMILE = Pose({"mouthSmile*": 0.40, "cheekSquint*": 0.20})
#: All of both lips' inner rims is seen: the pose that the other poses' textures are aligned to.
ATLAS = _parted({"jawOpen": 0.20, "mouthUpperUp*": 0.40, "mouthLowerDown*": 0.50})
BROW_UP = Pose({"browInnerUp": 0.55, "browOuterUp*": 0.55})
BROW_DOWN = Pose({"browDown*": 0.60})


#: How much of these keyframes full weight shows; the others are shown whole. The gap between the lips in pictures comes
#: nearer to that of `livekit_bithuman.speech.shape` (`python -m bench.lipsync pictures`), while teeth, tongue and
#: rounding still show.
SHARES: Mapping[str, float] = {
    "FF": 0.75, "TH": 0.93, "DD": 0.7, "kk": 0.8, "CH": 0.7, "SS": 0.7, "nn": 0.9, "RR": 0.85, "oh": 0.9,
}  # fmt: skip


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
