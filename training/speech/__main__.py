"""From nothing to weights: `python -m training.speech OUT.npz [--evaluate FOLDER]`.

Speaks the corpus (kept in --corpus), augments it, trains, writes OUT.npz, and scores the streaming runtime with it.
`--smoke` does all of it on a few sentences, in a minute, to see that it runs.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from livekit_bithuman.speech.net import VisemeNet

from .corpus import corpus
from .dataset import dataset
from .score import score
from .train import Recipe, train
from .voices import SOURCES

CORPUS_SEED, AUGMENTATION_SEED = 100, 5
SENTENCES, COPIES = 420, 1


def say(text: str) -> None:
    """Print with the time of day."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the weights file to write")
    parser.add_argument("--corpus", type=Path, default=Path("build/speech-corpus"), help="where the spoken corpus is")
    parser.add_argument("--evaluate", type=Path, help="labelled recordings, as training.speech.score reads them")
    parser.add_argument("--smoke", action="store_true", help="a few sentences and steps only")
    options = parser.parse_args()

    recipe, sentences, folder = Recipe(), SENTENCES, options.corpus
    if options.smoke:
        recipe, sentences, folder = replace(recipe, steps=60, batch=8), 6, folder / "smoke"
    data = dataset(corpus(folder, SOURCES, sentences, CORPUS_SEED, say), COPIES, AUGMENTATION_SEED, say)
    arrays = train(data, recipe, say)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.out, **arrays)  # type: ignore[arg-type]
    say(f"wrote {options.out}")
    if options.evaluate is not None:
        net = VisemeNet.from_arrays(arrays)
        for fps in (100, 25):
            for group, tally in score(options.evaluate, fps, net).items():
                say(f"{fps:3d} fps  {group:9s} {tally.line()}")


if __name__ == "__main__":
    main()
