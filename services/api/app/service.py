"""`create_app`: the only module that knows every room. Builds one worker's house, keeps its configuration fresh, wires the door."""

import asyncio
import contextlib
import logging
import multiprocessing
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from . import __version__
from .access.keys import CallerKeys
from .clients.openai_client.face import error_body
from .endpoints import asgi, pages
from .endpoints.calls import CallEndpoint
from .endpoints.chat import ChatShape
from .endpoints.query import QueryShape
from .errors import MethodNotAllowed, NotFound, RouterError
from .server.door import Door
from .server.guard import KeyGuard
from .worker import Worker

_log = logging.getLogger("llm_router")


def create_app(worker: Worker | None = None) -> FastAPI:
    """The application of one worker. A bad configuration ends a lone process with one line and status 2; a child stays up."""
    worker = worker or Worker.from_environment()
    if worker.fault is not None:
        print(worker.fault, file=sys.stderr)  # noqa: T201 - the one line that the operator needs
        if multiprocessing.parent_process() is None:
            raise SystemExit(2)
    query = CallEndpoint(QueryShape(), worker.house)
    hot = {
        "/query": query,
        "/route": CallEndpoint(QueryShape(always_dry=True), worker.house),
        "/v1/chat/completions": CallEndpoint(ChatShape(), worker.house),
    }

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()

    app = Door(
        guard=KeyGuard(worker.keys, asgi.new_id),
        hot=hot,
        title="LLM Router",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    pages.mount(app, worker)
    return app
