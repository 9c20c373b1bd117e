"""The cool routes, through FastAPI: health, readiness, models, the front page and the offline documentation."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from ..clients.anthropic_client import FACE as ANTHROPIC
from ..clients.openai_client.face import error_body
from ..config.snapshot import Snapshot
from ..errors import CallerError, MethodNotAllowed, NotFound, NotReady, RouterError
from ..metrics.meter import Meter
from ..metrics.refusals import count_refusal
from ..metrics.text import CONTENT_TYPE
from . import asgi, model_infos, models
from .nearest import nearest
from .openapi import AN_ERROR, describe

_ASSETS = "/docs-assets"
OVERLOADED = 529  # Anthropic's own status for it


class Standpoint(Protocol):
    """What these pages read of the worker. `snapshot` raises NotReady while there is none."""

    metrics: Meter

    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        ...

    def health(self) -> dict[str, Any]:
        """What `/health` shows."""
        ...

    def not_ready(self) -> str | None:
        """Why no call can be taken now, None when one can."""
        ...


def mount(app: FastAPI, here: Standpoint, hot: Iterable[str] = ()) -> None:
    """Add the routes to `app`; `hot` are the paths that never reach it, so that a wrong path can name them too."""
    _mount_state(app, here)
    _mount_models(app, here)
    _mount_docs(app)
    routes = frozenset({*hot, *(path for route in app.routes if "{" not in (path := getattr(route, "path", "{")))})

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        return _answer(request, _own(request, error, routes))

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RouterError, _router_error)


def _mount_state(app: FastAPI, here: Standpoint) -> None:
    @app.get("/health", tags=["state"])
    async def health() -> dict[str, Any]:
        """Alive. Cheap; calls nobody."""
        return here.health()

    @app.get("/ready", tags=["state"])
    async def ready() -> Response:
        """Whether calls are taken now; 503 with the reason otherwise."""
        reason = here.not_ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503, headers={"retry-after": "1"})

    @app.get("/metrics", tags=["state"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counters of all workers in Prometheus's text format."""
        return Response(await here.metrics.exposed(), media_type=CONTENT_TYPE)

    @app.get("/", tags=["state"])
    async def front() -> dict[str, Any]:
        """What runs, what is real and what is played, and where to go on."""
        return _front(app, here.snapshot())


def _front(app: FastAPI, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": "LLM Router",
        "version": app.version,
        "mode": snapshot.mode,
        "providers": snapshot.provider_states(),
        "models": sum(model.enabled for model in snapshot.models.values()),
        "cache": snapshot.cache.backend,
        "config": snapshot.digest,
        "warnings": list(snapshot.warnings),
        "links": {
            "ask": "POST /query",
            "decide only": "POST /route",
            "OpenAI shape": "POST /v1/chat/completions",
            "OpenAI Responses shape": "POST /v1/responses",
            "Anthropic shape": "POST /v1/messages",
            "embeddings": "POST /v1/embeddings",
            "models": "/v1/models",
            "docs": "/docs",
            "health": "/health",
            "ready": "/ready",
            "metrics": "/metrics",
            "usage": "/usage",
            "dashboard": "/dashboard",
        },
    }


def _mount_models(app: FastAPI, here: Standpoint) -> None:
    # said here, or FastAPI would promise a 422 that is never sent
    @app.get("/v1/models", tags=["models"], responses={"4XX": AN_ERROR})
    async def listed(request: Request) -> dict[str, Any]:
        """Every name that `model` accepts, in OpenAI's shape, or in Anthropic's when `anthropic-version` is sent."""
        snapshot = here.snapshot()
        if _is_anthropic(request):
            return model_infos.listed(snapshot, model_infos.paging(request.query_params.multi_items()))
        return models.listed(snapshot)

    @app.get("/v1/models/{name:path}", tags=["models"], responses={"4XX": AN_ERROR})
    async def one(request: Request, name: str) -> dict[str, Any]:
        """One of them."""
        snapshot = here.snapshot()
        return model_infos.one(snapshot, name) if _is_anthropic(request) else models.one(snapshot, name)


def _mount_docs(app: FastAPI) -> None:
    """Swagger UI and ReDoc with the assets of an installed package, so that they work without a network."""
    assets = files("fastapi_offline") / "static"
    app.mount(_ASSETS, StaticFiles(directory=str(assets)), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title="LLM Router",
            swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
        )

    @app.get("/redoc", include_in_schema=False)
    async def redoc(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_redoc_html(
            openapi_url=f"{root}/openapi.json",
            title="LLM Router",
            redoc_js_url=f"{root}{_ASSETS}/redoc.standalone.js",
            redoc_favicon_url=f"{root}{_ASSETS}/favicon.png",
            with_google_fonts=False,
        )

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            bare = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = describe(bare)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema


def _is_anthropic(request: Request) -> bool:
    """Whether a client of Anthropic's shape asks."""
    return "anthropic-version" in request.headers


def _answer(request: Request, error: RouterError) -> Response:
    """The error in the shape that the client reads."""
    count_refusal(request.scope["path"].removeprefix(request.scope.get("root_path", "")), error.code)
    call_id = asgi.new_id()
    headers = {name.decode(): value.decode() for name, value in asgi.error_headers(error, call_id)}
    if _is_anthropic(request):
        status = OVERLOADED if error.status == 503 else error.status
        return Response(ANTHROPIC.complain(error, call_id), status_code=status, headers=headers)
    return Response(error_body(error, call_id), status_code=error.status, headers=headers)


async def _router_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RouterError)  # noqa: S101 - registered for it alone
    return _answer(request, error)


def _own(request: Request, error: HTTPException, routes: frozenset[str]) -> RouterError:
    """FastAPI's own refusals in the contract's words."""
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        return MethodNotAllowed("GET, HEAD" if "GET" in allowed else allowed)
    if error.status_code == 404:
        return NotFound(_no_route(request, routes))
    return NotReady("not now") if error.status_code >= 500 else CallerError("the request was refused")


def _no_route(request: Request, routes: frozenset[str]) -> str:
    root = request.scope.get("root_path", "")
    path = request.scope["path"].removeprefix(root)
    near = nearest(path, routes)
    shown = path[:200] if path.isascii() and path.isprintable() else "this path"
    told = f"{shown} is not a route of this service"
    return f"{told}; did you mean {root}{near}?" if near else f"{told}; GET {root}/ lists them"
