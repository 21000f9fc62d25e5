"""The command line, `livekit-bithuman`; docs/cli.md has every command.

Importing this package loads no command: `cli.progress` is used by programs that are no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `app.main`."""
    from .app import main as run  # Typer loads

    return run(argv)
