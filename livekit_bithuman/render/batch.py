"""Several speech files, one after the other, by one avatar: where one fails, the others are rendered all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..cues import Feel
from ..engine.compose import Demeanour
from ..engine.embedded import DEFAULT_SEED, EmbeddedEngine
from ..errors import AvatarError
from ..face.avatar import Avatar
from .job import STILL_SUFFIXES, Rendered, Report, render_still, render_video
from .sequence import render_sequence
from .sound import SoundFile
from .video import SUFFIXES, check_suffix

#: What a file counts in the progress that does not say how long it is, in seconds.
_UNKNOWN_S = 10.0


@dataclass(frozen=True)
class Task:
    """One speech file, and what becomes of it.

    Attributes:
        speech: Anything with sound that FFmpeg reads.
        output: A video, or a picture by its suffix; or with `frames` a folder of pictures.
        frames: Every picture by itself.
        suffix: Of those pictures.
    """

    speech: Path
    output: Path
    frames: bool = False
    suffix: str = ".png"

    def check(self) -> None:
        """Look whether the output's name can be understood.

        Raises:
            MediaFileError: It cannot.
        """
        if not self.frames:
            check_suffix(self.output, SUFFIXES + STILL_SUFFIXES)


@dataclass(frozen=True)
class Outcome:
    """What became of a task: one of the last two is there."""

    task: Task
    rendered: Rendered | None = None
    error: AvatarError | None = None


#: Told the task that is rendered, and the share of all tasks' work that is done, 0..1.
BatchReport = Callable[[Task, float], None]


def render_batch(
    tasks: Sequence[Task],
    *,
    avatar: Avatar | str | os.PathLike[str] | None = None,
    size: tuple[int, int] | None = None,
    seed: int = DEFAULT_SEED,
    background: str | None = None,
    feeling: Feel | None = None,
    badge: bool = False,
    at: float | None = None,
    report: BatchReport | None = None,
) -> Iterator[Outcome]:
    """Render one task after the other.

    Args:
        tasks: Their outputs are all different.
        avatar: See `EmbeddedEngine`, as for `size`, `seed` and `background`.
        feeling: What the face looks like throughout.
        badge: Show a small "AI" in each picture, and say in the files that they were generated.
        at: Seconds into the speech that stills show; None: a good moment.
        report: Called as pictures are drawn.

    Yields:
        What became of each, in their order; an error of one is not raised.

    Raises:
        AvatarNotFoundError, AvatarFormatError: There is no such avatar, or it cannot be used.
    """
    weights = [_seconds(task.speech) for task in tasks]
    done = 0.0
    with closing(EmbeddedEngine(avatar, seed=seed, size=size, background=background, badge=badge)) as engine:
        presentation = Demeanour(seed, engine.info.fps, feeling).speaking
        for task, weight in zip(tasks, weights, strict=True):
            tell = _share_of(task, done / sum(weights), weight / sum(weights), report)
            try:
                task.check()
                if task.frames:
                    rendered = render_sequence(
                        task.speech, task.output, engine, presentation, tell, suffix=task.suffix, disclose=badge
                    )
                elif task.output.suffix.lower() in STILL_SUFFIXES:
                    rendered = render_still(task.speech, task.output, engine, presentation, at, disclose=badge)
                else:
                    rendered = render_video(task.speech, task.output, engine, presentation, tell, disclose=badge)
            except AvatarError as error:
                engine.interrupt()
                yield Outcome(task, error=error)
            else:
                yield Outcome(task, rendered)
            done += weight


def _seconds(speech: Path) -> float:
    """What a file says that it is long, for the progress alone: what is wrong with it is told when its turn comes."""
    try:
        with SoundFile(speech) as sound:
            return sound.seconds or _UNKNOWN_S
    except AvatarError:
        return _UNKNOWN_S


def _share_of(task: Task, before: float, own: float, report: BatchReport | None) -> Report | None:
    if report is None:
        return None
    report(task, before)

    def tell(frames: int, expected: int | None) -> None:
        report(task, before + own * (min(1.0, frames / expected) if expected else 0.5))

    return tell
