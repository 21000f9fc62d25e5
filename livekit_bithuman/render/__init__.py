"""Speech files to video files and stills, as fast as the machine draws.

SoundFile ── blocks ──┬── engine ── frames ── VideoFile (H.264)
                      └────────────────────── VideoFile (AAC)
"""

from __future__ import annotations

from .batch import Outcome, Task, render_batch
from .job import Rendered, render_speech, render_still, render_video
from .sequence import render_sequence

__all__ = [
    "Outcome",
    "Rendered",
    "Task",
    "render_batch",
    "render_sequence",
    "render_speech",
    "render_still",
    "render_video",
]
