"""The only package that imports livekit: sources, tracks, the audio output, and the avatar session.

Importing it registers this package as a plugin of livekit-agents.
"""

from .frame_info import FrameInfo
from .options import PublishOptions
from .plugin import register
from .reply_metrics import ReplyMetrics
from .session import AvatarSession
from .statistics import AvatarStatistics
from .viseme_packet import VisemePacket

register()

__all__ = ["AvatarSession", "AvatarStatistics", "FrameInfo", "PublishOptions", "ReplyMetrics", "VisemePacket"]
