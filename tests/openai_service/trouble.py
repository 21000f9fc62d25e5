"""What can be wrong with an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

#: OpenAI's words for a status.
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded", 500: "server_error"}


@dataclass(frozen=True)
class Trouble:
    """One answer that is not as it should be.

    Attributes:
        status: Refused with this.
        cut_after: Pieces of the stream that are sent before the connection breaks.
        hang: Nothing is sent, until the client gives up.
        hears: What is understood, whatever was said: "" as of a cough.
    """

    status: int | None = None
    cut_after: int | None = None
    hang: bool = False
    hears: str | None = None

    async def before(self) -> web.Response | None:
        """What is answered in place of the stream, if anything is."""
        if self.hang:
            await asyncio.Event().wait()
        return None if self.status is None else refusal(self.status)

    def breaks_at(self, piece: int) -> bool:
        """Whether the connection breaks before this piece, counted from 0."""
        return self.cut_after is not None and piece >= self.cut_after


def refusal(status: int, message: str = "It does not please us now.") -> web.Response:
    """An error in the body that OpenAI's service gives it."""
    return web.json_response({"error": error(status, message)}, status=status)


def error(status: int, message: str) -> dict[str, object]:
    """The error itself."""
    kind = "invalid_request_error" if status < 429 else "server_error"
    return {"message": message, "type": kind, "param": None, "code": CODES.get(status)}
