"""Guard and routes see one path: slashes at its end are nothing, a proxy's prefix is nothing, any other path is told the right one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from app.access.keys import CallerKeys
from app.config.snapshot import Server
from app.endpoints.nearest import nearest
from app.server.door import Door
from app.server.guard import Guard
from support import Service, running, shipped

from .corpus import ROUTES
from .plain import plain_uvicorn, serving
from .wire import LAST, exchange, get, post

HOT = [path for path, (method, _) in ROUTES.items() if method == b"POST"]
COOL = [path for path, (method, _) in ROUTES.items() if method == b"GET"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("paths"), shipped()) as here:
        yield here


def asked(service: Service, path: str, prefix: str = "") -> int:
    method, body = ROUTES[path]
    return service.request(prefix + path, body or None, method=method.decode()).status


@pytest.mark.parametrize("path", ROUTES)
def test_slashes_at_the_end_are_tolerated(service: Service, path: str) -> None:
    for more in ("/", "//"):
        answer = service.request(path + more, ROUTES[path][1] or None)
        assert answer.status == 200, (path + more, answer.body)


WRONG = [
    ("/chat/completions", "/v1/chat/completions"),
    ("/completions", "/v1/chat/completions"),
    ("/v1/completions", "/v1/chat/completions"),
    ("/v1/chat", "/v1/chat/completions"),
    ("/v1/v1/chat/completions", "/v1/chat/completions"),
    ("//v1/chat/completions", "/v1/chat/completions"),
    ("/v1//chat//completions", "/v1/chat/completions"),
    ("/V1/Chat/Completions", "/v1/chat/completions"),
    ("/v1/chat/completion", "/v1/chat/completions"),
    ("/v1/chat/completions.", "/v1/chat/completions"),
    ("/v1/chat/completions;x", "/v1/chat/completions"),
    ("/api/v1/chat/completions", "/v1/chat/completions"),
    ("/openai/deployments/gpt-4o/chat/completions", "/v1/chat/completions"),
    ("/v1/v1/messages", "/v1/messages"),
    ("/messages", "/v1/messages"),
    ("/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"),
    ("/responses", "/v1/responses"),
    ("/embeddings", "/v1/embeddings"),
    ("/models", "/v1/models"),
    ("/V1/models", "/v1/models"),
    ("/v1/query", "/query"),
    ("/api/query", "/query"),
    ("/Query", "/query"),
    ("/quer", "/query"),
    ("/v1/route", "/route"),
    ("/healthz", "/health"),
    ("/readyz", "/ready"),
    ("/v1/health", "/health"),
    ("/./query", "/query"),
    ("/x/../query", "/query"),
    ("/x/%2e%2e/query", "/query"),
    ("/query%5cx/query", "/query"),
]


@pytest.mark.parametrize(("wrong", "right"), WRONG)
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_wrong_path_is_404_and_names_the_right_one(service: Service, wrong: str, right: str, method: bytes) -> None:
    refused, health = exchange(service.port, get(wrong, method=method), LAST)
    assert (refused.status, refused.code) == (404, "not_found") and health.status == 200
    assert refused.json()["error"]["message"].endswith(f"did you mean {right}?")
    assert "location" not in refused.fields, "nothing is redirected"


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/.env", "/wp-login.php", "/\xc3\xa9", "/" + "x/" * 100, "/%00", "/%ff"])
def test_a_path_that_is_near_nothing_is_told_where_the_routes_are_listed(service: Service, path: str) -> None:
    data = b"GET %b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path.replace("\xc3\xa9", "%C3%A9").encode()
    assert exchange(service.port, data)[0].json()["error"]["message"].endswith("GET / lists them")


def test_the_search_for_a_near_path_is_bounded() -> None:
    assert nearest("/" + "a" * 10_000, frozenset(ROUTES)) is None


def test_the_sdks_with_a_wrong_base_url_say_what_is_right(service: Service) -> None:
    with (
        openai.OpenAI(base_url=service.url, api_key="x", max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="did you mean /v1/chat/completions"),
    ):
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x"}])
    with (
        anthropic.Anthropic(base_url=service.url + "/v1", api_key="x", max_retries=0) as other,
        pytest.raises(anthropic.NotFoundError, match="did you mean /v1/messages"),
    ):
        other.messages.create(model="auto", max_tokens=9, messages=[{"role": "user", "content": "x"}])


# methods


@pytest.mark.parametrize("path", COOL)
def test_head_is_get_without_the_body(service: Service, path: str) -> None:
    whole, head, health = exchange(service.port, get(path), get(path, method=b"HEAD"), LAST, heads=(1,))
    changing = {"content-length"} if path == "/health" else set[str]()
    assert (head.status, head.body) == (200, b"") and health.json()["status"] == "ok"
    assert {k: v for k, v in head.fields.items() if k not in changing} == {
        k: v for k, v in whole.fields.items() if k not in changing
    }


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", [b"PUT", b"PATCH", b"DELETE", b"TRACE", b"OPTIONS", b"PROPFIND"])
def test_every_other_method_is_405_with_allow_and_runs_nothing(service: Service, path: str, method: bytes) -> None:
    refused, _ = exchange(service.port, get(path, method=method), LAST)
    assert (refused.status, refused.code) == (405, "method_not_allowed")
    if not path.startswith("/docs-assets"):
        assert refused.fields["allow"] == ("POST" if path in HOT else "GET, HEAD")


def test_head_of_what_takes_post_is_405(service: Service) -> None:
    for path in HOT:
        assert exchange(service.port, get(path, b"connection: close", method=b"HEAD"), heads=(0,))[0].status == 405


# a prefix in front


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("behind"), serving(root_path="/llm")) as here:
        yield here


def _everything_works(service: Service, prefix: str) -> None:
    for path in ROUTES:
        assert asked(service, path, prefix) == 200, prefix + path
    text = service.request(prefix + "/docs").body.decode()
    assert '"/llm/docs-assets/swagger-ui-bundle.js"' in text and "url: '/llm/openapi.json'" in text
    assert (
        service.request(prefix + "/chat/completions")
        .json()["error"]["message"]
        .endswith("did you mean /llm/v1/chat/completions?")
    )


@pytest.mark.parametrize("prefix", ["/llm", ""], ids=["not stripped", "stripped"])
def test_a_prefix_works_whether_the_proxy_strips_it_or_not(behind: Service, prefix: str) -> None:
    _everything_works(behind, prefix)


def test_what_only_begins_like_the_prefix_is_another_path(behind: Service) -> None:
    assert behind.request("/llmquery", b"{}").status == 404 and behind.request("/llm/llm/health").status == 404


@pytest.mark.parametrize(("options", "root"), [((), "/llm"), (("--root-path", "/llm/"), "")], ids=["by config", "by option"])
def test_a_prefix_works_under_plain_uvicorn(tmp_path: Path, options: tuple[str, ...], root: str) -> None:
    with plain_uvicorn(tmp_path, serving(root_path=root), *options) as service:
        _everything_works(service, "/llm")
        _everything_works(service, "")


def test_a_prefix_that_is_also_a_routes_beginning_hides_no_route(tmp_path: Path) -> None:
    with running(tmp_path, serving(root_path="/v1")) as service:
        for path in ("/v1/models", "/v1/models/auto", "/v1/v1/models", "/v1/health", "/health"):
            assert service.request(path).status == 200, path
        for path in ("/v1/chat/completions", "/v1/v1/chat/completions"):
            assert service.request(path, ROUTES["/v1/chat/completions"][1]).status == 200, path


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("keyed"), serving(root_path="/llm"), LLM_ROUTER_API_KEYS="k" * 40) as here:
        yield here


def test_what_needs_no_key_needs_none_behind_a_prefix_and_the_rest_does(keyed: Service) -> None:
    for path in ("/llm/health", "/llm/ready/", "/health"):
        assert keyed.request(path).status == 200, path
    for path in ("/llm/v1/models", "/llm/v1/models/", "/v1/models", "/llm/llm/health", "//health", "/llm//health"):
        assert keyed.request(path).status == 401, path


@pytest.mark.parametrize("host", [b"localhost", b"evil/?", b"x/#", b"localhost:8000", b"[::1]"])
def test_no_host_changes_what_a_path_needs(keyed: Service, host: bytes) -> None:
    """The path decides, never a URL that holds the Host."""
    for path in (b"/v1/models", b"/", b"//health", b"/v1/models?/health", b"/v1/models#/health"):
        data = b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % (path, host)
        assert exchange(keyed.port, data)[0].status in (400, 401), path


def test_an_application_that_another_server_runs_gets_the_same_paths() -> None:
    """Also where the server does not put its root path before the path."""
    seen: list[str] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    plan = Server(host="", port=0, root_path="", allowed_hosts=(), cors_origins=(), keepalive_seconds=15)
    door = Door(guard=Guard(CallerKeys(), lambda: plan), hot={"/query": endpoint})
    scope = {"type": "http", "method": "POST", "headers": [(b"host", b"localhost")], "client": None, "http_version": "1.1"}

    async def ask(path: str, root: str) -> None:
        await door({**scope, "path": path, "root_path": root}, None, None)

    for path, root in (("/query", ""), ("/query", "/llm"), ("/llm/query", "/llm"), ("/llm/llm/query/", "/llm")):
        asyncio.run(ask(path, root))
    assert seen == ["/query", "/llm/query", "/llm/query", "/llm/query"]


def test_post_bodies_do_not_leak_into_the_next_request_after_a_404(service: Service) -> None:
    smuggled = b"GET /docs HTTP/1.1\r\nhost: localhost\r\n\r\n"
    refused, health = exchange(service.port, post("/nothing", smuggled), LAST)
    assert (refused.status, health.json()["status"]) == (404, "ok")
