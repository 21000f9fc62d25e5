"""A runtime, a model or a cloud avatar in place of the built-in character, and who speaks where it cannot be had."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from livekit import rtc

from livekit_bithuman import AsyncBithuman, AvatarSession, InvalidStateError, ModelNotFoundError
from livekit_bithuman.adapters import sdk
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar
from tests.stand_in import StandInRuntime

from .rooms import RATE, Told, ViewerOf, tail

pytestmark = pytest.mark.server

SECRET = "a-secret-of-the-choice-tests"


def stage_with(server: ServerAddress, room: str, **arguments: Any) -> Any:
    return agent_with_avatar(server.url, server.api_key, server.api_secret, room, AvatarSession(**arguments))


async def reply_is_heard(stage: Stage, viewer: Any) -> None:
    told, voice = Told(tail(stage)), marker_voice(1, RATE, RATE)
    await stage.say(voice, RATE)
    await viewer.until(lambda: max([s for _, _, s in viewer.heard(VoiceLocator({1: voice}))], default=0) > 0.7 * RATE)
    assert told.finished == [(1.0, False)]


async def test_a_runtime_of_this_package_draws_an_avatar(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf
) -> None:
    runtime = await AsyncBithuman.create(filler_images=True)
    async with stage_with(livekit_server, room_name, runtime=runtime) as stage, viewer_of() as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 5)
        assert stage.avatar.runtime is runtime
        await reply_is_heard(stage, viewer)
        assert stage.avatar.statistics.engine_failures == 0
    with pytest.raises(InvalidStateError):
        await runtime.push_audio(b"\0\0", 16_000)


async def test_a_model_is_opened_with_the_arguments_of_bithumans_plugin(
    livekit_server: ServerAddress,
    room_name: str,
    viewer_of: ViewerOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keep_secret: Callable[..., None],
) -> None:
    keep_secret(SECRET)
    monkeypatch.setattr(sdk, "find_runtime_class", lambda: StandInRuntime)
    model = tmp_path / "me.imx"
    model.write_bytes(b"imx")
    arguments = {"model_path": str(model), "api_secret": SECRET, "api_url": "https://example.com", "runtime": None}
    async with stage_with(livekit_server, room_name, **arguments) as stage, viewer_of() as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 5)
        await reply_is_heard(stage, viewer)
        assert isinstance(stage.avatar.runtime, StandInRuntime)
        assert stage.avatar.statistics.engine_failures == 0


async def test_a_model_that_is_missing_is_an_error_that_leaves_nothing_behind(
    livekit_server: ServerAddress, room_name: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotFoundError, match="Check the path"):
        async with stage_with(livekit_server, room_name, model_path=tmp_path / "me.imx", api_secret=SECRET):
            pass


async def test_the_built_in_character_stands_in_for_a_model(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = {"model_path": tmp_path / "me.imx", "api_secret": SECRET, "fallback": "embedded"}
    with caplog.at_level(logging.ERROR, "livekit_bithuman"):
        async with stage_with(livekit_server, room_name, **wanted) as stage, viewer_of() as viewer:
            await viewer.until(lambda: len(viewer.pictures) > 5)
            await reply_is_heard(stage, viewer)
            await stage.avatar.swap("maya")
            seen = len(viewer.pictures)
            await viewer.until(lambda: len(viewer.pictures) > seen + 5)
    said = [record.getMessage() for record in caplog.records if record.name == "livekit_bithuman"]
    assert ["me.imx" in message for message in said] == [True]


async def test_the_voice_alone_stands_in_for_a_cloud_avatar(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITHUMAN_API_SECRET", raising=False)
    asked = {"avatar_id": "A12BC", "fallback": "voice"}
    async with stage_with(livekit_server, room_name, **asked) as stage, viewer_of() as viewer:
        await stage.avatar.wait_for_join(timeout=10)
        kinds = [publication.kind for publication in stage.room.local_participant.track_publications.values()]
        assert kinds == [rtc.TrackKind.KIND_AUDIO]
        await reply_is_heard(stage, viewer)
        assert stage.avatar.avatar_identity == stage.room.local_participant.identity
        with pytest.raises(InvalidStateError, match="No face"):
            await stage.avatar.swap("maya")
