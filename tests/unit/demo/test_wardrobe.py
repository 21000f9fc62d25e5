"""What a visit may wear: installed avatars, by the names that the page was given, and photos."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.demo.figures import figures
from livekit_bithuman.demo.wardrobe import MOST_PHOTOS, Installed, Wardrobe, timed_engine
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.engine.timed import TimedEngine
from livekit_bithuman.errors import AvatarNotFoundError, PortraitError
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.gallery import avatar_names
from livekit_bithuman.pose import Presentation, resting_mouth
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.rtc.statistics import AvatarStatistics


class Mirror(AvatarSession):
    """Shows what it is told to, nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Engine] = []

    async def swap(self, avatar: object = None, *, engine: object = None) -> None:
        assert avatar is None
        assert isinstance(engine, Callable)  # type: ignore[arg-type]
        self.seen.append(engine())  # type: ignore[operator]


def png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.fixture(scope="module")
def portrait() -> bytes:
    return png(Face(Avatar.load(), (400, 400)).draw(resting_mouth(), Presentation()))


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def test_what_is_installed_is_listed_with_its_face_and_the_first_comes_first(tmp_path: Path, portrait: bytes) -> None:
    path = tmp_path / "Grandma.png"
    path.write_bytes(portrait)
    for first, title in ((None, "Maya"), (str(path), "Grandma")):
        entries = Installed(first).listed()
        assert entries[0].title == title
        assert "maya" in [entry.name for entry in entries]
        jpeg = base64.b64decode(entries[0].thumbnail.removeprefix("data:image/jpeg;base64,"))
        thumbnail = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert thumbnail is not None
        assert thumbnail.shape == (160, 160, 3)


def test_an_avatar_that_cannot_be_used_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "broken.avatar"
    path.write_bytes(b"no zip")
    assert [entry.name for entry in Installed(str(path)).listed()] == avatar_names()


def test_a_model_of_bithumans_is_listed_without_opening_it() -> None:
    model, *others = Installed("/models/Anna.imx").listed()
    assert (model.name, model.title, model.thumbnail) == ("/models/Anna.imx", "Anna", "")
    assert [entry.name for entry in others] == avatar_names()


async def test_only_what_is_listed_is_worn(tmp_path: Path, portrait: bytes, mirror: Mirror) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(portrait)
    wardrobe = Wardrobe(Installed(), mirror)
    await wardrobe.wear("maya")
    for name in (str(path), "nobody", "", "photo 1"):
        with pytest.raises(AvatarNotFoundError):
            await wardrobe.wear(name)
    assert len(mirror.seen) == 1


async def test_a_photo_is_worn_and_the_oldest_gives_way(portrait: bytes, mirror: Mirror) -> None:
    wardrobe = Wardrobe(Installed(), mirror)
    names = [(await wardrobe.add_photo(portrait, f"me {number}.png")).name for number in range(MOST_PHOTOS + 1)]
    assert len(set(names)) == len(names)
    drawing = [engine.engine for engine in mirror.seen if isinstance(engine, TimedEngine)]
    assert [engine.avatar.title for engine in drawing if isinstance(engine, EmbeddedEngine)] == [
        f"me {number}" for number in range(MOST_PHOTOS + 1)
    ]
    await wardrobe.wear(names[1])
    with pytest.raises(AvatarNotFoundError):
        await wardrobe.wear(names[0])


async def test_a_photo_that_will_not_do_changes_nothing(portrait: bytes, mirror: Mirror) -> None:
    wardrobe = Wardrobe(Installed(), mirror)
    with pytest.raises(PortraitError, match=r"No face was found in grey\.png"):
        await wardrobe.add_photo(png(np.full((300, 300, 3), 128, np.uint8)), "grey.png")
    assert mirror.seen == []
    assert (await wardrobe.add_photo(portrait, "me.png")).name == "photo 1"


def test_drawing_is_timed_and_the_picture_is_the_engines_own() -> None:
    times: deque[float] = deque(maxlen=2)
    engine = timed_engine(None, times)
    plain = Face(Avatar.load()).draw(resting_mouth(), Presentation())
    for _ in range(3):
        assert np.array_equal(engine.draw(None, Presentation()), plain)
    assert len(times) == 2
    assert min(times) > 0


def test_figures_are_those_of_the_last_pictures(mirror: Mirror) -> None:
    wardrobe = Wardrobe(Installed(), mirror)
    assert figures(wardrobe, 12.34)["draw_ms"] is None
    wardrobe.draw_times.extend([0.004] * 95 + [0.020] * 5)
    told = figures(wardrobe, 12.34)
    assert (told["draw_ms"], told["cpu"]) == (4.0, 12.3)
    assert told["draw_p95_ms"] == pytest.approx(4.8, abs=0.1)
    none = AvatarStatistics()
    assert (told["skipped"], told["underruns"], told["failures"]) == (
        none.skipped_pictures, none.underruns, none.engine_failures
    )  # fmt: skip
