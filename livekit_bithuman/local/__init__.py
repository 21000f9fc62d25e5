"""What an agent needs besides a face, on this machine and without a key. Extra `offline`."""

from .hearing import LocalHearing
from .replies import ScriptedReplies, local_replies
from .session import LocalModels, local_session
from .voice import LocalVoice

__all__ = ["LocalHearing", "LocalModels", "LocalVoice", "ScriptedReplies", "local_replies", "local_session"]
