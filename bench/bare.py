"""The bare proxy that ratios are taken against: one Starlette route, one shared aiohttp session, no JSON, uvloop and httptools.

Usage: `bare.py UPSTREAM_URL [stream]`; prints its port. Nothing may be added here: it is the least that a proxy written with
these parts does.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

URL = sys.argv[1]
STREAMED = sys.argv[2:] == ["stream"]
HEADERS = {"content-type": "application/json"}
session: aiohttp.ClientSession


@asynccontextmanager
async def shared_session(_app: Starlette) -> AsyncIterator[None]:
    global session
    async with aiohttp.ClientSession() as session:
        yield


async def whole(request: Request) -> Response:
    async with session.post(URL, data=await request.body(), headers=HEADERS) as r:
        return Response(await r.read(), media_type="application/json")


async def stream(request: Request) -> Response:
    r = await session.post(URL, data=await request.body(), headers=HEADERS)
    return StreamingResponse(r.content.iter_any(), media_type="text/event-stream")


def main() -> None:
    """Serve on a free port of loopback until SIGTERM."""
    endpoint = stream if STREAMED else whole
    app = Starlette(routes=[Route("/v1/chat/completions", endpoint, methods=["POST"])], lifespan=shared_session)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
