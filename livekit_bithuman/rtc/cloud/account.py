"""Where bitHuman's service is, and what it knows the account by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

from ...adapters.errors import BitHumanException, NotAuthorised

DEFAULT_URL = "https://auth.api.bithuman.ai/v1/runtime-tokens/request"
MINT_PATH = "/v1/runtime-tokens/mint"
#: bitHuman's own hosts; tokens are minted by the latter, whichever of them starts avatars.
HOSTS = ("auth.api.bithuman.ai", "api.bithuman.ai")


@dataclass(frozen=True)
class Account:
    """Credentials and address; neither secret is shown by `repr`.

    Attributes:
        api_url: Asked for an avatar.
        api_secret: The account's, or a token that was minted from it; empty if none was given.
        api_token: For avatar workers of one's own; empty if none was given.
    """

    api_url: str = DEFAULT_URL
    api_secret: str = field(default="", repr=False)
    api_token: str = field(default="", repr=False)

    @classmethod
    def found(
        cls,
        *,
        api_url: str | None = None,
        api_secret: str | None = None,
        api_token: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Account:
        """What was passed, else what `BITHUMAN_API_URL`, `BITHUMAN_API_SECRET` and `BITHUMAN_API_TOKEN` say.

        Raises:
            BitHumanException: The address is none.
        """
        env = os.environ if environment is None else environment
        url = (api_url or env.get("BITHUMAN_API_URL") or DEFAULT_URL).strip()
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        except ValueError:
            usable = False
        if not usable:
            raise BitHumanException(f"api_url is not an http(s) address: {url!r}. Leave it out to use bitHuman's own.")
        secret = api_secret or env.get("BITHUMAN_API_SECRET") or ""
        token = api_token or env.get("BITHUMAN_API_TOKEN") or ""
        return cls(url, secret.strip(), token.strip())

    @property
    def is_custom(self) -> bool:
        """Whether avatars are asked for elsewhere than at bitHuman's."""
        return urlsplit(self.api_url).hostname not in HOSTS

    @property
    def mint_url(self) -> str:
        """Where short-lived tokens are minted: at bitHuman's, or on the custom host."""
        if not self.is_custom:
            return f"https://{HOSTS[1]}{MINT_PATH}"
        parts = urlsplit(self.api_url)
        return urlunsplit((parts.scheme, parts.netloc, MINT_PATH, "", ""))

    @property
    def wants_async(self) -> bool | None:
        """What `?async=` in the address says: true, false, or nothing."""
        said = parse_qs(urlsplit(self.api_url).query).get("async", [""])[0].lower()
        return {"true": True, "false": False}.get(said)

    def require_secret(self, *, or_token: bool) -> None:
        """Return if there is something to be known by.

        Args:
            or_token: An `api_token` will do.

        Raises:
            NotAuthorised: There is nothing.
        """
        if self.api_secret or (or_token and self.api_token):
            return
        raise NotAuthorised(
            "An avatar from bitHuman's cloud needs an account: pass api_secret or set BITHUMAN_API_SECRET."
        )
