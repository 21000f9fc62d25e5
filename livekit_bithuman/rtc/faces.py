"""Makes the face that an `AvatarSession` was asked for, and the one that stands in for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Literal

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from ..adapters.errors import BitHumanException
from ..adapters.sdk import engine_of_runtime, find_secret, open_model
from ..engine.protocol import Engine
from ..engine.registry import engine_named
from .choice import Choice, Kind
from .cloud import CloudFace
from .dispatch import WorkerFace
from .face import Face
from .in_process import InProcessFace, InProcessOptions
from .opening import EngineSource
from .remote import VoiceFace

Fallback = Literal["embedded", "voice"]


@dataclass(frozen=True)
class CloudOptions:
    """What bitHuman's service is told, and by whom; see `AvatarSession`. The secrets are not shown by `repr`."""

    avatar_id: str | None = None
    avatar_image: Any = None
    model: str | None = None
    api_url: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    participant_identity: str | None = None
    participant_name: str | None = None
    allow_secret_in_attributes: bool = False


@dataclass(frozen=True)
class Faces:
    """Everything that an `AvatarSession` was asked for.

    Args:
        choice: Where the face comes from.
        local: Of faces in the agent's process.
        cloud: Of bitHuman's, its models included.
        size: Of the embedded engine's pictures.
        fps: Of the embedded engine.
        fallback: What speaks where the face that was asked for cannot.
        on_engine: Told of an engine's failure, and with None of its end.
        remote: The agent name of avatar workers, one of which draws the face; None: it is drawn here.
        background: Of the embedded engine.
        badge: The same.
    """

    choice: Choice
    local: InProcessOptions
    cloud: CloudOptions
    size: tuple[int, int] | None
    fps: int
    fallback: Fallback | None
    on_engine: Callable[[Exception | None], None]
    remote: str | None = None
    background: str | None = None
    badge: bool = False

    def wanted(self) -> Face:
        """The face that was asked for, not started.

        Raises:
            BitHumanException: What it needs is not given: a secret, a readable portrait.
        """
        if self.remote is not None:
            return self._worker(self.remote)
        if self.choice.kind is Kind.CLOUD:
            return self._cloud()
        embedded = self.choice.kind is Kind.AVATAR
        return InProcessFace(self.source(self.choice), self.local, embedded=embedded, on_engine=self.on_engine)

    def stand_in(self) -> Face | None:
        """Another face, not started, or None if none was wanted."""
        if self.fallback is None:
            return None
        if self.fallback == "voice":
            return VoiceFace(self.local.publish, self.local.session)
        default = self.source(Choice(Kind.AVATAR))
        return InProcessFace(default, self.local, embedded=True, on_engine=self.on_engine)

    def source(self, choice: Choice) -> EngineSource:
        """An engine in the agent's process, for any choice but the cloud.

        Raises:
            BitHumanException: A model needs an account, and none is given.
            EngineNotFoundError, EngineLoadError: There is no one engine of that name.
        """
        given = choice.source
        if choice.kind is Kind.ENGINE:
            return engine_named(given) if isinstance(given, str) else given
        if choice.kind is Kind.RUNTIME:

            async def over_runtime() -> Engine:
                return await engine_of_runtime(given)

            return over_runtime
        return self._model(given) if choice.kind is Kind.MODEL else self._embedded(given)

    def _model(self, path: str | PathLike[str]) -> EngineSource:
        cloud = self.cloud
        if not find_secret(cloud.api_secret) and not cloud.api_token and self.fallback is None:
            raise BitHumanException(
                "A bitHuman model needs an account: pass api_secret or set BITHUMAN_API_SECRET. "
                "Without one, leave the model out: the built-in character needs none."
            )

        def open_it() -> Engine:
            return open_model(path, api_secret=cloud.api_secret, api_token=cloud.api_token, api_url=cloud.api_url)

        return open_it

    def _embedded(self, avatar: str | PathLike[str] | None) -> EngineSource:
        def open_it() -> Engine:
            # imported at first use: the net and the avatar load here, in a worker thread
            from ..engine.embedded import EmbeddedEngine

            return EmbeddedEngine(
                avatar,
                seed=self.local.seed,
                size=self.size,
                fps=self.fps,
                background=self.background,
                badge=self.badge,
            )

        return open_it

    def _cloud(self) -> Face:
        cloud = self.cloud
        return CloudFace(
            avatar_id=cloud.avatar_id,
            avatar_image=cloud.avatar_image,
            model=cloud.model,
            api_url=cloud.api_url,
            api_secret=cloud.api_secret,
            api_token=cloud.api_token,
            conn_options=cloud.conn_options,
            avatar_participant_identity=cloud.participant_identity,
            avatar_participant_name=cloud.participant_name,
            allow_secret_in_attributes=cloud.allow_secret_in_attributes,
            fallback=None if self.fallback is None else self._stand_in,
        )

    def _worker(self, agent_name: str) -> Face:
        return WorkerFace(
            agent_name=agent_name,
            avatar=self.choice.source,
            size=self.size,
            fps=self.fps,
            seed=self.local.seed,
            identity=self.cloud.participant_identity,
            name=self.cloud.participant_name,
            fallback=self._at_hand,
            on_reply=self.local.on_reply,
        )

    def _at_hand(self) -> Face:
        """A face that is in the room before it is needed, and not seen until then."""
        if self.fallback != "embedded":
            return VoiceFace(session=self.local.session)
        options = replace(self.local, video=False, on_reply=None)
        return InProcessFace(self.source(Choice(Kind.AVATAR)), options, embedded=True, on_engine=self.on_engine)

    def _stand_in(self) -> Face:
        # what it says in another's place, livekit-agents' own metrics of that one tell
        face = replace(self, local=replace(self.local, on_reply=None)).stand_in()
        assert face is not None
        return face
