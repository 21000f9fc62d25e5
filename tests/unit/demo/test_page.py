"""The demo's web server: what it serves, and whom it refuses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from livekit_bithuman.demo.page import FILES, STATIC, make_app
from livekit_bithuman.demo.visit import AGENT_IDENTITY, Invitation

Client = TestClient[Request, Application]


class DoorKeeper:
    """Lets in one visitor."""

    def __init__(self) -> None:
        self.invitations = [Invitation("ws://127.0.0.1:7880", "a token")]

    def open(self) -> Invitation | None:
        return self.invitations.pop() if self.invitations else None


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = make_app(DoorKeeper(), "ws://127.0.0.1:7880")  # type: ignore[arg-type]
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_every_file_that_the_page_names_is_served(client: Client) -> None:
    page = await (await client.get("/")).text()
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named <= set(FILES)
    for name in FILES:
        if (STATIC / name).exists():  # livekit-client is fetched, not committed
            assert (await client.get(f"/{name}")).status == 200, name


async def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = await client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880;" in policy
    for name in ("index.html", "page.css", "page.js"):
        assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", (STATIC / name).read_text()), name


async def test_a_visit_is_opened_with_what_the_page_needs_and_no_more(client: Client) -> None:
    answer = await client.post("/visits", json={})
    assert answer.status == 200
    invitation = await answer.json()
    assert set(invitation) == {"url", "token", "agent", "maxText"}
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
