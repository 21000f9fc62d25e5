"""The demo's web server: what it serves, and whom it refuses."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from livekit_bithuman.demo import page as page_module
from livekit_bithuman.demo.page import FILES, STATIC, make_app
from livekit_bithuman.demo.visit import AGENT_IDENTITY, Invitation
from livekit_bithuman.demo.wardrobe import Installed, Listed
from livekit_bithuman.errors import PortraitError

Client = TestClient[Request, Application]


KEY = "a key that nobody can guess"
PHOTO = {"Content-Type": "image/jpeg"}


class Album:
    """Takes a visit's photos; those that say so show no face."""

    def __init__(self) -> None:
        self.photos: list[tuple[bytes, str]] = []

    async def add_photo(self, photo: bytes, file_name: str) -> Listed:
        self.photos.append((photo, file_name))
        if photo == b"no face":
            raise PortraitError(file_name, f"No face was found in {file_name}.")
        return Listed("photo 1", "Me", "", "data:,")


class DoorKeeper:
    """Lets in one visitor, whose visit is going on."""

    def __init__(self) -> None:
        self.invitations = [Invitation("ws://127.0.0.1:7880", "a token", KEY, "maya")]
        self.wardrobe = Album()

    def open(self) -> Invitation | None:
        return self.invitations.pop() if self.invitations else None

    def find(self, key: str) -> DoorKeeper | None:
        return self if key == KEY else None


@pytest.fixture
def door() -> DoorKeeper:
    return DoorKeeper()


@pytest.fixture
async def client(door: DoorKeeper) -> AsyncIterator[Client]:
    app = make_app(door, Installed(), "ws://127.0.0.1:7880")  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_every_file_that_the_page_names_is_served(client: Client) -> None:
    page = await (await client.get("/")).text()
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    for module in STATIC.glob("page/*.js"):
        named |= {f"page/{name}" for name in re.findall(r'from "\./([^"]+)"', module.read_text())}
    assert "page/dom.js" in named
    assert named <= set(FILES)
    for name in FILES:
        if (STATIC / name).exists():  # livekit-client is fetched, not committed
            assert (await client.get(f"/{name}")).status == 200, name


async def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = await client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880;" in policy
    own = [name for name in FILES if not name.startswith("vendor/")]
    for name in ("index.html", *own):
        if name == "icon.svg":
            continue  # it names its namespace
        assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", (STATIC / name).read_text()), name


async def test_a_visit_is_opened_with_what_the_page_needs_and_no_more(client: Client) -> None:
    answer = await client.post("/visits", json={})
    assert answer.status == 200
    invitation = await answer.json()
    assert set(invitation) == {"url", "token", "agent", "visitor", "key", "wearing", "maxText", "deaf"}
    assert invitation["agent"] == AGENT_IDENTITY


async def test_one_page_too_many_is_told_so(client: Client) -> None:
    await client.post("/visits", json={})
    answer = await client.post("/visits", json={})
    assert answer.status == 503
    assert "Close one of them" in (await answer.json())["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_name_that_was_made_to_resolve_to_this_machine_is_refused(client: Client, method: str) -> None:
    answer = await client.request(method, "/visits" if method == "POST" else "/", headers={"Host": "evil.example"})
    assert answer.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:8088"])
async def test_this_machines_names_are_let_in(client: Client, host: str) -> None:
    assert (await client.get("/health", headers={"Host": host})).status == 200


@pytest.mark.parametrize("host", ["", "localhost.evil.example", "127.0.0.1.evil.example", "[::1"])
async def test_names_that_only_look_local_are_refused(client: Client, host: str) -> None:
    assert (await client.get("/health", headers={"Host": host})).status == 403


async def test_another_sites_script_is_refused(client: Client) -> None:
    answer = await client.post("/visits", json={}, headers={"Origin": "https://evil.example"})
    assert answer.status == 403
    own = f"http://{client.host}:{client.port}"
    assert (await client.post("/visits", json={}, headers={"Origin": own})).status == 200


async def test_another_sites_form_is_refused(client: Client) -> None:
    assert (await client.post("/visits", data={"a": "b"})).status == 415


async def test_files_beside_the_page_are_not_served(client: Client) -> None:
    base = f"http://{client.host}:{client.port}"
    async with ClientSession() as session:
        for path in ("/../visit.py", "/%2e%2e/visit.py", "/vendor/livekit-client.LICENSE", "/vendor/"):
            async with session.get(base + path) as answer:
                assert answer.status == 404, path


async def test_the_avatars_are_listed_with_their_faces(client: Client) -> None:
    avatars = await (await client.get("/avatars")).json()
    assert avatars[0]["name"] == "maya"
    assert all(set(avatar) == {"name", "title", "description", "thumbnail"} for avatar in avatars)
    assert avatars[0]["thumbnail"].startswith("data:image/jpeg;base64,")


async def test_a_photo_goes_to_its_visit(client: Client, door: DoorKeeper) -> None:
    answer = await client.post(f"/visits/{KEY}/photos?name=me.jpg", data=b"a face", headers=PHOTO)
    assert (answer.status, (await answer.json())["name"]) == (200, "photo 1")
    assert door.wardrobe.photos == [(b"a face", "me.jpg")]


async def test_a_photo_that_will_not_do_is_answered_with_the_reason(client: Client) -> None:
    answer = await client.post(f"/visits/{KEY}/photos?name=me.jpg", data=b"no face", headers=PHOTO)
    assert (answer.status, await answer.json()) == (422, {"message": "No face was found in me.jpg."})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_another_sites_form_can_send_is_no_photo(client: Client, door: DoorKeeper, kind: str) -> None:
    answer = await client.post(f"/visits/{KEY}/photos", data=b"a face", headers={"Content-Type": kind})
    assert answer.status == 415
    assert door.wardrobe.photos == []


async def test_another_sites_script_sends_no_photo(client: Client, door: DoorKeeper) -> None:
    headers = {**PHOTO, "Origin": "https://evil.example"}
    assert (await client.post(f"/visits/{KEY}/photos", data=b"a face", headers=headers)).status == 403
    assert door.wardrobe.photos == []


async def test_a_photo_without_a_visit_is_refused(client: Client, door: DoorKeeper) -> None:
    answer = await client.post("/visits/guessed/photos", data=b"a face", headers=PHOTO)
    assert answer.status == 404
    assert "over" in (await answer.json())["message"]
    assert door.wardrobe.photos == []


@pytest.mark.parametrize("told", [True, False], ids=["told", "in pieces"])
async def test_a_photo_that_is_too_large_is_refused_however_it_comes(
    client: Client, door: DoorKeeper, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(page_module, "MAX_PHOTO", 1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield bytes(1 << 16)

    body = io.BytesIO(bytes(17 << 16)) if told else pieces()
    answer = await client.post(f"/visits/{KEY}/photos", data=body, headers=PHOTO)
    assert (answer.status, await answer.json()) == (
        413, {"message": "This picture has more than 1 MB. Choose a smaller one."}
    )  # fmt: skip
    assert door.wardrobe.photos == []


@pytest.mark.parametrize("sent", ["/etc/passwd", "..%2F..%2Fpasswd", "passwd"])
async def test_a_photos_name_is_a_name_and_no_path(client: Client, door: DoorKeeper, sent: str) -> None:
    await client.post(f"/visits/{KEY}/photos?name={sent}", data=b"a face", headers=PHOTO)
    assert door.wardrobe.photos == [(b"a face", "passwd")]
