"""The examples that speak in a room, each as its own program, seen by a real subscriber."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from livekit import rtc

from livekit_bithuman.cli import main
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.pose import Presentation, resting_mouth
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer

from .rooms import ViewerOf

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
#: A program loads the voice and the face before it is seen, on a machine that does other things, too.
PATIENCE_S = 90.0


@contextmanager
def program(name: str, *arguments: str, until: str, server: ServerAddress, **environment: str) -> Iterator[None]:
    """An example that runs, and has printed `until`."""
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples" / name, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "LIVEKIT_URL": server.url, "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret, **environment,
        },
    )  # fmt: skip
    said = threading.Event()
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                lines.append(line)
                if until in line:
                    said.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert said.wait(PATIENCE_S)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            reader.join()
            print("".join(lines)[-6000:])


@pytest.fixture
def dark_face(tmp_path: Path) -> Path:
    """The default character in half the light, as an avatar of its own."""
    portrait, avatar = tmp_path / "dark.png", tmp_path / "dark.avatar"
    picture = Face(Avatar.load()).draw(resting_mouth(), Presentation())
    cv2.imwrite(str(portrait), (picture * 0.5).astype(np.uint8))
    assert main(["create", str(portrait), "-o", str(avatar)]) == 0
    return avatar


async def test_faces_are_swapped_in_mid_reply(
    livekit_server: ServerAddress, viewer_of: ViewerOf, dark_face: Path
) -> None:
    pytest.importorskip("hibari", reason="hibari-tts is not installed")
    faces = f"maya,{dark_face}"
    with program("hot_swap.py", "dev", "--no-reload", until="registered worker", server=livekit_server, FACES=faces):
        async with viewer_of() as viewer:
            await viewer.until(lambda: len(viewer.pictures) > 5, PATIENCE_S)
            light = viewer.pictures[-1].mean
            await viewer.until(lambda: viewer.pictures[-1].mean < 0.75 * light, PATIENCE_S)
            loud = max(level for _, level in viewer.loudness())
            await viewer.until(lambda: viewer.pictures[-1].mean > 0.9 * light, PATIENCE_S)
            assert loud > 0.01
            assert viewer.unpublished == []


async def test_two_avatars_take_turns(livekit_server: ServerAddress, viewer_of: ViewerOf, room_name: str) -> None:
    pytest.importorskip("hibari", reason="hibari-tts is not installed")
    spoke: list[str] = []
    viewer = viewer_of()
    viewer.room.on("active_speakers_changed", lambda speakers: spoke.extend(each.identity for each in speakers))
    async with viewer:
        with program("two_avatars.py", room_name, until="anna and ben are in", server=livekit_server):
            await viewer.until(lambda: kinds(viewer, "anna") == kinds(viewer, "ben") == {"audio", "video"}, PATIENCE_S)
            await viewer.until(lambda: {"anna", "ben"} <= set(spoke), PATIENCE_S)
            assert spoke[0] == "anna"


def kinds(viewer: Viewer, identity: str) -> set[str]:
    participant = viewer.room.remote_participants.get(identity)
    tracks = participant.track_publications.values() if participant is not None else ()
    names = {rtc.TrackKind.KIND_AUDIO: "audio", rtc.TrackKind.KIND_VIDEO: "video"}
    return {names[track.kind] for track in tracks if track.subscribed}
