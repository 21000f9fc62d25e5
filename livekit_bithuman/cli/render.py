"""`livekit-bithuman render speech.wav -o out.mp4`: any speech, spoken by an avatar, in a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import SPEECH_HELP, AvatarOption, JsonOption, SeedOption, SizeOption
from .progress import Progress

if TYPE_CHECKING:
    from ..cues import Feel
    from ..render import Outcome, Rendered, Task

HELP = """Let an avatar speak sound files, into videos or pictures.

A video has the file's own sound and exactly its length. Several files go into a folder, and where one fails the others
are rendered all the same: its error is one line, and the exit code is that of the first error. A file appears when it
is whole, and never in part."""
EXAMPLES = """\
livekit-bithuman render speech.wav -o talking.mp4
livekit-bithuman render speech.wav -o talking.mp4 --size 1280x720 --avatar me.avatar
livekit-bithuman render *.wav -o videos                        videos/NAME.mp4 for each NAME.wav
livekit-bithuman render speech.wav -o face.png --at 1.5        one picture
livekit-bithuman render speech.wav -o happy.mp4 --emotion joy --background office.jpg
livekit-bithuman render speech.wav -o frames --frames          every picture: frames/00000.png and so on
"""

#: Files that `-o` may name; any other name is a folder.
_FILES = (".mp4", ".m4v", ".mov", ".mkv", ".png", ".jpg", ".jpeg")
_PICTURES = ("png", "jpg")


def run(
    speech: Annotated[list[Path], typer.Argument(metavar="SPEECH...", help=SPEECH_HELP)],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|FOLDER",
            help="A video (.mp4, .m4v, .mov, .mkv), one picture (.png, .jpg), or a folder for NAME.mp4 of each "
            "speech. What is there already is replaced.",
        ),
    ],
    form: Annotated[
        Literal["mp4", "mov", "mkv", "png", "jpg"] | None,
        typer.Option("--format", metavar="mp4|mov|mkv|png|jpg", help="Of what goes into a folder. [default: mp4]"),
    ] = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="Write every picture by itself: FOLDER/00000.png, or FOLDER/NAME/00000.png."),
    ] = False,
    avatar: AvatarOption = None,
    size: SizeOption = None,
    seed: SeedOption = None,
    emotion: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="anger, disgust, fear, joy, sadness or surprise. [default: neutral]"),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="COLOUR|FILE",
            help="green, a colour like #1b2a3c, a picture, blur:PICTURE or blur. [default: the avatar's own]",
        ),
    ] = None,
    badge: Annotated[
        bool, typer.Option("--badge", help='Show a small "AI" in each picture, and say so in the files.')
    ] = False,
    at: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Which moment one picture shows. [default: a good one]")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Render, and say what was written.

    Raises:
        AvatarError: The avatar cannot be used.
    """
    targets = _targets(speech, output, form, frames)
    from ..render import Task, render_batch  # half a second of imports, which `--help` should not wait for

    suffix = f".{form}" if frames and form else ".png"
    tasks = [Task(source, target, frames, suffix) for source, target in zip(speech, targets, strict=True)]
    options: dict[str, Any] = {"background": background, "feeling": _feeling(emotion), "badge": badge}
    if seed is not None:
        options["seed"] = seed
    outcomes: list[Outcome] = []
    with Progress(_title(tasks[0], tasks)) as progress:
        report = _Report(progress, tasks)
        _make_folders(tasks, output, one_file=_is_file(output))
        for outcome in render_batch(tasks, avatar=avatar, size=size, at=at, report=report, **options):
            outcomes.append(outcome)
            _tell(outcome, as_json)
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if as_json:
        print(json.dumps({"ok": not failed, "files": [_described(outcome) for outcome in outcomes]}, indent=2))
    elif len(tasks) > 1:
        print(f"{len(tasks) - len(failed)} of {len(tasks)} rendered", file=sys.stderr)
    return failed[0].exit_code if failed else 0


def _feeling(emotion: str | None) -> Feel | None:
    """The option's cue.

    Raises:
        BadParameter: There is no such emotion.
    """
    from ..cues import emotion_cue

    try:
        return None if emotion is None else emotion_cue(emotion)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--emotion'") from None


def _targets(speech: Sequence[Path], output: Path, form: str | None, frames: bool) -> list[Path]:
    """Where each speech goes.

    Raises:
        BadParameter: The options contradict each other, or two speeches would go to one place.
    """
    if frames and form not in (None, *_PICTURES):
        raise typer.BadParameter("--frames writes pictures: --format is png or jpg", param_hint="'--format'")
    if _is_file(output) and not frames:
        if len(speech) > 1:
            raise typer.BadParameter("several speeches go into a folder: name one without a suffix", param_hint="'-o'")
        if form is not None:
            raise typer.BadParameter("the output's own name says what it is", param_hint="'--format'")
        return [output]
    if frames and len(speech) == 1:
        return [output]
    if not frames and output.suffix and not output.is_dir() and len(speech) == 1:
        return [output]  # a suffix that means nothing to us: the error names those that do
    targets = [output / (path.stem if frames else f"{path.stem}.{form or 'mp4'}") for path in speech]
    for index, target in enumerate(targets):
        if target in targets[:index]:
            first, second = speech[targets.index(target)], speech[index]
            raise typer.BadParameter(
                f"{first} and {second} would both be {target}: rename one, or render them by themselves",
                param_hint="'SPEECH...'",
            )
    return targets


def _is_file(output: Path) -> bool:
    return output.suffix.lower() in _FILES and not output.is_dir()


def _make_folders(tasks: Sequence[Task], output: Path, *, one_file: bool) -> None:
    """The folder that a batch goes into. A single file's folder must be there, so that a slip makes none."""
    from ..render.output import write_error

    if one_file or tasks[0].output == output:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(output, error) from error


class _Report:
    """One line for all files."""

    def __init__(self, progress: Progress, tasks: Sequence[Task]) -> None:
        self._progress = progress
        self._tasks = tasks

    def __call__(self, task: Task, share: float) -> None:
        self._progress.update(_title(task, self._tasks), share)


def _title(task: Task, tasks: Sequence[Task]) -> str:
    which = f"{tasks.index(task) + 1} of {len(tasks)}: " if len(tasks) > 1 else ""
    return f"{which}{task.speech.name} -> {task.output.name}"


def _tell(outcome: Outcome, as_json: bool) -> None:
    """One line a file, as it is done."""
    if outcome.error is not None:
        print(f"livekit-bithuman render: {outcome.error}", file=sys.stderr)
    elif outcome.rendered is not None and not as_json:
        print(_line(outcome.rendered), flush=True)


def _line(done: Rendered) -> str:
    width, height = done.size
    frames = "1 frame" if done.frames == 1 else f"{done.frames} frames"
    return f"{done.path}: {frames} of {width}x{height}, from {done.seconds:.2f} s of speech ({done.codecs})"


def _described(outcome: Outcome) -> dict[str, Any]:
    about: dict[str, Any] = {"speech": str(outcome.task.speech), "output": str(outcome.task.output)}
    if outcome.rendered is not None:
        done = outcome.rendered
        about |= {"frames": done.frames, "seconds": done.seconds, "size": list(done.size), "codecs": done.codecs}
    if outcome.error is not None:
        about |= {"error": str(outcome.error), "exit_code": outcome.error.exit_code}
    return about
