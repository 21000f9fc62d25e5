"""Avatars that are drawn elsewhere and join the room by themselves.

`RemoteFace` gives one the agent's voice, and lets somebody else speak where it does not; who asks for it, and how, is a
subclass' affair. `RemoteAudioOutput` is the agent's side of its playback.
"""

from .face import Place, RemoteFace
from .voice import VoiceFace

__all__ = ["Place", "RemoteFace", "VoiceFace"]
