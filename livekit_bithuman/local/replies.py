"""The replying model of an offline agent: a script, or any OpenAI-compatible server."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from livekit.agents import llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr

from ..errors import MissingDependencyError
from .script import reply

#: Asked for where a server is named and no model; most local servers take any name.
DEFAULT_MODEL = "gpt-4o-mini"


class ScriptedReplies(llm.LLM[Any]):
    """A small scripted conversation, streamed word by word as a language model does. The same history, the same reply.

    Args:
        clock: Tells the user's time.
    """

    def __init__(self, clock: Callable[[], datetime] = datetime.now) -> None:
        super().__init__()
        self.clock = clock

    @property
    def model(self) -> str:
        """For metrics."""
        return "script"

    @property
    def provider(self) -> str:
        """For metrics."""
        return "local"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """Answer the user's last message; tools are never called."""
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    _llm: ScriptedReplies

    async def _run(self) -> None:
        said = [message.text_content or "" for message in self._chat_ctx.messages() if message.role == "user"]
        name = utils.shortuuid()
        for word in reply(said, self._llm.clock()).split(" "):
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=delta))


def local_replies() -> llm.LLM[Any]:
    """The server of OPENAI_BASE_URL, asked for the model OPENAI_MODEL names; without that variable, the script.

    Raises:
        MissingDependencyError: The variable is set, and livekit's openai plugin is not installed.
    """
    address = os.environ.get("OPENAI_BASE_URL")
    if not address:
        return ScriptedReplies()
    try:
        from livekit.plugins import openai
    except ImportError as error:
        raise MissingDependencyError(
            "livekit-plugins-openai",
            "OPENAI_BASE_URL names a model server, and livekit-plugins-openai is not installed. "
            "Run `pip install 'livekit-bithuman[openai]'`, or unset the variable.",
        ) from error
    # a local server asks for no key, and the client for any
    key = os.environ.get("OPENAI_API_KEY") or "none"
    chosen: llm.LLM[Any] = openai.LLM(
        model=os.environ.get("OPENAI_MODEL") or DEFAULT_MODEL, base_url=address, api_key=key
    )
    return chosen
