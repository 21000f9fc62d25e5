"""`livekit-bithuman replay trace.jsonl`: what happened in a recorded session, and whether it happens again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import TraceError
from .options import JsonOption

if TYPE_CHECKING:
    from ..trace import Replayed, Trace


HELP = """Tell what happened in a recorded session, and check that it happens again.

Prints the timeline of a session recorded with AvatarSession(record=...), and plays it again on virtual time: this
version must give the recorded positions, pictures and poses."""
EXAMPLES = """\
livekit-bithuman replay session.jsonl
livekit-bithuman replay session.jsonl --json | jq .utterances
"""


def run(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="The file that was recorded.")],
    as_json: JsonOption = False,
) -> int:
    """Print and check.

    Raises:
        TraceError: The trace cannot be read, or its replay differs.
    """
    from ..trace import Trace, replay  # the engine loads, which `--help` should not wait for

    try:
        text = trace.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TraceError(f"{trace} cannot be read: {reason}.") from error
    recorded = Trace.parse(text)
    replayed = replay(recorded)
    print(_as_json(recorded, replayed) if as_json else _as_text(recorded, replayed))
    if replayed.divergence is not None:
        raise TraceError(
            f"The replay differs from the recording at {replayed.divergence}. "
            f"It was recorded by version {recorded.header.version}: replay it with that one to see what changed since."
        )
    return 0


def _as_text(trace: Trace, replayed: Replayed) -> str:
    from ..trace import timeline, utterances

    header = trace.header
    said = utterances(trace)
    voice = "with its voice" if header.samples else "without its voice"
    lines = [
        f"recorded {header.recorded or 'at an unknown time'} by version {header.version}, {voice}: "
        f"{header.rate} Hz, {header.engine.fps} FPS, {_count(len(said), 'utterance')}"
    ]
    lines += [f"{moment.at:10.3f}  {moment.what}" for moment in timeline(trace)]
    if trace.truncated:
        lines.append("            the recording breaks off here")
    lines.append(
        f"the voice ran dry {replayed.underruns} times, {_count(replayed.skipped, 'picture')} came too late to show"
    )
    if replayed.divergence is None:
        poses = f", {_count(replayed.poses, 'pose')}" if replayed.poses else ""
        lines.append(
            f"replayed: {_count(replayed.events, 'event')} and {_count(replayed.pictures, 'picture')}{poses} agree"
        )
    return "\n".join(lines)


def _as_json(trace: Trace, replayed: Replayed) -> str:
    from ..trace import timeline, utterances

    return json.dumps(
        {
            "header": asdict(trace.header),
            "utterances": [asdict(utterance) for utterance in utterances(trace)],
            "timeline": [asdict(moment) for moment in timeline(trace)],
            "truncated": trace.truncated,
            "replayed": asdict(replayed),
        }
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
