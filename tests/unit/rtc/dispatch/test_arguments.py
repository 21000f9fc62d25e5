"""`AvatarSession(remote=…)`: which worker is called, and what none can draw."""

from __future__ import annotations

import pytest

from livekit_bithuman.rtc.dispatch import WorkerFace
from livekit_bithuman.rtc.dispatch.call import AGENT_NAME, is_avatar_name
from livekit_bithuman.rtc.in_process import InProcessFace
from livekit_bithuman.rtc.remote import VoiceFace
from livekit_bithuman.rtc.session import AvatarSession


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "embedded"},
        {"avatar": "me.avatar"},
        {"avatar": "/srv/me"},
        {"avatar": "portrait.imx"},
        {"avatar_id": "A1"},
        {"background": "green"},
    ],
)
def test_what_a_worker_cannot_draw_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="remote="):
        AvatarSession(remote=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"size": (33, 64)}, {"size": (4096, 4096)}, {"seed": 2**70}])
def test_what_no_worker_would_take_is_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"size|seed"):
        AvatarSession(remote=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("remote", "name"), [(True, AGENT_NAME), ("portraits", "portraits")])
def test_a_worker_is_called_by_its_name(remote: bool | str, name: str) -> None:
    face = AvatarSession("maya", remote=remote)._face
    assert isinstance(face, WorkerFace)
    assert face._agent_name == name


@pytest.mark.parametrize("options", [{}, {"remote": False}])
def test_without_remote_the_face_is_drawn_here(options: dict[str, bool]) -> None:
    assert isinstance(AvatarSession("maya", **options)._face, InProcessFace)  # type: ignore[arg-type]


def test_who_stands_by_is_the_voice_or_a_face_that_is_not_seen_yet() -> None:
    voice = AvatarSession(remote=True)._faces._at_hand()
    face = AvatarSession(remote=True, fallback="embedded")._faces._at_hand()
    assert isinstance(voice, VoiceFace)
    assert isinstance(face, InProcessFace)
    assert not isinstance(face, VoiceFace)
    assert not face._options.video


def test_a_path_is_no_name() -> None:
    assert is_avatar_name("maya")
    assert not any(map(is_avatar_name, ("../maya", "a/b", "me.avatar", "me.imx", "", ".x", "x" * 65)))
