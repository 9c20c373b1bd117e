"""CORS for the configured origins, on every answer of every route, and for nobody else."""

from collections.abc import Iterator

import pytest

from support import Service, running, shipped
from test_contract import REPLY_HEADERS

from .corpus import ROUTES
from .plain import plain_uvicorn, serving
from .wire import LAST, Reply, exchange, get, post

OURS, FOREIGN = b"origin: https://app.example.com", b"origin: https://evil.example"
KEY = "k" * 40
HEADERS = b"access-control-request-headers: authorization, content-type, x-stainless-os"
QUESTION = b"access-control-request-method: POST"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("closed"), shipped()) as here:
        yield here


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = serving(cors_origins=["https://app.example.com", "http://localhost:3000"])
    with running(tmp_path_factory.mktemp("shared"), config, LLM_ROUTER_API_KEYS=KEY) as here:
        yield here


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with plain_uvicorn(tmp_path_factory.mktemp("wide"), serving(cors_origins=["*"])) as here:
        yield here


def request(path: str, *fields: bytes, key: bool = True) -> bytes:
    method, body = ROUTES[path]
    more = (*fields, b"x-api-key: " + KEY.encode()) if key else fields
    return post(path, body, *more) if method == b"POST" else get(path, *more)


def cors_of(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.fields.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("origin", [OURS, FOREIGN, b"origin: null"])
def test_by_default_no_answer_carries_a_word_of_cors(closed: Service, path: str, origin: bytes) -> None:
    actual, asked, _ = exchange(closed.port, request(path, origin), get(path, origin, QUESTION, HEADERS, method=b"OPTIONS"), LAST)
    assert (actual.status, asked.status, cors_of(actual), cors_of(asked)) == (200, 405, {}, {})


@pytest.mark.parametrize("path", ROUTES)
def test_a_listed_origin_reads_every_answer_and_our_headers(shared: Service, path: str) -> None:
    replies = exchange(shared.port, request(path, OURS), request(path, OURS, key=False), LAST)[:2]
    assert [reply.status for reply in replies] == [200, 200 if path in ("/health", "/ready") else 401]
    for reply in replies:
        assert reply.fields["access-control-allow-origin"] == "https://app.example.com" and reply.fields["vary"] == "origin"
        exposed = set(reply.fields["access-control-expose-headers"].split(", "))
        assert exposed == {name for name in REPLY_HEADERS if name.startswith("x-")} | {"request-id", "retry-after"}
        assert "access-control-allow-credentials" not in reply.fields


@pytest.mark.parametrize("path", [*ROUTES, "/nothing"])
def test_a_preflight_of_a_listed_origin_is_answered_without_a_key(shared: Service, path: str) -> None:
    asked, _ = exchange(shared.port, get(path, OURS, QUESTION, HEADERS, method=b"OPTIONS"), LAST)
    assert asked.status == 204
    told = cors_of(asked)
    assert told.pop("access-control-allow-headers") == "authorization, content-type, x-stainless-os"
    assert "POST" in told["access-control-allow-methods"] and int(told["access-control-max-age"]) > 0
    assert told["access-control-allow-origin"] == "https://app.example.com"


@pytest.mark.parametrize(
    "origin",
    [FOREIGN, b"origin: null", b"origin: https://app.example.com.evil.example", b"origin: http://app.example.com", b"x-y: z"],
)
def test_a_foreign_origin_is_told_nothing(shared: Service, origin: bytes) -> None:
    asked, actual, _ = exchange(
        shared.port, get("/query", origin, QUESTION, HEADERS, method=b"OPTIONS"), request("/query", origin), LAST
    )
    assert (asked.status, asked.code, actual.status) == (405, "method_not_allowed", 200)
    assert cors_of(asked) == cors_of(actual) == {} and actual.fields["vary"] == "origin"


def test_options_that_is_no_preflight_is_405(shared: Service) -> None:
    assert exchange(shared.port, get("/query", OURS, method=b"OPTIONS"), LAST)[0].status == 405


def test_a_hostile_wish_for_headers_is_not_repeated(shared: Service) -> None:
    for wish in (b"x" * 3000, b"a: b", b"a; b", b"\xff"):
        fields = (OURS, QUESTION, b"access-control-request-headers: " + wish)
        asked, _ = exchange(shared.port, get("/query", *fields, method=b"OPTIONS"), LAST)
        assert asked.status == 204 and "access-control-allow-headers" not in asked.fields


def test_a_stream_and_a_failed_call_are_shared_too(shared: Service) -> None:
    key = b"x-api-key: " + KEY.encode()
    bodies = (b'{"prompt":"x","stream":true}', b'{"prompt":"x","model":"nobody"}', b"{}")
    for body, status in zip(bodies, (200, 404, 400), strict=True):
        reply = exchange(shared.port, post("/query", body, OURS, key), LAST)[0]
        assert (reply.status, reply.fields["access-control-allow-origin"]) == (status, "https://app.example.com")


@pytest.mark.parametrize("path", ROUTES)
def test_a_star_shares_with_all_also_under_plain_uvicorn(wide: Service, path: str) -> None:
    asked, actual = exchange(
        wide.port, get(path, FOREIGN, QUESTION, method=b"OPTIONS"), request(path, FOREIGN, b"connection: close", key=False)
    )
    assert (asked.status, actual.status) == (204, 200)
    assert asked.fields["access-control-allow-origin"] == actual.fields["access-control-allow-origin"] == "*"
    assert "vary" not in actual.fields
