"""`AsyncBithuman`: bitHuman's runtime contract over the embedded engine."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cues import cues_of
from ..engine.compose import Demeanour
from ..engine.embedded import DEFAULT_SEED, SPEECH_RATE, EmbeddedEngine
from ..engine.protocol import Engine
from ..errors import AvatarFormatError, AvatarNotFoundError, InvalidStateError
from ..media import VideoControl
from ..pose import Picture
from .composer import Composer
from .intake import Intake, PcmData
from .stream import FrameSource, FrameStream

logger = logging.getLogger(__name__)

DEFAULT_FPS = 25
DEFAULT_API_URL = "https://api.bithuman.ai/v1/runtime-tokens/request"  # of bitHuman's SDK


@dataclass(frozen=True)
class RuntimeSettings:
    """The constants of a runtime, under the names that adapters of the SDK read."""

    FPS: int
    INPUT_SAMPLE_RATE: int  # Hz, of VideoFrame.audio_chunk
    OUTPUT_WIDTH: int  # pixels; 0 while no avatar is loaded
    ALLOW_VIDEO_SCRIPT_UPDATE: bool = True
    PROCESS_IDLE_VIDEO: bool = False


class AsyncBithuman:
    """An avatar that speaks what is pushed into it.

        rt = await AsyncBithuman.create()
        await rt.push_audio(pcm, sample_rate, last_chunk=False)  # any rate, chunks of any size
        await rt.flush()  # the turn ends
        async for frame in rt.run():  # 25 a second, for ever
            ...
        await rt.stop()

    Frames of a turn depend on the avatar, the seed and the turn's samples alone. Pushing never waits for drawing.
    All methods belong to one event loop.

    bitHuman's SDK has one more member, `sync_to`. It is left out: `livekit_bithuman.AvatarSession` keeps voice and
    picture together itself.
    """

    def __init__(
        self,
        *,
        input_buffer_size: int = 0,
        output_buffer_size: int = 6,
        output_size: tuple[int, int] | None = None,
        tags: str | None = "bithuman",
        billing_type: str = "self-hosted-essence-model",
        api_secret: str | None = None,
        api_url: str = DEFAULT_API_URL,
        agent_code: str | None = None,
        num_threads: int = 0,
        seed: int = DEFAULT_SEED,
        filler_images: bool = False,
    ) -> None:
        """A runtime without an avatar; `set_model` loads one. Most programs call `create`, which does both.

        Args:
            input_buffer_size: Accepted for the SDK's sake; input is never refused.
            output_buffer_size: Frames of a turn that a late reader finds waiting; 0: any number.
            output_size: (width, height) of the pictures; None: the avatar's own.
            tags: Not used by the embedded engine, and so are `billing_type`, `api_secret`, `api_url`, `agent_code`
                and `num_threads`.
            seed: Of the idle motion.
            filler_images: Draw the resting avatar on fillers too.
        """
        self._output_size = output_size
        self._seed = seed
        self._transaction_id = str(uuid.uuid4())
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bithuman")
        self._intake = Intake()
        self._source = FrameSource(self._intake, self._worker, output_buffer_size, filler_images)
        self._composer: Composer | None = None  # None while no avatar is loaded
        self._first_picture: Picture | None = None  # of the loaded avatar at rest
        self._stopped = False
        self.generator = _Generator()

    @classmethod
    async def create(
        cls,
        *,
        model_path: str | os.PathLike[str] | None = None,
        token: str | None = None,
        api_secret: str | None = None,
        api_url: str = DEFAULT_API_URL,
        tags: str | None = "bithuman",
        insecure: bool = False,
        input_buffer_size: int = 0,
        output_buffer_size: int = 6,
        num_threads: int = 0,
        verbose: bool | None = None,
        batch_workers: int = 1,
        quality: str = "medium",
        identity: str | None = None,
        output_size: tuple[int, int] | None = None,
        billing_type: str = "self-hosted-essence-model",
        agent_code: str | None = None,
        fingerprint: str | None = None,
        seed: int = DEFAULT_SEED,
        filler_images: bool = False,
    ) -> AsyncBithuman:
        """Load an avatar and be ready to speak.

        Args:
            model_path: An avatar bundle, or the name of a built-in character; None: the default character. A path that
                ends in `.imx` is a bitHuman model: then the runtime is that of bitHuman's SDK behind this class.
            output_buffer_size: See the constructor, as for `output_size`, `seed` and `filler_images`.

        The other arguments are bitHuman's, and go to its SDK for a model; the embedded engine needs no account and
        ignores them.

        Raises:
            AvatarNotFoundError: Nothing there by that name or path.
            AvatarFormatError: The file is no avatar.
            BitHumanException, MissingDependencyError: A model cannot be opened; see `adapters.sdk.open_model`.
        """
        if model_path is not None and _is_model(model_path):
            from ..adapters.sdk_runtime import SdkBithuman

            given = {
                "api_url": None if api_url == DEFAULT_API_URL else api_url,
                "tags": None if tags == "bithuman" else tags,
                "insecure": insecure or None,
                "input_buffer_size": input_buffer_size or None,
                "output_buffer_size": None if output_buffer_size == 6 else output_buffer_size,
                "num_threads": num_threads or None,
                "verbose": verbose,
                "identity": identity,
                "output_size": output_size,
                "billing_type": None if billing_type == "self-hosted-essence-model" else billing_type,
                "agent_code": agent_code,
                "fingerprint": fingerprint,
            }
            options = {name: value for name, value in given.items() if value is not None}
            return await SdkBithuman.open(model_path, api_secret=api_secret, token=token, **options)
        runtime = cls(
            input_buffer_size=input_buffer_size,
            output_buffer_size=output_buffer_size,
            output_size=output_size,
            seed=seed,
            filler_images=filler_images,
        )
        await runtime.set_model(model_path)
        return runtime

    async def set_model(self, model_path: str | os.PathLike[str] | None = None) -> None:
        """Load another avatar in place of the present one. What was pushed for that one is forgotten.

        Raises:
            AvatarNotFoundError, AvatarFormatError: As for `create`; the present avatar stays.
            InvalidStateError: The runtime was stopped.
        """
        self._refuse_if_stopped()
        loop = asyncio.get_running_loop()
        engine, demeanour, picture = await loop.run_in_executor(self._worker, self._load, model_path)
        await self._source.settle()  # the present avatar's composer must not take what is pushed for the next
        self._refuse_if_stopped()
        replaced, self._composer = self._composer, Composer(engine, demeanour, self._intake)
        self._first_picture = picture
        self._source.load(self._composer)
        if replaced is not None:
            self.interrupt()
            self._worker.submit(replaced.engine.close)

    async def push_audio(self, data: PcmData, sample_rate: int, last_chunk: bool = True) -> None:
        """Append speech to the open turn, or open one. Never waits.

        Args:
            data: int16 little-endian mono PCM of any length; half a sample at its end waits for the next push. An
                array of int16 or of floats in -1..1 will do too.
            sample_rate: 8_000..192_000 Hz; fixed within a turn.
            last_chunk: The turn ends here. As in the SDK this is the default: pass False while streaming.

        Raises:
            AudioFormatError: NaN, a rate out of range, or a rate that changed inside the turn.
            InvalidStateError: The runtime was stopped.
        """
        self._intake.push(data, sample_rate, last_chunk)

    async def flush(self) -> None:
        """End the open turn. Nothing if nothing was pushed since the last flush or interruption."""
        self._intake.flush()

    async def push(self, control: VideoControl) -> None:
        """Take one message: its emotions and actions, then its audio as `push_audio` does, and the end of the turn.

        In a turn they are followed from the samples on that are pushed next: the same audio and cues give the same
        frames. Between turns a resting picture follows them (`filler_images`), or else the next turn from its start.
        Several actions come one after the other. Emotions last until others are pushed; interruptions keep them. No
        gesture hinders speech, so `force_action` and both `stop_on_` have no effect; clips and text have none either.

        Raises:
            ActionNotFoundError: There is no such action; nothing of the message was taken.
            ValueError: A score is not from 0 to 1; the same.
            AudioFormatError, InvalidStateError: As for `push_audio`.
        """
        cues = cues_of(control)
        if cues:
            self._intake.cue(cues)
        if control.audio is not None:
            chunk = control.audio
            self._intake.push(
                chunk.data, chunk.sample_rate, chunk.last_chunk or control.end_of_speech, control.message_id
            )
        elif control.end_of_speech:
            self._intake.flush()

    def run(self) -> FrameStream:
        """Frames at `fps`, paced, until the runtime stops.

        Frames of a turn all come, in order, the last with `end_of_speech`. While none is ready there are fillers.
        Leaving or closing the iterator frees it, and the next `run()` goes on where it was.

        Raises (from the iterator):
            InvalidStateError: No avatar is loaded, or another iterator is being read.
            EngineError: The engine failed. The turns pushed so far are dropped; another `run()` may go on.
        """
        return FrameStream(self._source)

    def interrupt(self) -> None:
        """Drop everything pushed and not yet seen, its `end_of_speech` too. Safe in any state, any number of times."""
        self._intake.interrupt()

    async def stop(self) -> None:
        """End `run()` and free the engine. Idempotent."""
        self.cleanup()
        await self._source.settle()

    async def shutdown(self) -> None:
        """The same as `stop`: the embedded engine has no account to sign out of."""
        await self.stop()

    def cleanup(self) -> None:
        """`stop` for code that cannot await: ends `run()` now, and frees the engine once its last frame is drawn."""
        if self._stopped:
            return
        self._stopped = True
        self._intake.close()
        self._source.end()
        if self._composer is not None:
            self._worker.submit(self._composer.engine.close)
        self._worker.shutdown(wait=False)

    async def start(self, **kwargs: Any) -> None:
        """Nothing: `create` has loaded the avatar and `run` starts by itself."""

    def get_first_frame(self) -> Picture | None:
        """The resting avatar, BGR uint8 (height, width, 3), owned by the caller; None while no avatar is loaded."""
        if self._first_picture is None:
            logger.warning("there is no first frame, since no avatar is loaded: call create() or set_model() first")
            return None
        picture: Picture = self._first_picture.copy()
        return picture

    @property
    def settings(self) -> RuntimeSettings:
        """Frame rate, audio rate and width, under the SDK's names."""
        return RuntimeSettings(self.fps, self.sample_rate, self.frame_width or 0)

    @property
    def fps(self) -> int:
        """Frames per second."""
        return DEFAULT_FPS if self._composer is None else self._composer.engine.info.fps

    @property
    def sample_rate(self) -> int:
        """In Hz, of `VideoFrame.audio_chunk`."""
        return SPEECH_RATE

    @property
    def samples_per_tick(self) -> int:
        """Samples in one `VideoFrame.audio_chunk`.

        Raises:
            InvalidStateError: No avatar is loaded.
        """
        return self.sample_rate // self._loaded().engine.info.fps

    @property
    def frame_width(self) -> int | None:
        """In pixels; None while no avatar is loaded."""
        return None if self._composer is None else self._composer.engine.info.size[0]

    @property
    def frame_height(self) -> int | None:
        """In pixels; None while no avatar is loaded."""
        return None if self._composer is None else self._composer.engine.info.size[1]

    @property
    def transaction_id(self) -> str:
        """A UUID of this runtime."""
        return self._transaction_id

    @property
    def video_graph(self) -> None:
        """Always None, as in the SDK."""
        return None

    def set_agent_code(self, agent_code: str | None) -> None:
        """Nothing: the embedded engine bills nobody. The same goes for the two setters below."""

    def set_billing_type(self, billing_type: str) -> None:
        """Nothing."""

    def set_identity(self, identity: str | None) -> None:
        """Nothing."""

    def start_token_refresh(self, **kwargs: Any) -> bool:
        """False: there is no token to refresh."""
        return False

    def stop_token_refresh(self) -> None:
        """Nothing."""

    def is_token_refresh_running(self) -> bool:
        """False."""
        return False

    def _regenerate_transaction_id(self) -> None:
        """livekit-plugins-bithuman calls this and the next on a runtime that is passed to it."""
        self._transaction_id = str(uuid.uuid4())

    async def _initialize_token(self) -> None:
        """Nothing: there is no token."""

    def _load(self, model_path: str | os.PathLike[str] | None) -> tuple[Engine, Demeanour, Picture]:
        """In the worker: the engine, how it moves, and a picture of it at rest."""
        if model_path is not None and _is_model(model_path):
            raise _imx_error(Path(model_path))
        engine = EmbeddedEngine(model_path, seed=self._seed, size=self._output_size)
        demeanour = Demeanour(self._seed, engine.info.fps)
        return engine, demeanour, engine.draw(None, demeanour.resting(0, 0))

    def _loaded(self) -> Composer:
        if self._composer is None:
            raise InvalidStateError("The runtime has no avatar yet. Make it by create(), or call set_model() first.")
        return self._composer

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise InvalidStateError("The runtime was stopped. Make a new one by create().")


class _Generator:
    """`runtime.generator._generator.set_agent_code(code)`, which adapters of the SDK call."""

    def __init__(self) -> None:
        self._generator = self

    def set_agent_code(self, agent_code: str | None) -> None:
        """Nothing: the embedded engine bills nobody."""


def _imx_error(path: Path) -> AvatarNotFoundError | AvatarFormatError:
    if not path.exists():
        return AvatarNotFoundError(
            str(path),
            f"There is no model at {path}. Check the path, or leave model_path out for the built-in face.",
        )
    return AvatarFormatError(
        str(path),
        f"{path.name} is a bitHuman model, and this runtime is the embedded engine's. "
        "Open it by AsyncBithuman.create(model_path=…) instead.",
    )


def _is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a path is bitHuman's kind of model, which its SDK opens."""
    return Path(path).suffix.lower() == ".imx"
