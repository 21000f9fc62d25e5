"""A talking face for LiveKit voice agents: audio in, lip-synced video at 25 FPS out."""

from __future__ import annotations

from .version import __version__

__all__ = ["__version__"]
