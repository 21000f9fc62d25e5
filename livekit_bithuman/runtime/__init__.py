"""bitHuman's push and drain loop over any engine: PCM in, 25 frames a second out.

    push_audio, flush ──> Intake ──> Composer (a worker thread: engine, drawing) ──> FrameStream (paced) ──> your loop

`AsyncBithuman` is what users see. `Intake` sorts audio into turns, `Composer` turns them into drawn frames, and
`FramePacer` says when each is due.
"""

from __future__ import annotations

from .async_bithuman import AsyncBithuman, RuntimeSettings
from .stream import FrameStream

__all__ = ["AsyncBithuman", "FrameStream", "RuntimeSettings"]
