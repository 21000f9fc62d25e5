"""From nothing to weights: `python -m training.speech OUT.npz [--evaluate FOLDER]`.

Speaks the corpus (kept in --corpus), trains a first net on the voices whose phoneme times are exact, mends the times of
the others with it, augments everything, trains, writes OUT.npz, scores the streaming runtime with it and writes
MODEL_CARD.md beside it. `--smoke` does all of it on a few sentences, in a minute or two, to see that it runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from livekit_bithuman.speech.net import VisemeNet

from .align import aligned
from .card import Card
from .corpus import Voice, corpus
from .dataset import dataset
from .judges import judged
from .score import score
from .train import Recipe, train
from .voices import JUDGES, NEURAL, SOURCES

CORPUS_SEED, AUGMENTATION_SEED = 100, 5


def copies(source: str) -> int:
    """Augmented takes of each utterance. Neural voices sound most like people, and there is less of them."""
    return 4 if source.startswith(NEURAL) else 1


#: The first net only has to find boundaries.
FIRST = Recipe(channels=64, steps=700)


def say(text: str) -> None:
    """Print with the time of day."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def _few(sources: Mapping[str, int]) -> dict[str, int]:
    """A smoke run's sources: some sentences of one voice per program."""
    first = {source.split(":")[0]: source for source in reversed(sources)}
    return dict.fromkeys(first.values(), 6)


def with_mended_times(spoken: Sequence[Voice], first: Recipe = FIRST) -> tuple[list[Voice], dict[str, int], VisemeNet]:
    """The voices, the neural ones with phoneme times mended by a net that learnt from the others, and that net.

    Returns:
        The voices; by how many rows each neural one's labels were late; the net.
    """
    exact = [voice for voice in spoken if not voice.source.startswith(NEURAL)]
    aligner = VisemeNet.from_arrays(train(dataset(exact, copies, AUGMENTATION_SEED, say), first, say))
    voices, delays = list(exact), {}
    for voice in spoken:
        if voice.source.startswith(NEURAL):
            mended, delays[voice.source] = aligned(voice, aligner)
            voices.append(mended)
    return voices, delays, aligner


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the weights file to write")
    parser.add_argument("--corpus", type=Path, default=Path("build/speech-corpus"), help="where the spoken corpus is")
    parser.add_argument("--evaluate", type=Path, help="labelled recordings, as training.speech.score reads them")
    parser.add_argument("--smoke", action="store_true", help="a few sentences and steps only")
    options = parser.parse_args()

    recipe, first, sources, judges = Recipe(), FIRST, SOURCES, JUDGES
    if options.smoke:
        recipe, sources, judges = replace(recipe, steps=60, batch=8), _few(SOURCES), _few(JUDGES)
        first = recipe
    spoken = corpus(options.corpus, sources, CORPUS_SEED, say)

    voices, delays, aligner = with_mended_times(spoken, first)
    say(f"rows by which neural voices' labels were late: {delays}")

    arrays = train(dataset(voices, copies, AUGMENTATION_SEED, say), recipe, say)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.out, **arrays)  # type: ignore[arg-type]
    say(f"wrote {options.out}")

    net = VisemeNet.from_arrays(arrays)
    seeds = f"{CORPUS_SEED} (text and voices), {AUGMENTATION_SEED} (augmentation), {recipe.seed} (weights and batches)"
    card = Card(recipe, seeds, {voice.source: copies(voice.source) for voice in voices}, voices, delays)
    if options.evaluate is not None:
        card.scores = {fps: score(options.evaluate, fps, net) for fps in (100, 25)}
    card.judges = judged(corpus(options.corpus, judges, CORPUS_SEED, say), net, aligner)
    (options.out.parent / "MODEL_CARD.md").write_text(card.text(net), encoding="utf-8")
    for name, tally in [*card.scores.get(100, {}).items(), *card.judges.items()]:
        say(f"{name:24s} {tally.line()}")


if __name__ == "__main__":
    main()
