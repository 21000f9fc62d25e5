"""What `livekit-bithuman worker` says where it cannot begin."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from livekit_bithuman.cli import main


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("LIVEKIT_URL", url)
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "a secret that is long enough for a token")
    return url


def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:1")
    monkeypatch.delenv("LIVEKIT_API_KEY", raising=False)
    monkeypatch.delenv("LIVEKIT_API_SECRET", raising=False)
    assert main(["worker"]) == 69
    error = capsys.readouterr().err
    assert "LIVEKIT_API_KEY and LIVEKIT_API_SECRET not set" in error
    assert "LIVEKIT_URL" not in error


def test_a_server_that_is_not_there(nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--capacity", "1", "--port", "0"]) == 69
    error = capsys.readouterr().err
    assert f"The LiveKit server at {nowhere} cannot be reached" in error
    assert "Traceback" not in error


def test_a_folder_and_an_avatar_that_are_not_there(
    nowhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", "--avatars", str(tmp_path / "none")]) == 66
    assert "There is no folder" in capsys.readouterr().err
    assert main(["worker", "--avatar", "nobody"]) == 66
    assert "There is no avatar 'nobody' on this worker" in capsys.readouterr().err
