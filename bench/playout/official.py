"""The other side: livekit-plugins-bithuman around the same engine, through bitHuman's runtime contract."""

from __future__ import annotations

import os
from typing import Any

from livekit import rtc

from livekit_bithuman import AsyncBithuman
from livekit_bithuman.engine.compose import Demeanour
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.pose import Picture
from livekit_bithuman.rtc import PublishOptions

from .engine import TimedEngine


class EngineRuntime(AsyncBithuman):
    """bitHuman's contract around an engine that is there already."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(**options)
        self._engine = engine

    def _load(self, model_path: str | os.PathLike[str] | None) -> tuple[Engine, Demeanour, Picture]:
        demeanour = Demeanour(self._seed, self._engine.info.fps)
        return self._engine, demeanour, self._engine.draw(None, demeanour.resting(0, 0))


async def official_avatar(engine: TimedEngine) -> Any:
    """Its AvatarSession in local mode; the secret and the model's path are asked for and not used."""
    from livekit.plugins import bithuman

    runtime = EngineRuntime(engine, filler_images=True)  # the SDK draws a resting picture between turns, too
    await runtime.set_model()
    return bithuman.AvatarSession(model_path="none.imx", api_secret="unused", runtime=runtime)


def encode_as_ours(room: rtc.Room, size: tuple[int, int], fps: int) -> None:
    """Let what is published in a room be encoded with our defaults, so that both sides encode the same work."""
    ours = PublishOptions().video(size, fps)
    participant = room.local_participant
    publish = participant.publish_track

    async def publish_track(track: rtc.LocalTrack, options: rtc.TrackPublishOptions | None = None) -> Any:
        options = options or rtc.TrackPublishOptions()
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            options.video_encoding.CopyFrom(ours.video_encoding)
            options.simulcast = ours.simulcast
            options.video_codec = ours.video_codec
        return await publish(track, options)

    participant.publish_track = publish_track  # type: ignore[method-assign]
