"""Asks bitHuman's service: what is worth another attempt gets one, and what is refused becomes one typed error."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from livekit.agents import APIConnectOptions

from ...adapters.errors import (
    AccountStatusError,
    BithumanError,
    BitHumanException,
    TokenExpiredError,
    TokenRequestError,
    TokenValidationError,
)

logger = logging.getLogger("livekit_bithuman")

#: As much of an answer is read, and of a refusal shown.
MAX_ANSWER, MAX_SHOWN = 65_536, 300


class Service:
    """bitHuman's service, or what stands in its place.

    Args:
        http: Used, not closed.
        options: Attempts beyond the first, the longest wait between two of them, and how long each may take.
        secrets: Never shown, whatever the service answers.
    """

    def __init__(self, http: aiohttp.ClientSession, options: APIConnectOptions, secrets: tuple[str, ...]) -> None:
        self._http = http
        self._options = options
        self._secrets: list[str] = []
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Never show these either."""
        self._secrets = sorted(filter(None, [*self._secrets, *secrets]), key=len, reverse=True)

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        json: Mapping[str, Any] | None = None,
        form: Callable[[], aiohttp.FormData] | None = None,
        patient: bool = False,
        hint: str = "",
    ) -> Any:
        """POST, and return what the answer says.

        4xx is final; 5xx, no connection and no answer in time are tried again, after waits that double up to
        `retry_interval`, shortened by chance so that many agents do not come back at once.

        Args:
            url: Redirects are not followed: the secret is for this host alone.
            headers: The secret among them.
            json: The body, or
            form: a form, made anew for each attempt.
            patient: An answer may take as long as it takes, once there is a connection.
            hint: What to do about a refusal, beyond what the service says.

        Returns:
            The answer's JSON, or None if it is none.

        Raises:
            TokenValidationError, TokenExpiredError: 401.
            AccountStatusError: 402 or 403.
            BithumanError: Another refusal.
            TokenRequestError: The service cannot be reached, fails, or does not answer.
        """
        options, host = self._options, urlsplit(url).hostname
        limit = options.timeout or None
        timeout = aiohttp.ClientTimeout(total=None if patient else limit, sock_connect=limit)
        failure = ""
        cause: Exception | None = None
        for attempt in range(options.max_retry + 1):
            if attempt:
                logger.warning("bitHuman's service at %s %s; trying again", host, failure)
                await asyncio.sleep(self._wait_before(attempt))
            try:
                async with self._http.post(
                    url,
                    headers=dict(headers),
                    json=json,
                    data=form() if form is not None else None,
                    timeout=timeout,
                    allow_redirects=False,
                ) as response:
                    said = (await _read(response)).decode("utf-8", "replace")
                    if response.status < 300:
                        return _parsed(said)
                    if response.status < 500:
                        raise self._refusal(response.status, said, hint)
                    failure, cause = f"failed ({response.status} {self._shown(said)})", None
            except asyncio.TimeoutError as error:
                failure, cause = f"did not answer within {options.timeout:g} s", error
            except aiohttp.ClientError as error:
                failure, cause = f"could not be reached ({self._redacted(str(error) or type(error).__name__)})", error
        attempts = "once" if options.max_retry == 0 else f"{options.max_retry + 1} times"
        raise TokenRequestError(
            _advice(
                f"bitHuman's service at {host} was asked {attempts} and {failure}.",
                "Check the network and api_url, or try again later.",
                hint,
            )
        ) from cause

    def _wait_before(self, attempt: int) -> float:
        longest = self._options.retry_interval
        # not for secrecy
        return min(longest, longest * 2.0 ** (attempt - 3)) * random.uniform(0.5, 1.0)

    def _refusal(self, status: int, said: str, hint: str) -> BitHumanException:
        code, shown = _code(said), self._shown(said)
        lead = f"bitHuman's service refused ({status}): {shown}"
        if status == 401 and "expired" in f"{code} {shown}".lower():
            return TokenExpiredError(_advice(lead, "Mint a new token.", hint))
        if status == 401:
            return TokenValidationError(_advice(lead, "Check api_secret or BITHUMAN_API_SECRET.", hint))
        if status in (402, 403):
            return AccountStatusError(_advice(lead, "Check the account's credit and plan at www.bithuman.ai.", hint))
        return BithumanError(
            _advice(lead, hint or "Check avatar_id, avatar_image, model and api_url."), code=code or None
        )

    def _shown(self, said: str) -> str:
        """What a person should read of an answer."""
        body = _parsed(said)
        error = body.get("error", body) if isinstance(body, dict) else None
        message: Any = error
        if isinstance(error, dict):
            message = next((error[key] for key in ("message", "detail", "error") if error.get(key)), said)
        text = " ".join(self._redacted(str(message or said)).split()) or "no reason given"
        return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer, as far as it is of interest."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(MAX_ANSWER):
        parts.append(part)
        size += len(part)
        if size >= MAX_ANSWER:
            break
    return b"".join(parts)[:MAX_ANSWER]


def _parsed(said: str) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return None


def _code(said: str) -> str:
    body = _parsed(said)
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _advice(lead: str, *advice: str) -> str:
    return " ".join([lead if lead.endswith((".", "!", "?", "…")) else f"{lead}.", *filter(None, advice)])
