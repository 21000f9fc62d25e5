"""A local service that stands in for OpenAI: the same HTTP, the same realtime protocol, and real speech.

It hears with Whisper and speaks with hibari; what it answers, a test says.
"""

from .senses import Senses
from .service import KEY, OpenAIService
from .trouble import Trouble

__all__ = ["KEY", "OpenAIService", "Senses", "Trouble"]
