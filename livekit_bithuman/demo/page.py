"""The demo's web server: the page and its files, the avatars, visits and their photos. For browsers on this machine."""

from __future__ import annotations

import asyncio
import urllib.parse
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..errors import AvatarError
from ..version import __version__
from .visits import Visits
from .wardrobe import MAX_PHOTO, Installed

STATIC = Path(__file__).with_name("static")
FILES = (
    "page.css",
    "panel.css",
    "icon.svg",
    "vendor/livekit-client.umd.js",
    *(f"page/{path.name}" for path in sorted((STATIC / "page").glob("*.js"))),
)

#: Characters of a photo's name that are kept, for what is said of it.
_LONGEST_NAME = 60
_LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


def make_app(visits: Visits, installed: Installed, server_url: str) -> web.Application:
    """The web application.

    Args:
        visits: Where new visitors are let in.
        installed: The avatars to choose from.
        server_url: The LiveKit server's, which the page is allowed to connect to.
    """
    app = web.Application(middlewares=[_local_only, _headers(server_url)], client_max_size=1024)
    app.router.add_get("/", _index)
    app.router.add_get("/health", _health)
    app.router.add_get("/avatars", _lister(installed))
    app.router.add_post("/visits", _opener(visits))
    app.router.add_post("/visits/{key}/photos", _photographer(visits))
    for name in FILES:
        app.router.add_get(f"/{name}", _file(STATIC / name))
    return app


@web.middleware
async def _local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no page of ours would send: another site's script, or its name made to resolve to this machine."""
    host = _host_name(f"//{request.headers.get('Host', '')}")
    if host not in _LOCAL_NAMES:
        raise web.HTTPForbidden(text="This page is for browsers on the machine that it runs on.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers['Host']}":
        raise web.HTTPForbidden(text="This request comes from another site.")
    return await handler(request)


def _headers(server_url: str) -> Middleware:
    """Adds to every answer what keeps the page to itself."""
    parts = urllib.parse.urlsplit(server_url)
    secure = parts.scheme in ("wss", "https")
    sockets = f"{'wss' if secure else 'ws'}://{parts.netloc} {'https' if secure else 'http'}://{parts.netloc}"
    policy = (
        f"default-src 'self'; connect-src 'self' {sockets}; img-src 'self' data:; media-src 'self' blob:; "
        "worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    return add


async def _index(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "index.html")


async def _health(_: web.Request) -> web.StreamResponse:
    """Answers while the demo runs, so that a page that lost it knows when it is back."""
    return web.json_response({"version": __version__})


def _file(path: Path) -> Handler:
    async def send(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(path)

    return send


def _opener(visits: Visits) -> Handler:
    async def open_visit(request: web.Request) -> web.StreamResponse:
        # A form or an image of another site cannot send this type without asking first.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send JSON.")
        invitation = visits.open()
        if invitation is None:
            message = "As many pages are open as this demo draws faces for. Close one of them, then try again."
            return _refused(503, message)
        return web.json_response(invitation.to_json())

    return open_visit


def _lister(installed: Installed) -> Handler:
    async def send_list(_: web.Request) -> web.StreamResponse:
        return web.json_response([entry.to_json() for entry in await asyncio.to_thread(installed.listed)])

    return send_list


def _photographer(visits: Visits) -> Handler:
    async def take_photo(request: web.Request) -> web.StreamResponse:
        visit = visits.find(request.match_info["key"])
        if visit is None:
            return _refused(404, "This visit is over. Reload the page.")
        # A form or an image of another site cannot send this type without asking first.
        if not request.content_type.startswith("image/"):
            return _refused(415, "This is not a picture. Choose a JPEG or PNG of a face, seen from the front.")
        photo = await _body(request, MAX_PHOTO)
        if photo is None:
            return _refused(413, f"This picture has more than {MAX_PHOTO >> 20} MB. Choose a smaller one.")
        name = Path(request.query.get("name", "")).name[:_LONGEST_NAME] or "the picture"
        try:
            entry = await visit.wardrobe.add_photo(photo, name)
        except AvatarError as error:
            return _refused(422, str(error))
        return web.json_response(entry.to_json())

    return take_photo


async def _body(request: web.Request, most: int) -> bytes | None:
    """The request's body, in memory alone; None if it has more than `most` bytes."""
    if request.content_length is not None and request.content_length > most:
        return None
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def _refused(status: int, message: str) -> web.Response:
    """What the page shows, in one sentence or two."""
    return web.json_response({"message": message}, status=status)


def _host_name(url: str) -> str | None:
    try:
        return urllib.parse.urlsplit(url).hostname
    except ValueError:
        return None
