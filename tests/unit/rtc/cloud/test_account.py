"""Where the service is, and what the account is known by."""

from __future__ import annotations

import pytest

from livekit_bithuman.adapters.errors import BitHumanException, NotAuthorised
from livekit_bithuman.rtc.cloud.account import DEFAULT_URL, Account

ENVIRONMENT = {
    "BITHUMAN_API_URL": "https://worker.example/v1/launch?async=true",
    "BITHUMAN_API_SECRET": "from the environment\n",
    "BITHUMAN_API_TOKEN": "token of the environment",
}


def test_what_is_passed_goes_before_the_environment_and_that_before_the_default() -> None:
    assert Account.found(environment={}).api_url == DEFAULT_URL
    found = Account.found(environment=ENVIRONMENT)
    assert (found.api_url, found.api_secret, found.api_token) == (
        "https://worker.example/v1/launch?async=true",
        "from the environment",
        "token of the environment",
    )
    passed = Account.found(api_url="http://a.example/x", api_secret="a", api_token="b", environment=ENVIRONMENT)
    assert (passed.api_url, passed.api_secret, passed.api_token) == ("http://a.example/x", "a", "b")


@pytest.mark.parametrize(
    ("url", "custom", "mint"),
    [
        (DEFAULT_URL, False, "https://api.bithuman.ai/v1/runtime-tokens/mint"),
        ("https://api.bithuman.ai/v1/runtime-tokens/request", False, "https://api.bithuman.ai/v1/runtime-tokens/mint"),
        ("http://10.0.0.4:8089/launch?async=true", True, "http://10.0.0.4:8089/v1/runtime-tokens/mint"),
        ("https://api.bithuman.ai.example/x", True, "https://api.bithuman.ai.example/v1/runtime-tokens/mint"),
    ],
)
def test_tokens_are_minted_at_bithumans_or_on_the_custom_host(url: str, custom: bool, mint: str) -> None:
    account = Account.found(api_url=url, environment={})
    assert account.is_custom is custom
    assert account.mint_url == mint


@pytest.mark.parametrize(
    ("query", "wants"), [("", None), ("?async=TRUE", True), ("?async=false", False), ("?async=7", None)]
)
def test_whether_the_worker_answers_before_the_avatar_has_joined(query: str, wants: bool | None) -> None:
    assert Account.found(api_url=f"https://worker.example/launch{query}", environment={}).wants_async is wants


@pytest.mark.parametrize(
    "url", ["worker.example/launch", "ftp://worker.example", "https://", "https://[::1", "http://a:b:c"]
)
def test_an_address_that_is_none_is_one_error(url: str) -> None:
    with pytest.raises(BitHumanException, match="api_url"):
        Account.found(api_url=url, environment={})


def test_secrets_are_not_shown() -> None:
    shown = repr(Account.found(api_secret="the-secret", api_token="the-token", environment={}))
    assert "the-secret" not in shown
    assert "the-token" not in shown


def test_something_to_be_known_by_is_needed() -> None:
    nobody = Account.found(environment={})
    with pytest.raises(NotAuthorised, match="BITHUMAN_API_SECRET"):
        nobody.require_secret(or_token=True)
    by_token = Account.found(api_token="token", environment={})
    by_token.require_secret(or_token=True)
    with pytest.raises(NotAuthorised):
        by_token.require_secret(or_token=False)
