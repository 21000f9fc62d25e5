"""bitHuman's own runtime behind this package's `AsyncBithuman`: what `create(model_path="….imx")` returns."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from ..media import AudioChunk, VideoControl, VideoFrame
from ..pose import Picture
from ..runtime import AsyncBithuman, RuntimeSettings
from ..runtime.intake import PcmData
from ..speech.pcm import PcmCarry
from . import sdk
from .explain import explained
from .runtime import frame_rate, input_rate


class SdkBithuman(AsyncBithuman):
    """The same calls on bitHuman's runtime, on the running loop. Nothing of the embedded engine is made.

    Half a sample at the end of a push waits for the next one, frames are this package's, and so are the exceptions.
    """

    def __init__(self, runtime: Any, *, source: str, secret: str) -> None:  # not super(): that is the embedded engine
        self._runtime = runtime
        self._model = source
        self._secret = secret
        self._carry = PcmCarry()
        self.generator = getattr(runtime, "generator", None)  # type: ignore[assignment]  # the SDK's own

    @classmethod
    async def open(cls, model_path: str | os.PathLike[str], **arguments: Any) -> SdkBithuman:
        """Open a model.

        Args:
            model_path: An `.imx` file.
            arguments: Of the SDK's `create`.

        Raises:
            AvatarError: See `open_model`.
        """
        known = {"api_secret": arguments.pop("api_secret", None), "api_token": arguments.pop("token", None)}
        checked = sdk.create_arguments(model_path, **known)
        runtime_class = sdk.find_runtime_class()
        source, secret = checked["model_path"], checked["api_secret"]
        try:
            runtime = await runtime_class.create(**checked, **arguments)
        except Exception as error:
            named = explained(error, source=source, secret=secret)
            raise named from (None if secret in str(error) else error)
        return cls(runtime, source=source, secret=secret)

    async def set_model(self, model_path: str | os.PathLike[str] | None = None) -> None:
        """Load another `.imx` model in place of this one."""
        with self._explaining():
            await self._runtime.set_model(None if model_path is None else os.fspath(model_path))

    async def push_audio(self, data: PcmData, sample_rate: int, last_chunk: bool = True) -> None:
        """As `AsyncBithuman.push_audio`."""
        if isinstance(data, (bytes, bytearray, memoryview)):
            pcm = self._carry.push(data)
        else:
            pcm = AudioChunk(data, sample_rate).data
        if last_chunk:
            self._carry.finish()
        with self._explaining():
            await self._runtime.push_audio(pcm.tobytes(), sample_rate, last_chunk=last_chunk)

    async def flush(self) -> None:
        """End the open turn."""
        self._carry.finish()
        with self._explaining():
            await self._runtime.flush()

    async def push(self, control: VideoControl) -> None:
        """Hand a message to the SDK as it is: its fields have the same names."""
        with self._explaining():
            await self._runtime.push(control)

    async def run(self) -> AsyncIterator[VideoFrame]:  # type: ignore[override]  # an iterator, of another class
        """The SDK's frames, at its pace, until the runtime stops."""
        with self._explaining():
            async for frame in self._runtime.run():
                yield _ours(frame)

    def interrupt(self) -> None:
        """Drop everything pushed and not yet seen."""
        self._carry.finish()
        with self._explaining():
            self._runtime.interrupt()

    async def stop(self) -> None:
        """End `run()`. Idempotent."""
        await self._runtime.stop()

    async def shutdown(self) -> None:
        """End everything and sign out. Idempotent."""
        await self._runtime.shutdown()

    def cleanup(self) -> None:
        """`stop` for code that cannot await."""
        self._runtime.cleanup()

    async def start(self, **kwargs: Any) -> None:
        """As the SDK's, which does nothing."""
        await self._runtime.start(**kwargs)

    def get_first_frame(self) -> Picture | None:
        """The resting avatar. The SDK may block the event loop for a second here."""
        with self._explaining():
            picture: Picture | None = self._runtime.get_first_frame()
            return picture

    @property
    def settings(self) -> RuntimeSettings:
        """Frame rate, audio rate and width, under the SDK's names."""
        return RuntimeSettings(self.fps, self.sample_rate, self.frame_width or 0)

    @property
    def fps(self) -> int:
        """Frames per second of the model."""
        return frame_rate(self._runtime)

    @property
    def sample_rate(self) -> int:
        """In Hz, of `VideoFrame.audio_chunk`."""
        return input_rate(self._runtime)

    @property
    def samples_per_tick(self) -> int:
        """Samples in one `VideoFrame.audio_chunk`."""
        with self._explaining():
            return int(self._runtime.samples_per_tick)

    @property
    def frame_width(self) -> int | None:
        """In pixels; None or 0 before the first frame."""
        width: int | None = getattr(self._runtime, "frame_width", None)
        return width

    @property
    def frame_height(self) -> int | None:
        """In pixels; None or 0 before the first frame."""
        height: int | None = getattr(self._runtime, "frame_height", None)
        return height

    @property
    def transaction_id(self) -> str:
        """Of the session, as bitHuman counts it."""
        return str(self._runtime.transaction_id)

    def set_agent_code(self, agent_code: str | None) -> None:
        """Whose use is counted."""
        self._runtime.set_agent_code(agent_code)

    def set_billing_type(self, billing_type: str) -> None:
        """What the use is counted as."""
        self._runtime.set_billing_type(billing_type)

    def set_identity(self, identity: str | None) -> None:
        """As the SDK's, which does nothing."""
        self._runtime.set_identity(identity)

    def start_token_refresh(self, **kwargs: Any) -> bool:
        """Whether the SDK's heartbeat runs now."""
        with self._explaining():
            return bool(self._runtime.start_token_refresh(**kwargs))

    def stop_token_refresh(self) -> None:
        """End the SDK's heartbeat."""
        self._runtime.stop_token_refresh()

    def is_token_refresh_running(self) -> bool:
        """Whether the SDK's heartbeat runs."""
        return bool(self._runtime.is_token_refresh_running())

    def _regenerate_transaction_id(self) -> None:
        """livekit-plugins-bithuman calls this and the next on a runtime that is passed to it."""
        self._runtime._regenerate_transaction_id()

    async def _initialize_token(self) -> None:
        with self._explaining():
            await self._runtime._initialize_token()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            named = explained(error, source=self._model, secret=self._secret)
            raise named from (None if self._secret in str(error) else error)


def _ours(frame: Any) -> VideoFrame:
    """The SDK's frame as this package's."""
    chunk = frame.audio_chunk
    audio = None if chunk is None else AudioChunk(chunk.data, chunk.sample_rate, chunk.last_chunk)
    return VideoFrame(frame.bgr_image, audio, frame.frame_index, frame.source_message_id, frame.end_of_speech)
