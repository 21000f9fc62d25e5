"""`AvatarSession`: gives an agent a face with three lines."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, AgentSession, APIConnectOptions, NotGiven, NotGivenOr
from livekit.agents.voice import ConversationItemAddedEvent
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession

from ..adapters.errors import BitHumanException
from ..cues import BLEND_S, Action, action_cue, emotion_cue
from ..engine.protocol import Engine
from ..errors import AvatarError, InvalidStateError, RoomError, TraceError
from ..media import Emotion
from ..playout import PlayoutOptions
from .choice import Kind, choose, given, worker_named
from .face import Face
from .faces import CloudOptions, Faces, Fallback
from .in_process import InProcessFace, InProcessOptions
from .options import PublishOptions
from .plugin import register
from .remote import RemoteFace, VoiceFace
from .reply_metrics import ReplyMetrics
from .spans import doing
from .statistics import AvatarStatistics

if TYPE_CHECKING:
    from PIL import Image

    from ..adapters.runtime import Runtime

logger = logging.getLogger("livekit_bithuman")

MAX_FPS = 60
#: Agents that have an avatar, from the moment that one begins to start.
_with_avatar: weakref.WeakSet[AgentSession] = weakref.WeakSet()  # type: ignore[type-arg]


class AvatarSession(BaseAvatarSession[Literal["engine_failed", "engine_recovered"]]):
    """A face for an agent.

        session = AgentSession(tts=…, llm=…, stt=…)
        avatar = AvatarSession()
        await avatar.start(session, room=ctx.room)
        await session.start(agent=…, room=ctx.room)

    The agent's voice then goes through the avatar. It is drawn in the agent's own process, by the embedded engine, a
    custom one or bitHuman's SDK, and published by the agent's own participant, at once and whether or not anybody is
    there; or by bitHuman's cloud, and joins as a participant of its own (`avatar_id`, `avatar_image`); or by an avatar
    worker on another machine (`remote`). Interruptions, pauses and positions are those of the room. The face listens,
    thinks and speaks as the agent does; `set_emotion()` and `act()` add to that (docs/life.md).

    Code that was written for livekit-plugins-bithuman runs with its import changed: its arguments and environment
    variables mean what they mean there (docs/drop-in.md).

    Events, for `on()`: "engine_failed" with the exception when the engine fails: the voice goes on and the last picture
    stays; "engine_recovered" when pictures are drawn again; "metrics_collected" as of every avatar, and where it is
    drawn here or by a worker, with `ReplyMetrics` at the end of each reply (docs/metrics.md).

    Args:
        avatar: A built-in character's name, the path of a `.avatar` bundle, or of an `.imx` model for bitHuman's SDK;
            None: what the other arguments or BITHUMAN_MODEL_PATH say, else the default character.
        engine: An engine to use instead of the embedded one; or a function that makes one, called in a worker thread,
            or the name of one that is installed (docs/engines.md): then it can be made anew should it fail. It is
            closed with the session.
        runtime: An `AsyncBithuman` to take pictures from, bitHuman's or this package's, made on this event loop. It is
            stopped with the session.
        model_path: As `avatar`, by the name it has at bitHuman.
        avatar_id: The code of an agent of bitHuman's cloud.
        avatar_image: A portrait that bitHuman's cloud is to animate: a PIL image, a path, an http(s) link or base64.
        model: For the cloud: "expression", "essence", "expression-2" or "essence-2"; left out, it chooses.
        api_url: Where bitHuman is asked; else BITHUMAN_API_URL.
        api_secret: Of the bitHuman account; else BITHUMAN_API_SECRET. It is told to bitHuman alone.
        api_token: For avatar workers of one's own; else BITHUMAN_API_TOKEN.
        conn_options: Attempts and times for requests to bitHuman's cloud.
        avatar_participant_identity: Of the cloud's avatar in the room; a worker's begins with it.
        avatar_participant_name: Of the cloud's or a worker's avatar in the room.
        allow_secret_in_attributes: For the cloud, where no short-lived token can be minted: let everybody in the room
            read the secret.
        fallback: Who speaks where the face that was asked for cannot be had, or is lost: "embedded", the built-in
            character; "voice", nobody that is seen; None: `start()` raises, and a lost cloud avatar is not heard.
        remote: Let an avatar worker draw the face (docs/worker.md): True, or the worker's agent name. `avatar` is a
            character that the worker has. Where no worker answers, or one is lost, the agent's voice goes on by itself,
            or `fallback` does.
        seed: Of the idle motion and of everything else that chance decides.
        size: (width, height) of the picture in pixels, both even; None: the avatar's own (built-in: 512x512).
        background: "green", a colour like "#1b2a3c", the path of a picture, "blur:" and one, or "blur"; None: the
            avatar's own. Drawn portraits have their own alone.
        badge: Show a small "AI" in the picture's corner. As `background`, of faces that the embedded engine draws.
        fps: Pictures per second, 1..60. An engine that is passed has its own.
        publish: How the tracks are published.
        playout: Timing; measured defaults.
        record: A file to write the session's playout to, for `livekit-bithuman replay`: what happened when, not what
            was said. What is there already is replaced.
        record_voice: Record the voice and the poses too, so that a replay shows the same mouths.
        visemes: Send each picture's viseme weights as a data packet too (`VisemePacket`), for a face that the viewer's
            own program draws; also while the video is taken away by `set_video_enabled(False)`.

    Raises:
        ValueError: Two arguments bring a face of their own, or `fps` is out of range.
        BitHumanException: bitHuman's models or cloud were asked for, and what they need is not given.
        EngineNotFoundError, EngineLoadError: There is no one engine of that name.
    """

    def __init__(
        self,
        avatar: str | os.PathLike[str] | None = None,
        *,
        engine: Engine | Callable[[], Engine] | str | None = None,
        runtime: NotGivenOr[Runtime | None] = NOT_GIVEN,
        model_path: NotGivenOr[str | os.PathLike[str] | None] = NOT_GIVEN,
        avatar_id: NotGivenOr[str | None] = NOT_GIVEN,
        avatar_image: NotGivenOr[str | os.PathLike[str] | Image.Image | None] = NOT_GIVEN,
        model: NotGivenOr[str | None] = NOT_GIVEN,
        api_url: NotGivenOr[str | None] = NOT_GIVEN,
        api_secret: NotGivenOr[str | None] = NOT_GIVEN,
        api_token: NotGivenOr[str | None] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        avatar_participant_identity: NotGivenOr[str | None] = NOT_GIVEN,
        avatar_participant_name: NotGivenOr[str | None] = NOT_GIVEN,
        allow_secret_in_attributes: bool = False,
        fallback: Fallback | None = None,
        remote: bool | str = False,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        background: str | os.PathLike[str] | None = None,
        badge: bool = False,
        fps: int = 25,
        publish: PublishOptions | None = None,
        playout: PlayoutOptions | None = None,
        record: str | os.PathLike[str] | None = None,
        record_voice: bool = False,
        visemes: bool = False,
    ) -> None:
        super().__init__()
        register()  # once more: this package may have been imported first on another thread
        if not 1 <= fps <= MAX_FPS:
            raise ValueError(f"fps is {fps}. Use 1 to {MAX_FPS}; 25 is what the engine is made for.")
        if fallback not in (None, "embedded", "voice"):
            raise ValueError(f'fallback is {fallback!r}. Use "embedded", "voice", or leave it out.')
        path = None if isinstance(model_path, NotGiven) else model_path
        choice = choose(
            avatar,
            engine=engine,
            runtime=given(runtime),
            avatar_id=given(avatar_id),
            avatar_image=given(avatar_image),
            model_path=path,
        )
        if remote is not False and background is not None:
            raise ValueError("remote= and background= exclude each other: a worker's avatar has its own.")
        self._id = secrets.token_hex(8)
        self._reply_told = False  # with metrics of our own, and not in the conversation yet
        self._faces = Faces(
            choice,
            InProcessOptions(
                seed=seed,
                publish=publish or PublishOptions(),
                playout=playout,
                record=record,
                record_voice=record_voice,
                visemes=visemes,
                session=self._id,
                on_reply=self._on_reply,
            ),
            CloudOptions(
                avatar_id=given(avatar_id),
                avatar_image=given(avatar_image),
                model=given(model),
                api_url=given(api_url),
                api_secret=given(api_secret),
                api_token=given(api_token),
                conn_options=conn_options,
                participant_identity=given(avatar_participant_identity),
                participant_name=given(avatar_participant_name),
                allow_secret_in_attributes=allow_secret_in_attributes,
            ),
            size,
            fps,
            fallback,
            self._on_engine,
            worker_named(remote, choice),
            None if background is None else os.fspath(background),
            badge,
        )
        self._face = self._wanted()
        self._agent: AgentSession | None = None  # type: ignore[type-arg]  # from the moment that start() was called
        self._starting: asyncio.Task[None] | None = None  # once start() was called
        self._closing: asyncio.Task[None] | None = None  # once aclose() was

    @property
    def avatar_identity(self) -> str:
        """Of who publishes the avatar: the agent's own participant, or the one that the cloud sends."""
        return self._face.identity

    @property
    def provider(self) -> str:
        """For metrics."""
        return "livekit_bithuman"

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since the start: under-runs, skipped pictures, interruptions, engine failures."""
        return self._face.statistics if isinstance(self._face, InProcessFace) else AvatarStatistics()

    @property
    def runtime(self) -> Any:
        """bitHuman's runtime: the one that was passed, or the one that draws the model.

        Raises:
            BitHumanException: There is none, or not before the start.
        """
        if self._faces.choice.kind is Kind.RUNTIME:
            return self._faces.choice.source
        engine = self._face.engine if isinstance(self._face, InProcessFace) else None
        runtime = getattr(engine, "runtime", None)
        if runtime is None:
            raise BitHumanException(
                "This avatar has no bitHuman runtime, or not yet: pass runtime=, or ask for it after start()."
            )
        return runtime

    async def start(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        *,
        livekit_url: NotGivenOr[str | None] = NOT_GIVEN,
        livekit_api_key: NotGivenOr[str | None] = NOT_GIVEN,
        livekit_api_secret: NotGivenOr[str | None] = NOT_GIVEN,
    ) -> None:
        """Give the agent its face. Call before `agent_session.start()`.

        Returns when the avatar can speak and, if the room is connected, both tracks are published; otherwise they are
        published as soon as it is. If it fails or is cancelled, everything is as it was before.

        Args:
            agent_session: Its audio output is replaced until `aclose`.
            room: The agent's.
            livekit_url: Where the cloud's avatar finds the room; else LIVEKIT_URL.
            livekit_api_key: Signs the cloud avatar's token; else LIVEKIT_API_KEY.
            livekit_api_secret: Signs the cloud avatar's token; else LIVEKIT_API_SECRET.

        Raises:
            InvalidStateError: This avatar was started or closed before or is closed meanwhile, or the agent has one
                already.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
            BackgroundError: The background cannot be shown behind this avatar.
            RoomError: The agent may not publish its voice in this room.
            TraceError: The recording cannot be written.
            BitHumanException: bitHuman refuses, or cannot be reached; see `livekit_bithuman.adapters.errors`.
        """
        if self._starting is not None or self._closing is not None:
            raise InvalidStateError("This AvatarSession was started already, or closed: create a new one.")
        if agent_session in _with_avatar:
            raise InvalidStateError("This agent has an avatar already: close that one first, with aclose().")
        _with_avatar.add(agent_session)
        self._agent = agent_session
        livekit = given(livekit_url), given(livekit_api_key), given(livekit_api_secret)
        self._starting = asyncio.create_task(self._set_up(agent_session, room, livekit), name="avatar start")
        try:
            await self._starting
        except BaseException as error:
            await asyncio.shield(asyncio.create_task(self._take_away(), name="avatar start undone"))
            if self._closing is not None and isinstance(error, asyncio.CancelledError):
                raise InvalidStateError("This AvatarSession was closed while it was starting.") from None
            raise

    async def swap(
        self,
        avatar: str | os.PathLike[str] | None = None,
        *,
        engine: Engine | Callable[[], Engine] | str | None = None,
    ) -> None:
        """Show another avatar on the same tracks; a reply that is being spoken goes on with the new face.

        The face before is shown until the new one is loaded; if that fails it stays.

        Args:
            avatar: As for the constructor.
            engine: As for the constructor.

        Raises:
            InvalidStateError: The avatar is not started, or closed.
            ValueError: `avatar` and `engine` are both given, or the engine has another frame rate.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
            EngineNotFoundError, EngineLoadError: There is no one engine of that name.
        """
        chosen = choose(avatar, engine=engine, environment={})
        await self._running().swap(self._faces.source(chosen))

    def set_emotion(self, name: str | Emotion, *, intensity: float = 1.0, blend_s: float = BLEND_S) -> None:
        """Look like this from now on, until another is set; speech and closed lips are left as they are.

        Args:
            name: anger, disgust, fear, joy, neutral, sadness or surprise.
            intensity: 0..1.
            blend_s: How long the change takes, in seconds.

        Raises:
            ValueError: There is no such emotion, or a number is out of range.
            InvalidStateError: The avatar is not started, or closed, or drawn elsewhere.
        """
        cue = emotion_cue(name, intensity, blend_s)
        self._running().cue(cue)

    def act(self, name: str | Action, *, at: float | None = None, intensity: float = 1.0) -> None:
        """Make a gesture.

        Args:
            name: nod, shake, tilt, brow_raise or laugh.
            at: When, in seconds of the voice of the reply that is heard, or comes next if none is; a pause of the
                reply is not counted. An interruption drops it, and so does a reply that ends before. None: now.
            intensity: 0..1.

        Raises:
            ActionNotFoundError: There is no such gesture.
            ValueError: A number is out of range.
            InvalidStateError: The avatar is not started, or closed, or drawn elsewhere.
        """
        cue = action_cue(name, intensity)
        if at is not None and not 0 <= at < math.inf:
            raise ValueError(f"at is {at}. Use seconds from the reply's beginning, 0 or more; None: now.")
        self._running().cue(cue, None if at is None else float(at))

    async def set_video_enabled(self, enabled: bool) -> None:
        """Take the face away for a while, or bring it back; the voice is the avatar's throughout.

        Raises:
            InvalidStateError: The avatar is not started, or closed.
        """
        await self._running().set_video_enabled(enabled)

    async def aclose(self) -> None:
        """Take the face away; the agent stays in the room. Idempotent.

        Pending speech ends as interrupted, both tracks are unpublished, the previous audio output is restored.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar session close")
        await asyncio.shield(self._closing)

    # inside

    def _on_engine(self, error: Exception | None) -> None:
        if error is None:
            self.emit("engine_recovered")
        else:
            self.emit("engine_failed", error)

    def _on_reply(self, metrics: ReplyMetrics) -> None:
        if self._agent_session is not None:
            self._reply_told = True
            self._emit_metrics(metrics)

    def _on_conversation_item_added(self, ev: ConversationItemAddedEvent) -> None:
        told = self._reply_told
        if ev.item.type == "message" and ev.item.role == "assistant":
            self._reply_told = False
        if not (told or self._tells_replies):  # whose metrics have the same latency, and are told already
            super()._on_conversation_item_added(ev)

    @property
    def _tells_replies(self) -> bool:
        return isinstance(self._face, InProcessFace) and not isinstance(self._face, VoiceFace)

    def _wanted(self) -> Face:
        try:
            return self._faces.wanted()
        except BitHumanException as error:
            return self._instead(error)

    def _instead(self, error: AvatarError) -> Face:
        """The face that stands in; raises the error if none was wanted, or would fare no better."""
        face = None if isinstance(error, (RoomError, InvalidStateError, TraceError)) else self._faces.stand_in()
        if face is None:
            raise error
        logger.error("the avatar cannot be had, another face stands in for it: %s", error)
        return face

    async def _set_up(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        livekit: tuple[str | None, str | None, str | None],
    ) -> None:
        with doing("avatar_start", self._id) as span:
            try:
                await self._start_face(agent_session, room, livekit)
            except AvatarError as error:
                self._face = self._instead(error)
                span.set_attribute("livekit_bithuman.stand_in", True)
                await self._face.start(agent_session, room)
            if isinstance(self._face, RemoteFace) and self._face.call_id:
                span.set_attribute("livekit_bithuman.call", self._face.call_id)
        await super().start(agent_session, room)

    async def _wait_avatar_join(self) -> None:
        if not isinstance(self._face, VoiceFace):  # of which there is nothing to be seen
            await super()._wait_avatar_join()

    async def _start_face(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        livekit: tuple[str | None, str | None, str | None],
    ) -> None:
        if isinstance(self._face, RemoteFace):
            url, key, secret = livekit
            await self._face.start(agent_session, room, livekit_url=url, livekit_api_key=key, livekit_api_secret=secret)
        else:
            await self._face.start(agent_session, room)

    async def _close(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        joining = self._wait_avatar_join_task
        if self._room is not None:
            self._room.off("connection_state_changed", self._on_connection_state_changed)
            self._room = None  # the agent stays in the room
        await self._take_away()
        await super().aclose()
        if joining is not None:
            await asyncio.gather(joining, return_exceptions=True)  # it may have failed with the room

    async def _take_away(self) -> None:
        """Undo what a start has done so far. Idempotent, also for two callers at once."""
        if self._agent is None:
            return
        try:
            await self._face.aclose()
        finally:
            _with_avatar.discard(self._agent)

    def _running(self) -> InProcessFace:
        if self._closing is not None:
            raise InvalidStateError("This avatar is not running: call start() first, and not after aclose().")
        if not isinstance(self._face, InProcessFace) or isinstance(self._face, VoiceFace):
            raise InvalidStateError("No face is drawn here: bitHuman's cloud has it, or there is none but a voice.")
        return self._face
