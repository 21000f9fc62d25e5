"""A web page of your own with an agent that has a face: the page, and the server that gives it tokens.

    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    python agents/minimal_agent.py dev          # in another terminal: who answers
    python examples/web_page/server.py          # then open http://127.0.0.1:8080

The key and its secret stay here. A browser gets a token for one room of its own, for ten minutes, with which it may
join, listen, watch and use a microphone. Put your own login in front of /token: whoever gets one uses your agent.
"""

import datetime
import os
import uuid
from pathlib import Path

from aiohttp import web
from livekit import api

from livekit_bithuman.demo import vendor  # livekit-client for the browser, which comes with the package

PAGE = Path(__file__).with_name("index.html")


async def page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


async def client(_: web.Request) -> web.FileResponse:
    return web.FileResponse(vendor.DIRECTORY / "livekit-client.umd.js")


async def token(_: web.Request) -> web.Response:
    room = f"visit-{uuid.uuid4().hex[:12]}"
    grants = api.VideoGrants(
        room_join=True, room=room, can_subscribe=True, can_publish=True, can_publish_sources=["microphone"]
    )
    made = api.AccessToken().with_identity("visitor").with_grants(grants).with_ttl(datetime.timedelta(minutes=10))
    answer = {"url": os.environ["LIVEKIT_URL"], "token": made.to_jwt()}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/livekit-client.js", client), web.post("/token", token)])
    return app


if __name__ == "__main__":
    vendor.fetch(print)  # a checkout of the repository fetches it from npm; the wheel has it
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))
