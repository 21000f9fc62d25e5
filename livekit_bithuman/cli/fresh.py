"""A fresh process for `bench`: `python -m livekit_bithuman.cli.fresh AVATAR`, a name or path as JSON.

Prints a line when it has drawn a picture, then one with its resident memory in MB after each of some avatars. It
imports what an avatar needs and nothing else.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import psutil

from ..engine.compose import Demeanour
from ..engine.embedded import DEFAULT_SEED, EmbeddedEngine
from ..engine.protocol import Turn

_AVATARS = 4
_RATE = 24_000


def main(avatar: str | None) -> None:
    """Make one avatar after the other, and let each speak a second of noise."""
    voice = np.random.default_rng(0).normal(0, 3000, _RATE).astype(np.int16)
    engines, resident = [], []
    for _ in range(_AVATARS):
        engine = EmbeddedEngine(avatar)
        engines.append(engine)  # all of them stay
        presentation = Demeanour(DEFAULT_SEED, engine.info.fps).speaking
        engine.draw(None, presentation(0))
        if len(engines) == 1:
            print("drawn", flush=True)
        engine.open_turn(Turn(0, _RATE))
        engine.push(voice)
        engine.end_turn()
        for frame in engine.poll():
            engine.draw(frame, presentation(frame.index))
        resident.append(psutil.Process().memory_info().rss / 1e6)
    print(json.dumps(resident), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
