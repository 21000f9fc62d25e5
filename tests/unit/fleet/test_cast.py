"""The characters of a worker: by name and never by path, loaded once."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from livekit_bithuman.errors import AvatarNotFoundError
from livekit_bithuman.face.avatar import DEFAULT_AVATAR, Avatar
from livekit_bithuman.face.gallery import bundle_path
from livekit_bithuman.fleet import Cast
from livekit_bithuman.rtc.dispatch.call import Call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(bundle_path(DEFAULT_AVATAR), tmp_path / "ada.avatar")
    return tmp_path


def test_installed_characters_and_those_of_the_folder_have_names(folder: Path) -> None:
    cast = Cast(folder)
    assert {"ada", DEFAULT_AVATAR} <= set(cast.names())
    assert all(cast.knows(name) for name in ("ada", DEFAULT_AVATAR, None))


def test_a_path_is_no_name(folder: Path) -> None:
    (folder / "inner").mkdir()
    cast = Cast(folder / "inner")
    for name in ("../ada", str(folder / "ada"), str(folder / "ada.avatar"), "nobody"):
        assert not cast.knows(name)
        with pytest.raises(AvatarNotFoundError):
            cast.load(name)


def test_an_unknown_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AvatarNotFoundError, match="no folder"):
        Cast(tmp_path / "nowhere")


def test_avatars_that_come_at_once_share_what_is_loaded(folder: Path) -> None:
    cast = Cast(folder)
    loaded: list[Avatar] = []
    threads = [threading.Thread(target=lambda: loaded.append(cast.load("ada"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4
    assert len(set(map(id, loaded))) == 1


def test_an_engine_is_what_the_call_asks_for(folder: Path) -> None:
    engine = Cast(folder).engine(Call("agent", "avatar", avatar="ada", size=(320, 240), fps=20))
    assert (engine.info.size, engine.info.fps) == ((320, 240), 20)
