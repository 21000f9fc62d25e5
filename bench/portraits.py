"""What a portrait costs: time to make its avatar, size of the bundle, CPU time to draw a frame.

    python -m bench.portraits [PICTURE ..] [--gallery OUT.jpg]

Without pictures, three are drawn from the built-in character: mouth closed, laughing, and as a painting.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.face.bundle import read_bundle, write_bundle
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import VISEMES, Presentation, resting_mouth

FRAMES = 200
GALLERY = ("sil", "PP", "FF", "SS", "aa", "E", "oh", "ou")
LOOKS = (Presentation(blink=1.0), Presentation(gaze_x=0.5), Presentation(yaw=0.12))
TILE = 200


def builtin_pictures() -> dict[str, bytes]:
    """Pictures that may be used freely."""
    face = Face(Avatar.load(), (640, 640))
    closed = face.draw(resting_mouth(), Presentation())
    laughing = face.draw(mixed("E"), Presentation(smile=0.5))
    painted = cv2.stylization(closed, sigma_s=30, sigma_r=0.35)
    pictures = {"closed": closed, "laughing": laughing, "painted": painted}
    return {name: cv2.imencode(".png", picture)[1].tobytes() for name, picture in pictures.items()}


def measure(name: str, data: bytes) -> tuple[Avatar, str]:
    """One picture's avatar, and its line of the table. Frames are drawn by one thread."""
    begun = time.perf_counter()
    packed = write_bundle(make_portrait(data, name))
    made = time.perf_counter() - begun
    avatar = Avatar(read_bundle(packed, name))
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
    return avatar, f"{name:24} {made:6.2f} s {len(packed) / 1e6:6.2f} MB {p50:7.2f} ms {p95:7.2f} ms"


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
    pictures = {path.name: path.read_bytes() for path in arguments.pictures} or builtin_pictures()
    print(
        f"{'portrait':24} {'made':>8} {'bundle':>9} {'p50':>10} {'p95':>10}   (CPU time of a 512x512 frame, one thread)"
    )
    rows = []
    for name, data in pictures.items():
        avatar, line = measure(name, data)
        print(line)
        rows.append(gallery_row(avatar))
    if arguments.gallery is not None:
        cv2.imwrite(str(arguments.gallery), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
