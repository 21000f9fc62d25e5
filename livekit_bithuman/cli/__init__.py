"""The command line: `livekit-bithuman demo`, `render`, `doctor`."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
