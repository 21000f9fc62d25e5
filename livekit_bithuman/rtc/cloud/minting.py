"""Exchanges the account's secret for a token that can start one avatar in one room, for an hour."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from ...adapters.errors import BithumanError, TokenExpiredError
from .account import Account
from .service import Service

SCOPE = "livekit-cloud"
_HINT = (
    "The account's secret is not put into the room in place of a minted token: pass a token that you minted, or "
    "allow_secret_in_attributes=True if everybody in the room may read it."
)


async def mint(service: Service, account: Account, *, avatar_id: str | None, room_name: str, livekit_url: str) -> str:
    """A token in place of the account's secret; a secret that is a token already is returned as it is.

    Args:
        service: Asked for it.
        account: Its secret goes to `account.mint_url`, as a header.
        avatar_id: The agent that the token is good for.
        room_name: The room.
        livekit_url: The room's server, as the avatar will be told.

    Raises:
        TokenExpiredError: The secret is a token, and its time is over.
        BithumanError: The service refuses, or its answer has no token.
        TokenRequestError: The service cannot be reached, fails, or does not answer.
    """
    claims = token_claims(account.api_secret)
    if claims is not None:
        if isinstance(expires := claims.get("exp"), (int, float)) and expires < time.time():
            raise TokenExpiredError("The token passed as api_secret has expired: mint a new one for each session.")
        return account.api_secret
    wanted = {"scope": SCOPE, "room_name": room_name, "livekit_url": livekit_url}
    if avatar_id:
        wanted["agent_code"] = avatar_id
    answer = await service.post(account.mint_url, headers={"api-secret": account.api_secret}, json=wanted, hint=_HINT)
    token = answer.get("scoped_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise BithumanError(f"The service's answer to minting has no scoped_token. {_HINT}")
    if token == account.api_secret:
        raise BithumanError(f"The service returned the account's secret where a minted token was due. {_HINT}")
    return token


def token_claims(text: str) -> dict[str, Any] | None:
    """What a JSON Web Token says, unverified; None if the text is not one."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except ValueError:
        return None
    return claims if isinstance(header, dict) and "alg" in header and isinstance(claims, dict) else None
