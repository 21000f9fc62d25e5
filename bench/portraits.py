"""What a portrait costs, and whether it does as it is told.

    python -m bench.portraits [PICTURE ..] [--gallery OUT.jpg]

Time to make the avatar, size of the bundle and CPU time to draw a frame; then what the face mesh sees in its frames
against what they were asked to show (`bench.landmarks`). Without pictures: those of tests/data/portraits, others drawn
from the built-in characters, and for comparison the characters themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.face.bundle import read_bundle, write_bundle
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import VISEMES, Presentation, resting_mouth

from .landmarks import agreement

PICTURES = Path(__file__).parents[1] / "tests" / "data" / "portraits"
FRAMES = 200
GALLERY = ("sil", "PP", "FF", "SS", "aa", "E", "oh", "ou")
LOOKS = (Presentation(blink=1.0), Presentation(gaze_x=0.5), Presentation(yaw=0.12))
TILE = 136


def pictures() -> Iterator[tuple[str, bytes]]:
    """Pictures that may be used freely; tests/data/portraits/LICENCES.md says of each why."""
    for path in sorted(PICTURES.glob("*.[jp][pn]g")):
        yield path.stem, path.read_bytes()
    for name, mouth, smile in (("vera", "sil", 0.0), ("kofi", "sil", 0.0), ("maya", "E", 0.5)):
        picture = Face(Avatar.load(name), (640, 640)).draw(mixed(mouth), Presentation(smile=smile))
        yield f"{name}, {'laughing' if smile else 'rendered'}", _png(picture)
    picture = Face(Avatar.load("vera"), (640, 640)).draw(resting_mouth(), Presentation())
    yield "vera, painted", _png(np.asarray(cv2.stylization(picture, sigma_s=30, sigma_r=0.35), np.uint8))


def made(name: str, data: bytes) -> tuple[Avatar, str]:
    """One picture's avatar, and what making it cost."""
    begun = time.perf_counter()
    packed = write_bundle(make_portrait(data, name))
    seconds = time.perf_counter() - begun
    return Avatar(read_bundle(packed, name)), f"{seconds:6.2f} s {len(packed) / 1e6:6.2f} MB"


def drawn(avatar: Avatar) -> str:
    """The CPU time of its frames, all motion included, drawn by one thread."""
    face, idle = Face(avatar), IdleMotion(1)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    times = []
    for k in range(FRAMES):
        mouth = mixed(VISEMES[k % 15], VISEMES[(k // 3) % 15])
        begun = time.thread_time()
        face.draw(mouth, idle.at(k, 1.0))
        times.append(1e3 * (time.thread_time() - begun))
    cv2.setNumThreads(threads)
    p50, p95 = np.percentile(times, [50, 95])
    return f"{p50:6.2f} ms {p95:6.2f} ms"


def obeys(avatar: Avatar) -> str:
    """What the mesh sees in its frames."""
    seen = agreement(avatar)
    found, false = f"{seen.found}/{seen.blinks}", f"{seen.false}/{seen.awake}"
    single = f"{min(seen.single_r):.3f}..{max(seen.single_r):.3f}"
    return (
        f"{seen.gap_r:9.3f} {seen.openness_r:9.3f} {single:>13} {seen.speech_r:9.3f} {seen.width_r:9.3f} "
        f"{found:>8} {false:>8}"
    )


def gallery_row(avatar: Avatar) -> NDArray[np.uint8]:
    """One portrait in many poses."""
    face = Face(avatar, (TILE, TILE))
    tiles = [face.draw(mixed(viseme), Presentation()) for viseme in GALLERY]
    return np.hstack(tiles + [face.draw(resting_mouth(), look) for look in LOOKS])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--gallery", type=Path, help="also write a picture of all of them")
    arguments = parser.parse_args()
    given = [(path.name, path.read_bytes()) for path in arguments.pictures]
    print(
        f"{'':16} {'made':>8} {'bundle':>9} {'p50':>9} {'p95':>9} {'lips gap':>9} {'openness':>9} {'single looks':>13} "
        f"{'in speech':>9} {'width':>9}",
        end="",
    )
    print(f" {'blinks':>8} {'false':>8}   (CPU time of a 512x512 frame, one thread; correlations; blinks found)")
    rows = []
    for name, data in given or pictures():
        avatar, cost = made(name, data)
        print(f"{name:16} {cost} {drawn(avatar)} {obeys(avatar)}", flush=True)
        rows.append(gallery_row(avatar))
    for name in () if given else ("maya", "vera", "kofi"):
        avatar = Avatar.load(name)
        whose = "himself" if name == "kofi" else "herself"
        print(f"{name} {whose:11} {'':18} {drawn(avatar)} {obeys(avatar)}", flush=True)
    if arguments.gallery is not None:
        cv2.imwrite(str(arguments.gallery), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])


def _png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


if __name__ == "__main__":
    main()
