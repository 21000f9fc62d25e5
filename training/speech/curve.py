"""What the scores hang on: `python -m training.speech.curve --evaluate FOLDER [--corpus FOLDER] [--steps N]`.

Trains one net for each line of a table, all by a shortened schedule, and scores each in the streaming runtime: with
less data, without a kind of voice, of other sizes, and with less or more look-ahead. Lines of one run are comparable
with each other, not with the shipped net, which was trained for longer; it mends the neural voices' times for all of
them. Hours on two cores; a line is printed when it is done. `--only` picks lines, and `--share 0.25` speaks a quarter
of every source's sentences for all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from livekit_bithuman.speech.net import VisemeNet, shipped_net

from .__main__ import AUGMENTATION_SEED, CORPUS_SEED, copies, say
from .align import aligned
from .corpus import Voice, corpus
from .dataset import Dataset, dataset
from .score import score
from .train import Recipe, train
from .voices import NEURAL, SOURCES

STEPS = 1000


def _neural(source: str) -> bool:
    return source.startswith(NEURAL)


def _any(source: str) -> bool:
    return True


@dataclass(frozen=True)
class Variant:
    """One line: a recipe, and what it is trained on."""

    name: str
    recipe: Recipe
    share: float = 1.0  # of every source's utterances
    heard: Callable[[str], bool] = _any  # which sources

    def data(self, voices: Sequence[Voice]) -> list[Voice]:
        """What it is trained on, of all that was spoken."""
        return [
            Voice(voice.source, voice.utterances[: max(1, round(self.share * len(voice.utterances)))])
            for voice in voices
            if self.heard(voice.source)
        ]


def variants(recipe: Recipe) -> list[Variant]:
    """All lines, the usual one first."""
    return [
        Variant("as shipped", recipe),
        Variant("a quarter of the data", recipe, share=0.25),
        Variant("a sixteenth of the data", recipe, share=0.0625),
        Variant("no neural voices", recipe, heard=lambda source: not _neural(source)),
        Variant("neural voices alone", recipe, heard=_neural),
        Variant("64 channels", replace(recipe, channels=64)),
        Variant("192 channels", replace(recipe, channels=192)),
        Variant("40 ms less look-ahead", replace(recipe, lookahead_rows=recipe.lookahead_rows - 4)),
        Variant("80 ms more look-ahead", replace(recipe, lookahead_rows=recipe.lookahead_rows + 8)),
    ]


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with fewer steps, the mean of its weights over the same share of them."""
    return replace(recipe, steps=steps, average=1.0 - (1.0 - recipe.average) * recipe.steps / steps)


def _fewer(sources: Mapping[str, int], share: float) -> dict[str, int]:
    """The first `share` of every source's sentences."""
    return {source: max(1, round(share * count)) for source, count in sources.items()}


def main() -> None:
    """Train and score the variants."""
    names = [variant.name for variant in variants(Recipe())]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("build/speech-corpus"), help="where the spoken corpus is")
    parser.add_argument("--evaluate", type=Path, required=True, help="labelled recordings")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training")
    parser.add_argument("--share", type=float, default=1.0, help="of every source's sentences that are spoken")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="LINE", help="lines, in order; all")
    options = parser.parse_args()

    spoken = corpus(options.corpus, _fewer(SOURCES, options.share), CORPUS_SEED, say)
    voices = [aligned(voice, shipped_net())[0] if _neural(voice.source) else voice for voice in spoken]
    heard: dict[Hashable, Dataset] = {}  # lines that differ in their recipe alone share one
    lines = {variant.name: variant for variant in variants(shortened(Recipe(), options.steps))}
    for variant in map(lines.__getitem__, options.only):
        chosen = variant.data(voices)
        minutes = sum(voice.rows for voice in chosen) / 6000
        key = (variant.share, variant.heard)
        if key not in heard:
            heard[key] = dataset(chosen, copies, AUGMENTATION_SEED, lambda _: None)
        arrays = train(heard[key], variant.recipe, lambda _: None)
        for group, tally in score(options.evaluate, 100, VisemeNet.from_arrays(arrays)).items():
            say(f"{variant.name:24s} {minutes:4.0f} min  {group:8s} {tally.line()}")


if __name__ == "__main__":
    main()
