"""Caller keys at the edge: on every route but `/health` and `/ready`, one text for every way of being wrong, loopback without keys."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from app.config.home import Environment
from app.server.door import Door
from app.service import create_app
from app.worker import Worker
from support import Answer, Service, child_env, free_port, running, shipped

FIRST, SECOND = "first-caller-" + "a" * 32, "second-caller-" + "b" * 32
OPEN = ["/health", "/ready", "/health/", "/health%2f", "/%72eady"]  # the guard and the routes see one path
GUARDED = [
    ("GET", "/"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/auto"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    ("GET", "/docs-assets/swagger-ui.css"),
    ("POST", "/query"),
    ("POST", "/route"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/query"),
    ("GET", "/no/such/path"),
    ("GET", "//health"),
    ("GET", "/HEALTH"),
    ("GET", "/health;x"),
    ("GET", "/./health"),
]
BODY = {"prompt": "x", "cache": "use"}
WRONG: list[tuple[str, dict[str, str]]] = [
    ("none", {}),
    ("empty", {"authorization": ""}),
    ("empty bearer", {"authorization": "Bearer "}),
    ("another key", {"authorization": "Bearer " + "c" * 45}),
    ("half a key", {"authorization": f"Bearer {FIRST[:-1]}"}),
    ("a key and more", {"authorization": f"Bearer {FIRST}x"}),
    ("both keys", {"authorization": f"Bearer {FIRST},{SECOND}"}),
    ("another scheme", {"authorization": f"Basic {FIRST}"}),
    ("no scheme", {"authorization": FIRST}),
    ("two headers", {"authorization": f"Bearer {FIRST}", "x-api-key": FIRST}),
    ("a wrong x-api-key", {"x-api-key": "c" * 45}),
    ("in another header", {"api-key": FIRST}),
    ("bytes beyond ASCII", {"authorization": "Bearer \xff\xfe"}),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("keys"), shipped(), LLM_ROUTER_API_KEYS=f"{FIRST}, {SECOND}") as here:
        yield here


def _ask(service: Service, method: str, path: str, headers: dict[str, str]) -> Answer:
    return service.request(path, BODY if method == "POST" else None, headers, method)


@pytest.mark.parametrize("path", OPEN)
def test_health_and_ready_need_no_key(service: Service, path: str) -> None:
    assert service.request(path).status == 200


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_other_route_needs_one(service: Service, method: str, path: str) -> None:
    answer = _ask(service, method, path, {})
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert _ask(service, method, path, {"authorization": f"Bearer {FIRST}"}).status != 401


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {SECOND}"}, {"authorization": f"bearer  {FIRST}"}, {"x-api-key": FIRST}]
)
def test_each_key_is_taken_as_bearer_or_x_api_key(service: Service, headers: dict[str, str]) -> None:
    assert _ask(service, "POST", "/query", headers).status == 200


@pytest.mark.parametrize("headers", [headers for _, headers in WRONG], ids=[name for name, _ in WRONG])
@pytest.mark.parametrize("path", ["/query", "/v1/models"])
def test_every_way_of_being_wrong_reads_the_same(service: Service, path: str, headers: dict[str, str]) -> None:
    answer = _ask(service, "POST" if path == "/query" else "GET", path, headers)
    told = answer.json()["error"]
    assert told.pop("request_id") == answer.headers["x-request-id"]
    assert (answer.status, told) == (
        401,
        {
            "type": "authentication_error",
            "code": "invalid_api_key",
            "message": "a valid caller key is needed: send it as `Authorization: Bearer ...` or `x-api-key`",
            "param": None,
        },
    )


def test_a_refused_call_leaves_no_record(service: Service) -> None:
    before = len(service.records())
    assert service.query("x").status == 401 and len(service.records()) == before


def test_the_sdk_raises_its_authentication_error(service: Service) -> None:
    def ask(key: str) -> Any:
        with openai.OpenAI(base_url=service.url + "/v1", api_key=key, max_retries=0) as client:
            return client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x"}])

    assert ask(FIRST).choices[0].message.content
    with pytest.raises(openai.AuthenticationError):
        ask("wrong")


def test_two_callers_do_not_share_cached_answers(service: Service) -> None:
    def state(key: str) -> str:
        return service.request("/query", {"prompt": "whose answer?"}, {"x-api-key": key}).headers["x-cache"]

    assert [state(FIRST), state(FIRST), state(SECOND), state(SECOND)] == ["miss", "hit", "miss", "hit"]


def test_no_caller_key_is_kept_anywhere(service: Service) -> None:
    _ask(service, "POST", "/query", {"x-api-key": FIRST})
    held = [file for file in service.home.rglob("*") if file.is_file() and FIRST[:20].encode() in file.read_bytes()]
    assert held == []


# without keys


def _app(home: Path, **env: str) -> Door:
    (home / "config.yaml").write_text(shipped())
    app = create_app(Worker(Environment(home, {"LLM_ROUTER_HOME": str(home), "LLM_ROUTER_QUIET": "1", **env}, frozenset())))
    assert isinstance(app, Door)
    return app


def _status(
    app: Door, client: tuple[str, int] | None, path: str = "/v1/models", headers: list[tuple[bytes, bytes]] | None = None
) -> int:
    """The status that a request from `client` gets, straight through the ASGI interface."""
    seen: list[int] = []
    sent = headers or []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": sent if any(name == b"host" for name, _ in sent) else [(b"host", b"localhost"), *sent],
        "client": client,
        "server": ("0.0.0.0", 8000),
    }
    asyncio.run(app(scope, receive, send))
    return seen[0]


LOCAL = ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]
REMOTE = ["10.0.0.7", "192.168.1.1", "8.8.8.8", "2001:db8::1", "::ffff:10.0.0.7", "127.evil.example", "1270.0.0.1", "0.0.0.0", ""]


@pytest.fixture(scope="module")
def open_app(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return _app(tmp_path_factory.mktemp("open"))


@pytest.mark.parametrize("host", LOCAL)
def test_without_keys_this_machine_is_let_in(open_app: Door, host: str) -> None:
    assert _status(open_app, (host, 1234)) == 200


def test_without_keys_a_unix_socket_is_let_in(open_app: Door) -> None:
    assert _status(open_app, None) == 200


@pytest.mark.parametrize("host", REMOTE)
def test_without_keys_another_machine_gets_403(open_app: Door, host: str) -> None:
    assert _status(open_app, (host, 1234)) == 403
    assert _status(open_app, (host, 1234), "/health") == 200


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"x-real-ip", b"forwarded", b"host"])
def test_no_header_makes_another_machine_this_one(open_app: Door, name: bytes) -> None:
    assert _status(open_app, ("10.0.0.7", 1234), headers=[(name, b"127.0.0.1")]) == 403


def test_with_keys_another_machine_comes_in_with_one(tmp_path: Path) -> None:
    app = _app(tmp_path, LLM_ROUTER_API_KEYS=FIRST)
    key = [(b"x-api-key", FIRST.encode())]
    assert (_status(app, ("10.0.0.7", 1), headers=key), _status(app, ("127.0.0.1", 1))) == (200, 401)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_serve_refuses_a_wide_bind_without_keys(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--host", host, "--port", str(free_port())]
    done = subprocess.run(
        command, env=child_env(LLM_ROUTER_HOME=str(tmp_path)), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
    assert "LLM_ROUTER_API_KEYS" in done.stderr and re.search(r"loopback", done.stderr)
