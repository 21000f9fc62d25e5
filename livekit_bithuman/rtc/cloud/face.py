"""A face that bitHuman's cloud draws: it joins the room as a participant and is given the agent's voice."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
from typing import TYPE_CHECKING

import aiohttp
from livekit import api
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF

from ...adapters.errors import BitHumanException, NotSupported, TokenRequestError
from ..remote.face import Place, RemoteFace
from ..remote.understudy import MakeFace
from .account import Account
from .minting import mint
from .portrait import Portrait
from .request import AvatarRequest, is_expression
from .service import Service

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger("livekit_bithuman")

MODELS = ("expression", "essence", "expression-2", "essence-2")
#: Identity and name of the avatar's participant, as livekit-plugins-bithuman has them.
PARTICIPANT = "bithuman-avatar-agent"
#: The avatar has to join by then; minted tokens live as long.
ROOM_TOKEN_TTL = datetime.timedelta(hours=1)


class CloudFace(RemoteFace):
    """An avatar from bitHuman's cloud, or from an avatar worker of one's own that takes the same requests.

    `start()` returns when the service has accepted; the avatar joins the room some seconds later. What the agent says
    until then waits. If the avatar does not come in time, or leaves, `fallback` speaks, in mid-reply too, and hands
    back between two replies when the avatar is there again.

    Args:
        avatar_id: The code of an agent at bitHuman.
        avatar_image: A portrait to animate: a PIL image, a path, an http(s) link or base64.
        model: "expression", "essence", "expression-2" or "essence-2"; None: the service chooses.
        api_url: Asked for the avatar; None: `BITHUMAN_API_URL`, else bitHuman's own.
        api_secret: The account's, or a token minted from it; None: `BITHUMAN_API_SECRET`. It is sent to the service and
            to nobody else.
        api_token: For expression models on an `api_url` of one's own; None: `BITHUMAN_API_TOKEN`.
        conn_options: Attempts beyond the first, the longest wait between two, and the time for each.
        avatar_participant_identity: Of the avatar in the room.
        avatar_participant_name: Of the avatar in the room.
        allow_secret_in_attributes: Do not mint: `api_secret` itself goes into the avatar's attributes, where everybody
            in the room reads it.
        start_timeout: Seconds that the service may take to accept, all attempts together.
        join_timeout: Seconds that the avatar may take to join after that.
        fallback: Makes the face that speaks where the avatar does not; None: the agent is silent then.

    Raises:
        InvalidAvatar: The portrait cannot be read, or is too large.
        NotAuthorised: No secret is given.
        NotSupported: There is no such model.
        BitHumanException: Neither an avatar nor a portrait is given, or `api_url` is no address.
    """

    credentials_error = BitHumanException

    def __init__(
        self,
        *,
        avatar_id: str | None = None,
        avatar_image: str | os.PathLike[str] | Image.Image | None = None,
        model: str | None = None,
        api_url: str | None = None,
        api_secret: str | None = None,
        api_token: str | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        avatar_participant_identity: str | None = None,
        avatar_participant_name: str | None = None,
        allow_secret_in_attributes: bool = False,
        start_timeout: float = 60.0,
        join_timeout: float = 30.0,
        fallback: MakeFace | None = None,
    ) -> None:
        if not avatar_id and avatar_image is None:
            raise BitHumanException("A cloud avatar needs a face: pass avatar_id or avatar_image.")
        if model is not None and model not in MODELS:
            raise NotSupported(f"There is no model {model!r}: use {', '.join(MODELS)}, or leave it out.")
        self._avatar_id = avatar_id
        self._model = model
        self._account = Account.found(api_url=api_url, api_secret=api_secret, api_token=api_token)
        self._by_form = self._account.is_custom and is_expression(model)
        self._account.require_secret(or_token=self._by_form)
        self._portrait = None if avatar_image is None else Portrait.of(avatar_image)
        self._options = conn_options
        self._name = avatar_participant_name or PARTICIPANT
        self._allow_secret = allow_secret_in_attributes
        self._start_timeout = start_timeout
        super().__init__(
            avatar_participant_identity or PARTICIPANT,
            join_timeout=join_timeout,
            fallback=fallback,
        )

    async def _call(self, place: Place) -> None:
        try:
            await asyncio.wait_for(self._request(place), self._start_timeout)
        except asyncio.TimeoutError as error:
            raise TokenRequestError(
                f"bitHuman's service did not accept the avatar within {self._start_timeout:g} s. "
                "Check the network and api_url, or try again later."
            ) from error

    async def _request(self, place: Place) -> None:
        account = self._account
        # this process's proxies are the agent's
        async with aiohttp.ClientSession(trust_env=True) as http:
            service = Service(http, self._options, (account.api_secret, account.api_token, place.api_secret))
            known_by = account.api_secret
            if known_by and self._allow_secret:
                logger.warning("api_secret is in the avatar's attributes: everybody in the room can read it")
            elif known_by:
                known_by = await mint(
                    service, account, avatar_id=self._avatar_id, room_name=place.room, livekit_url=place.url
                )
            attributes = {ATTRIBUTE_PUBLISH_ON_BEHALF: place.agent}
            if known_by:
                attributes["api_secret"] = known_by
            if self._avatar_id:
                attributes["agent_id"] = self._avatar_id
            token = (
                api.AccessToken(place.api_key, place.api_secret)
                .with_kind("agent")
                .with_identity(self._identity)
                .with_name(self._name)
                .with_grants(api.VideoGrants(room_join=True, room=place.room))
                .with_attributes(attributes)
                .with_ttl(ROOM_TOKEN_TTL)
                .to_jwt()
            )
            service.hide(known_by, token)
            wanted = AvatarRequest(place.url, token, place.room, self._model, self._avatar_id, self._portrait)
            if self._by_form:
                await service.post(
                    account.api_url,
                    headers={"Authorization": f"Bearer {account.api_token or known_by}"},
                    form=lambda: wanted.form(wants_async=account.wants_async),
                    patient=True,  # it may have to start a GPU before it answers
                )
            else:
                await service.post(account.api_url, headers={"api-secret": known_by}, json=wanted.json())
