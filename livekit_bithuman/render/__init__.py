"""Speech files to video files and stills, as fast as the machine draws.

SoundFile ── blocks ──┬── engine ── frames ── VideoFile (H.264)
                      └────────────────────── VideoFile (AAC)
"""

from __future__ import annotations

from .job import Rendered, render_speech, render_still, render_video

__all__ = ["Rendered", "render_speech", "render_still", "render_video"]
