"""Refusals, failures and silence of the service, each against a real HTTP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
import pytest_asyncio
from livekit.agents import APIConnectOptions

from livekit_bithuman.adapters.errors import (
    AccountStatusError,
    BithumanError,
    BitHumanException,
    TokenExpiredError,
    TokenRequestError,
    TokenValidationError,
)
from livekit_bithuman.errors import AvatarError
from livekit_bithuman.rtc.cloud.account import Account
from livekit_bithuman.rtc.cloud.minting import mint, token_claims
from livekit_bithuman.rtc.cloud.service import Service
from tests.cloud_service import MINT_PATH, REQUEST_PATH, Answer, CloudService, jwt, refusal

SECRET = "account-secret-that-nobody-may-see"
QUICK = APIConnectOptions(max_retry=2, retry_interval=0.01, timeout=5.0)


@pytest_asyncio.fixture
async def cloud(keep_secret: Callable[..., None]) -> AsyncIterator[CloudService]:
    keep_secret(SECRET)
    async with CloudService() as running:
        yield running


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def _ask(http: aiohttp.ClientSession, url: str, options: APIConnectOptions = QUICK) -> object:
    service = Service(http, options, (SECRET,))
    return await service.post(url, headers={"api-secret": SECRET}, json={"room_name": "room"})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "UNAUTHORIZED", "Invalid API secret"), TokenValidationError),
        (refusal(401, "TOKEN_EXPIRED", "The token has expired"), TokenExpiredError),
        (refusal(402, "INSUFFICIENT_BALANCE", "Insufficient credits"), AccountStatusError),
        (refusal(403, "RUNTIME_SUSPENDED", "Runtime access is suspended"), AccountStatusError),
        (refusal(400, "VALIDATION_ERROR", "This avatar can be served as essence-2"), BithumanError),
        (refusal(404, "AGENT_NOT_FOUND", "Agent not found for code: A1"), BithumanError),
        (refusal(429, "RATE_LIMITED", "Too many requests"), BithumanError),
    ],
)
async def test_a_refusal_is_final_typed_and_shown(
    cloud: CloudService, http: aiohttp.ClientSession, answer: Answer, kind: type[AvatarError]
) -> None:
    cloud.say(REQUEST_PATH, answer)
    with pytest.raises(BitHumanException) as raised:
        await _ask(http, cloud.url)
    assert type(raised.value) is kind
    assert answer.body["error"]["message"] in str(raised.value)
    assert len(cloud.asked) == 1, "4xx is not tried again"
    if kind is BithumanError:
        assert isinstance(raised.value, BithumanError)
        assert raised.value.code == answer.body["error"]["code"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("Nothing here", "Nothing here"),
        ("", "no reason given"),
        ({"error": "just words"}, "just words"),
        ({"detail": "of FastAPI"}, "of FastAPI"),
        ({"error": {"code": 7}}, "code"),
        (["a", "list"], "list"),
        ("x" * 100_000, "…"),
    ],
)
async def test_whatever_a_refusal_says_is_shown(
    cloud: CloudService, http: aiohttp.ClientSession, body: object, shown: str
) -> None:
    cloud.say(REQUEST_PATH, Answer(404, body))
    with pytest.raises(BithumanError) as raised:
        await _ask(http, cloud.url)
    assert shown in str(raised.value)
    assert len(str(raised.value)) < 600


async def test_a_secret_that_the_service_repeats_is_not_shown(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    cloud.say(REQUEST_PATH, refusal(401, "UNAUTHORIZED", f"{SECRET} is not a secret"))
    with pytest.raises(TokenValidationError, match=r"\*\*\* is not a secret"):
        await _ask(http, cloud.url)
    cloud.say(REQUEST_PATH, Answer(500, f"cannot use {SECRET}"))
    with pytest.raises(TokenRequestError, match=r"cannot use \*\*\*"):
        await _ask(http, cloud.url)


async def test_a_failure_is_tried_again(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    cloud.say(REQUEST_PATH, Answer(500, "out"), Answer(503, "busy"), Answer(200, {"success": True}))
    assert await _ask(http, cloud.url) == {"success": True}
    assert len(cloud.asked) == 3


async def test_one_that_stays_is_an_error_after_all_attempts(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    cloud.say(REQUEST_PATH, Answer(503, "All workers busy"))
    with pytest.raises(TokenRequestError, match=r"asked 3 times and failed \(503 All workers busy\)"):
        await _ask(http, cloud.url)
    assert len(cloud.asked) == 3
    with pytest.raises(TokenRequestError, match="asked once"):
        await _ask(http, cloud.url, APIConnectOptions(max_retry=0))
    assert len(cloud.asked) == 4


async def test_no_answer_in_time_is_tried_again(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    cloud.say(REQUEST_PATH, Answer(hang=True), Answer(200, "fine"))
    options = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=0.2)
    assert await _ask(http, cloud.url, options) is None, "it is no JSON"
    assert len(cloud.asked) == 2
    cloud.say(REQUEST_PATH, Answer(hang=True))
    with pytest.raises(TokenRequestError, match=r"did not answer within 0\.2 s"):
        await _ask(http, cloud.url, options)


async def test_nobody_there_is_one_error(http: aiohttp.ClientSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]
        with pytest.raises(TokenRequestError, match="could not be reached"):
            await _ask(http, f"http://127.0.0.1:{port}/")


async def test_a_request_that_is_given_up_is_closed(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    cloud.say(REQUEST_PATH, Answer(hang=True))
    asking = asyncio.create_task(_ask(http, cloud.url))
    await asyncio.wait_for(cloud.hung.wait(), 20)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(cloud.given_up.wait(), 20)
    assert len(cloud.asked) == 1


async def test_the_secret_follows_no_redirect(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    async with CloudService() as elsewhere:
        cloud.say(REQUEST_PATH, Answer(307, location=elsewhere.url))
        with pytest.raises(BithumanError, match="307"):
            await _ask(http, cloud.url)
        assert not elsewhere.asked


def test_waits_grow_up_to_the_longest_and_differ() -> None:
    service = Service(None, APIConnectOptions(max_retry=5, retry_interval=4.0), ())  # type: ignore[arg-type]
    waits = [[service._wait_before(attempt) for _ in range(50)] for attempt in (1, 2, 3, 4)]
    for each, longest in zip(waits, (1.0, 2.0, 4.0, 4.0), strict=True):
        assert all(longest / 2 <= wait <= longest for wait in each)
        assert len(set(each)) > 40


# minting


async def _mint(http: aiohttp.ClientSession, url: str, secret: str = SECRET, avatar_id: str | None = "A1") -> str:
    account = Account(url, secret)
    service = Service(http, QUICK, (secret,))
    return await mint(service, account, avatar_id=avatar_id, room_name="room", livekit_url="wss://live.example")


async def test_a_secret_is_exchanged_for_a_token(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    assert await _mint(http, cloud.url) == cloud.minted
    (asked,) = cloud.asked
    assert asked.path == MINT_PATH
    assert asked.headers["api-secret"] == SECRET
    assert asked.fields == {
        "scope": "livekit-cloud",
        "room_name": "room",
        "livekit_url": "wss://live.example",
        "agent_code": "A1",
    }


async def test_without_an_agent_the_code_is_left_out(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    await _mint(http, cloud.url, avatar_id=None)
    assert "agent_code" not in cloud.asked[0].fields


async def test_a_token_is_not_exchanged(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    token = jwt({"exp": 99_999_999_999})
    assert await _mint(http, cloud.url, secret=token) == token
    assert not cloud.asked


async def test_a_token_whose_time_is_over_is_not_even_sent(cloud: CloudService, http: aiohttp.ClientSession) -> None:
    with pytest.raises(TokenExpiredError, match="expired"):
        await _mint(http, cloud.url, secret=jwt({"exp": 1}))
    assert not cloud.asked


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "UNAUTHORIZED", "Invalid API secret"), TokenValidationError),
        (refusal(403, "RUNTIME_SUSPENDED", "no"), AccountStatusError),
        (Answer(404, "no such thing"), BithumanError),
        (Answer(500, "out"), TokenRequestError),
        (Answer(200, {}), BithumanError),
        (Answer(200, {"scoped_token": None}), BithumanError),
        (Answer(200, "fine"), BithumanError),
        (Answer(200, {"scoped_token": SECRET}), BithumanError),
    ],
)
async def test_where_minting_fails_the_way_out_is_said(
    cloud: CloudService, http: aiohttp.ClientSession, answer: Answer, kind: type[AvatarError]
) -> None:
    cloud.say(MINT_PATH, answer)
    with pytest.raises(kind, match="allow_secret_in_attributes=True"):
        await _mint(http, cloud.url)


@pytest.mark.parametrize("text", ["", "secret", "a.b.c", "..", "e30.e30.x", "eyJhbGciOiJub25lIn0.W10.x", "é.é.é"])
def test_what_is_no_token_is_not_taken_for_one(text: str) -> None:
    assert token_claims(text) is None
