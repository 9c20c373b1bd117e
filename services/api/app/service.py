"""`create_app`: the only module that knows every room. Wires one worker's house to the door; no logic of its own."""

import multiprocessing
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from . import __version__
from .clients import anthropic_client, openai_client, responses_client
from .clients.anthropic_client.parse import parse_count
from .config.load import ConfigError
from .config.places import refuse_unwritable
from .dashboard.mount import mount as mount_dashboard
from .domain.request import ChatRequest
from .endpoints import pages, usage
from .endpoints.calls import CallEndpoint
from .endpoints.count import CountEndpoint
from .endpoints.embeddings import EmbeddingEndpoint
from .endpoints.query import QueryShape
from .endpoints.sdk import SdkShape
from .logging_utils.outlet import speak, speak_if_silent
from .logging_utils.wording import hide, manner
from .server.door import Door, Endpoint
from .server.greeting import greeting
from .server.guard import Guard
from .worker import Worker

QUIET = "LLM_ROUTER_QUIET"  # set by `llm-router` for its children, which greet once for all of them


def _messages(parse: Callable[[bytes], ChatRequest]) -> SdkShape:
    """Anthropic's face, for both of its routes."""
    kept = (b"anthropic-version", b"anthropic-beta")
    return SdkShape(anthropic_client.FACE, "messages", kept=kept, overloaded=529, parse=parse, keepalive=anthropic_client.PING)


def _state_faults(worker: Worker) -> None:
    """Say what is wrong, and end a lone process for it; a supervisor says it for its workers."""
    if worker.supervised:
        return
    lone = multiprocessing.parent_process() is None
    fault = worker.fault
    if fault is None and lone:
        try:
            refuse_unwritable(worker.snapshot())
        except ConfigError as error:
            fault = str(error)
    if fault is not None:
        print(fault, file=sys.stderr)  # noqa: T201 - the one line that the operator needs
        if lone:
            raise SystemExit(2)


def create_app(worker: Worker | None = None) -> FastAPI:
    """The application of one worker. A bad configuration ends a lone process with one line and status 2; a child stays up."""
    speak_if_silent()
    worker = worker or Worker.from_environment()
    hide(worker.environment.secrets())
    speak(manner(worker.environment.values)[0])
    _state_faults(worker)
    here = worker

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await here.start()
        if here.fault is None and not here.environment.values.get(QUIET):
            print(*greeting(here.environment, here.snapshot(), __version__, None), sep="\n", file=sys.stderr)  # noqa: T201
        try:
            yield
        finally:
            await here.stop()

    hot: dict[str, Endpoint] = {
        "/query": CallEndpoint(QueryShape(), worker.house),
        "/route": CallEndpoint(QueryShape(always_dry=True), worker.house),
        "/v1/chat/completions": CallEndpoint(SdkShape(openai_client.FACE, "chat"), worker.house),
        "/v1/responses": CallEndpoint(SdkShape(responses_client.FACE, "responses"), worker.house),
        "/v1/messages": CallEndpoint(_messages(anthropic_client.FACE.parse), worker.house),
        "/v1/messages/count_tokens": CountEndpoint(_messages(parse_count), worker.house),
        "/v1/embeddings": EmbeddingEndpoint(worker.house),
    }
    app = Door(
        guard=Guard(worker.keys, lambda: here.snapshot().server, worker.admin),
        hot=hot,
        title="LLM Router",
        description="One service in front of every LLM provider.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    mount_dashboard(app, worker, {path: hot[path] for path in ("/query", "/route")})
    usage.mount(app, worker)
    pages.mount(app, worker, hot)
    return app
