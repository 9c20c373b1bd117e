"""Which names the service answers to: no web page reaches it through a name of its own (DNS rebinding)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import CallerError, HostRefused
from app.server import head
from app.server.hosts import Hosts
from support import Service, running, shipped

from .plain import plain_uvicorn, serving
from .wire import exchange

KEY = "k" * 40
LOCAL = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "app.localhost",
    "127.0.0.1",
    "[::1]",
    "10.0.0.7",
    "testserver",
    "router",
    "[::ffff:10.0.0.7]",
]
FOREIGN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "127.0.0.1.evil.example",
    "evil.example.",
    "127.1",
    "a.b",
]


def status(service: Service, host: str, path: str = "/v1/models") -> int:
    data = f"GET {path} HTTP/1.1\r\nhost: {host}\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n"
    return exchange(service.port, data.encode())[0].status


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("keyless"), shipped()) as here:
        yield here


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("port", ["", ":8000"])
def test_without_keys_names_that_are_local_matters_are_ours(keyless: Service, host: str, port: str) -> None:
    assert status(keyless, host + port) == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_without_keys_a_name_that_a_stranger_can_point_here_is_refused_on_every_route(keyless: Service, host: str) -> None:
    for path in ("/v1/models", "/", "/docs", "/nothing", "/health", "/ready"):
        assert status(keyless, host, path) == 403
    data = f"POST /query HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    refused = exchange(keyless.port, data.encode())[0]
    assert refused.code == "host_not_allowed" and "server.allowed_hosts" in refused.json()["error"]["message"]


def test_with_keys_any_name_is_ours(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), LLM_ROUTER_API_KEYS=KEY) as service:
        assert [status(service, host) for host in [*LOCAL, *FOREIGN]] == [200] * (len(LOCAL) + len(FOREIGN))


@pytest.mark.parametrize("keys", [{}, {"LLM_ROUTER_API_KEYS": KEY}], ids=["without keys", "with keys"])
def test_listed_names_are_ours_and_no_other(tmp_path: Path, keys: dict[str, str]) -> None:
    config = serving(allowed_hosts=["api.example.com", "*.example.org", "192.0.2.1", "::1"])
    with plain_uvicorn(tmp_path, config, **keys) as service:
        for host in ("api.example.com", "API.Example.com:443", "a.example.org", "a.b.example.org", "192.0.2.1", "[::1]:8000"):
            assert status(service, host) == 200, host
        for host in ("example.com", "x.api.example.com", "example.org", "xexample.org", "localhost", "127.0.0.1", "evil.example"):
            assert status(service, host) == 403, host


def test_probes_may_come_by_address_whatever_is_listed(tmp_path: Path) -> None:
    with running(tmp_path, serving(allowed_hosts=["api.example.com", "127.0.0.1"])) as service:
        for path in ("/health", "/ready"):
            assert (status(service, "10.0.0.7:8000", path), status(service, "evil.example", path)) == (200, 403)


def test_a_star_allows_any_name_without_keys_too() -> None:
    for host in [*LOCAL, *FOREIGN]:
        name = head.host_name(host.encode())
        assert name
        Hosts(("*",), keyed=False).refuse(name, probe=False)


def test_a_refusal_is_not_kept_from_those_who_ask_again() -> None:
    hosts = Hosts((), keyed=False)
    for _ in range(2):
        with pytest.raises(HostRefused):
            hosts.refuse("evil.example", probe=False)


@pytest.mark.parametrize(("host", "name"), [(b"a_b.c:1", "a_b.c"), (b"X.", "x"), (b"[::1]:80", "::1"), (b"1.2.3.4", "1.2.3.4")])
def test_a_host_is_read_without_port_brackets_and_final_dot(host: bytes, name: str) -> None:
    assert head.host_name(host) == name


@pytest.mark.parametrize(
    "host", [b"", b".", b":80", b"a b", b"a/b", b"a?b", b"a#b", b"a@b", b"a,b", b"\xff", b"a:b", b"[a]", b"a:1:2", b"%61"]
)
def test_what_is_no_host_is_none(host: bytes) -> None:
    assert head.host_name(host) is None


def test_exactly_one_host_but_for_http_1_0() -> None:
    assert head.sole_host([], "1.0") is None and head.sole_host([(b"host", b"x")], "1.1") == b"x"
    for fields, version in (([], "1.1"), ([], "0.9"), ([(b"host", b"x")] * 2, "1.1"), ([(b"host", b"x")] * 2, "1.0")):
        with pytest.raises(CallerError):
            head.sole_host(fields, version)
