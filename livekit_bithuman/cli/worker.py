"""`livekit-bithuman worker`."""

from __future__ import annotations

import logging
import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ServerError

HELP = """Draw avatars for agents on other machines.

Registers with the LiveKit server in LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; an agent with
AvatarSession(remote=True) calls it. SIGTERM or Ctrl-C: no more calls, and each avatar leaves when it has finished its
sentence; a second one ends it at once."""
EXAMPLES = """\
livekit-bithuman worker
livekit-bithuman worker --avatars /srv/avatars --host 0.0.0.0 --log json
livekit-bithuman worker --name portraits --capacity 4
"""

VARIABLES = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


class LogForm(str, Enum):
    """How log lines look."""

    TEXT = "text"
    JSON = "json"


def run(
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Agents call it by this: AvatarSession(remote=NAME).")
    ] = "livekit-bithuman",
    capacity: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="Avatars at once. [default: measured]")
    ] = None,
    avatars: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Of .avatar files that agents may name.")
    ] = None,
    avatar: Annotated[
        str | None, typer.Option(metavar="NAME", help="Shown where an agent names none. [default: maya]")
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where / and /metrics are served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="Of the same; 0: any free one.")] = 8081,
    log: Annotated[LogForm, typer.Option(help="How log lines look.")] = LogForm.TEXT,
) -> int:
    """Run a worker."""
    missing = [variable for variable in VARIABLES if not os.environ.get(variable)]
    if missing:
        raise ServerError(f"{' and '.join(missing)} not set: they say which LiveKit server the worker is to serve.")
    from .progress import Progress

    # Importing the agent framework alone takes a second or two.
    with Progress("loading livekit-agents"):
        from ..fleet import WorkerOptions
        from ..fleet.logs import log_to_stderr
        from ..fleet.service import ServiceOptions, run_service
        from ..fleet.traces import exported_traces
        from ..rtc.options import PublishOptions

    log_to_stderr(logging.INFO, as_json=log is LogForm.JSON)
    url, key, secret = (os.environ[variable] for variable in VARIABLES)
    worker = WorkerOptions(url, key, secret, agent_name=name, publish=PublishOptions(step_down=True))
    with exported_traces(name):
        return run_service(ServiceOptions(worker, capacity, avatars, avatar, host, port))
