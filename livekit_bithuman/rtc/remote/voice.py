"""A face that is none: the agent's voice alone, published by the agent."""

from __future__ import annotations

from ...engine.counting import CountingEngine
from ...engine.protocol import Engine, EngineInfo
from ..in_process import InProcessFace, InProcessOptions
from ..options import PublishOptions

#: The player counts its time in pictures, which nobody sees.
_UNSEEN = EngineInfo(fps=10, size=(16, 16), lookahead_s=0.0)


class VoiceFace(InProcessFace):
    """The agent's own voice track, with the interruptions, pauses and positions of an avatar.

    Args:
        publish: How the track is published.
        session: Names the session in spans.
    """

    def __init__(self, publish: PublishOptions | None = None, session: str = "") -> None:
        publish = publish or PublishOptions(audio_track_name="agent_audio", stream=None)
        options = InProcessOptions(publish=publish, video=False, session=session)
        super().__init__(_unseen_engine, options, embedded=False, on_engine=_unheard)


def _unseen_engine() -> Engine:
    return CountingEngine(_UNSEEN)


def _unheard(error: Exception | None) -> None:
    """An engine that only counts does not fail."""
