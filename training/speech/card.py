"""The model card: everything that is known of a weights file, written by the run that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.net import VisemeNet
from livekit_bithuman.speech.stream import lookahead_samples

from .corpus import Voice
from .score import Tally
from .train import Recipe
from .voices import RATE

_TEMPLATE = """# viseme_net.npz

Log-mel rows (40 bands, 10 ms) to posteriors of the 15 Oculus visemes, in a stream: {layers} causal convolutions,
residual, of {channels} channels and {kernel} taps, dilations {dilations}; {parameters:.0f} k parameters in all.
Look-ahead {net_lookahead} ms; the whole path, window and smoothing included, {lookahead:.1f} ms after a frame's end
at 25 frames a second, and 2 ms more for resampling from 24 or 48 kHz.

| | |
|---|---|
| made by | `python -m training.speech`, this card too; seeds {seeds} |
| trained | {steps} steps of {batch} chunks of {chunk:.1f} s; the weights are the running mean at the last |
| licence | Apache-2.0, as the package |
| data | {minutes:.0f} minutes of synthetic speech, each once as spoken and some times augmented; 6 % not speech |
| no | evaluation speaker; voice under a copyleft licence |

## Data

Licences and packages of the voices: `training/speech/voices/__init__.py`. "late" is how far a neural voice's own
phoneme times were behind its sound, in ms, before they were mended (`training/speech/align.py`).

| source | utterances | minutes | augmented | late |
|---|---|---|---|---|
{sources}

## Scores of the streaming runtime

Development speech ({groups}), not trained on; labels as in `bench/lipsync`. "shut": p, b, m of 30 ms and
more that are seen closed; "false": vowels that are. The 25 fps rows hold each frame for its 40 ms.

{scores}

Per viseme, {first_group} at 100 fps: share of the rows labelled so that are told so, and of those told so that are.

{visemes}

## Other voices and languages

Synthetic voices that were not trained on, nor were Czech, Finnish and Catalan; the labels are the voices' own times.

{judges}
## Limits

- The development speech was looked at: of two runs that differed in how much neural voices weigh and in the loss, this
  one scored better on its human half and was kept. The faint-vowel threshold was chosen among five on half of it.
- English makes up most of the training; sounds of other languages take the nearest of the 15 classes.
- Of the rows of `aa`, most of them unstressed vowels, the net sees less than half: the largest part of the openness
  that it misses. It has heard few people, most of them synthetic.
- The first closure of a turn that is 20 dB quieter than usual is weaker, since the loudness is not known yet.
"""

_HEAD = "| | accuracy | openness r | width r | shut | false | onset median / p90 |\n|---|---|---|---|---|---|---|\n"


def _row(name: str, tally: Tally) -> str:
    row = (
        "{accuracy:.3f} | {openness_r:.3f} | {width_r:.3f} | {shut:.1%} | {false:.1%} "
        "| {onset_median_ms:.0f} / {onset_p90_ms:.0f} ms"
    )
    return f"| {name} | {row.format(**tally.figures())} |\n"


def _visemes(tally: Tally) -> str:
    """Recall and precision of every viseme, a column each."""
    right = tally.confusion.diagonal()
    recall = right / np.maximum(tally.confusion.sum(axis=1), 1)
    precision = right / np.maximum(tally.confusion.sum(axis=0), 1)
    lines = ["| | " + " | ".join(VISEMES) + " |", "|---" * (len(VISEMES) + 1) + "|"]
    for name, shares in (("recall", recall), ("precision", precision)):
        lines.append(f"| {name} | " + " | ".join(f"{share:.2f}" for share in shares) + " |")
    return "\n".join(lines)


@dataclass
class Card:
    """What the run noted on its way."""

    recipe: Recipe
    seeds: str
    copies: Mapping[str, int]  # source -> augmented takes of each utterance
    voices: Sequence[Voice]
    delays: Mapping[str, int]  # source -> rows that its labels were late
    scores: dict[int, Mapping[str, Tally]] = field(default_factory=dict)  # frames a second -> group -> tally
    judges: Mapping[str, Tally] = field(default_factory=dict)

    def _source(self, voice: Voice) -> str:
        source, delay = voice.source, self.delays.get(voice.source)
        late = "" if delay is None else f"{delay * 10}"
        minutes = f"{voice.rows / 6000:.1f}"
        return f"| {source} | {len(voice.utterances)} | {minutes} | {self.copies[source]} x | {late} |"

    def text(self, net: VisemeNet) -> str:
        """The card in Markdown."""
        sources = "\n".join(self._source(voice) for voice in self.voices)
        first = next(iter(self.scores.get(100, {})), None)
        rows = [
            _row(f"{group}, {fps} fps", tally)
            for fps, tallies in self.scores.items()
            for group, tally in tallies.items()
        ]
        size = sum(layer.weights.size + layer.biases.size for layer in net.layers) + net.readout.size + 15
        recipe = self.recipe
        return _TEMPLATE.format(
            layers=len(recipe.dilations),
            channels=recipe.channels,
            kernel=recipe.kernel,
            dilations=" ".join(map(str, recipe.dilations)),
            parameters=size / 1000,
            net_lookahead=recipe.lookahead_rows * 10,
            lookahead=lookahead_samples(25, net) * 1000 / RATE,
            seeds=self.seeds,
            steps=recipe.steps,
            batch=recipe.batch,
            chunk=recipe.chunk_rows / 100,
            minutes=sum(voice.rows for voice in self.voices) / 6000,
            sources=sources,
            groups=", ".join(self.scores.get(100, {})) or "none given",
            scores=_HEAD + "".join(rows),
            first_group=first or "no group",
            visemes=_visemes(self.scores[100][first]) if first else "",
            judges=_HEAD + "".join(_row(source, tally) for source, tally in self.judges.items()),
        )
