"""Where a LiveKit server answers, and whether it answers to our key."""

from __future__ import annotations

import datetime
import os
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ServerError

ENVIRONMENT = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


@dataclass(frozen=True)
class ServerAddress:
    """Everything that a participant needs to reach a server and to be let in."""

    url: str  # ws:// or wss://
    api_key: str
    api_secret: str = field(repr=False)

    def token(
        self,
        *,
        identity: str,
        room: str,
        ttl: datetime.timedelta,
        can_publish: bool = True,
        can_publish_sources: Sequence[str] | None = None,
        can_update_own_metadata: bool = False,
    ) -> str:
        """A signed token that admits `identity` to one room, if it joins within `ttl`; it may send data.

        `can_publish_sources` names what it may publish, such as "microphone"; None: anything, if `can_publish`.
        """
        from livekit import api

        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_subscribe=True,
            can_publish=can_publish,
            can_publish_sources=None if can_publish_sources is None else list(can_publish_sources),
            can_publish_data=True,
            can_update_own_metadata=can_update_own_metadata,
        )
        token = api.AccessToken(self.api_key, self.api_secret).with_identity(identity)
        return token.with_ttl(ttl).with_grants(grants).to_jwt()

    @property
    def http_url(self) -> str:
        """The same server, for requests that are no WebSocket."""
        scheme, _, rest = self.url.partition("://")
        return f"{ {'ws': 'http', 'wss': 'https'}.get(scheme, scheme) }://{rest}".rstrip("/")

    def validate(self, timeout: float) -> None:
        """Ask the server whether a token signed with our key would be let in.

        Args:
            timeout: Seconds to wait for its answer.

        Raises:
            ServerError: It does not answer, or refuses the key.
        """
        token = self.token(identity="probe", room=f"probe-{secrets.token_hex(4)}", ttl=datetime.timedelta(minutes=1))
        request = urllib.request.Request(
            f"{self.http_url}/rtc/validate?{urllib.parse.urlencode({'access_token': token})}"
        )
        # A proxy that the environment names is for other hosts than this one.
        local = urllib.parse.urlsplit(self.http_url).hostname in ("127.0.0.1", "localhost", "::1")
        opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
        try:
            with opener.open(request, timeout=timeout):
                return
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read(200).decode(errors="replace").strip()
            raise ServerError(
                f"The LiveKit server at {self.url} refused our key ({error.code}: {reason}). "
                "Check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET belong to it."
            ) from error
        except (OSError, ValueError) as error:
            cause = getattr(error, "reason", error)
            raise ServerError(
                f"The LiveKit server at {self.url} does not answer ({cause}). "
                "Check LIVEKIT_URL, or unset it to use a server on this machine."
            ) from error


def server_from_environment(environment: Mapping[str, str] | None = None) -> ServerAddress | None:
    """The server that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name; None if LIVEKIT_URL is not set.

    Raises:
        ServerError: The URL is set without its key or secret, or is not a LiveKit URL.
    """
    environment = os.environ if environment is None else environment
    url, key, secret = (environment.get(name, "").strip() for name in ENVIRONMENT)
    if not url:
        return None
    missing = [name for name, value in zip(ENVIRONMENT[1:], (key, secret), strict=True) if not value]
    if missing:
        raise ServerError(
            f"LIVEKIT_URL is set but {' and '.join(missing)} is not. Set all three, or unset LIVEKIT_URL to use a "
            "server on this machine."
        )
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
        raise ServerError(f"LIVEKIT_URL is {url!r}, which is no address. Set it to one like ws://127.0.0.1:7880.")
    return ServerAddress(url, key, secret)
