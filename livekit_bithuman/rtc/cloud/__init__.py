"""Avatars that are drawn elsewhere and join the room by themselves: bitHuman's cloud, and workers like it.

`CloudFace` asks for one, gives it the agent's voice, and lets somebody else speak where it does not.
"""

from .face import CloudFace
from .voice import VoiceFace

__all__ = ["CloudFace", "VoiceFace"]
