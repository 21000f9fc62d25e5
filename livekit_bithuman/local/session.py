"""An agent's ears, mind and voice on this machine, put together with times that suit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession, inference, llm, stt, tts

from .hearing import LocalHearing
from .replies import local_replies
from .voice import LocalVoice

#: Silence that ends an utterance: a quarter of a second until it counts as silence, and so much more. People pause for
#: about as long within a sentence; who was not done goes on, and the answer gives way.
SILENCE_S, ENDPOINTING_DELAY_S = 0.25, 0.25
#: Speech shorter than this does not interrupt, and after a longer one without words the agent goes on where it was.
INTERRUPTION_S, FALSE_INTERRUPTION_S = 0.3, 1.5


@dataclass(frozen=True)
class LocalModels:
    """What can be loaded once and shared by several sessions."""

    hearing: stt.STT[Any]
    replies: llm.LLM[Any]
    voice: tts.TTS[Any]

    @classmethod
    def load(cls) -> LocalModels:
        """Load all; takes two to three seconds, and blocks.

        Raises:
            MissingDependencyError: The extra `offline` is not installed, or `openai` where OPENAI_BASE_URL is set.
        """
        return cls(LocalHearing(), local_replies(), LocalVoice())


def local_session(models: LocalModels | None = None) -> AgentSession[None]:
    """A session that listens, thinks and speaks without a key or a network; for `AvatarSession.start`.

    It answers when the speaker has been silent for half a second, may be interrupted by speech, and goes on where it
    was when the interruption had no words.

    Args:
        models: Loaded before; None: load them now.
    """
    models = models or LocalModels.load()
    return AgentSession(
        stt=models.hearing,
        llm=models.replies,
        tts=models.voice,
        vad=inference.VAD(min_silence_duration=SILENCE_S),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"min_delay": ENDPOINTING_DELAY_S},
            "interruption": {
                "mode": "vad",
                "min_duration": INTERRUPTION_S,
                "false_interruption_timeout": FALSE_INTERRUPTION_S,
                "resume_false_interruption": True,
            },
        },
    )
