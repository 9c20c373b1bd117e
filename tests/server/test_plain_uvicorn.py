"""Under plain `uvicorn main:app`, with either of its parsers: what an application can see of a bad request, the guard refuses."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import SlowRequest
from app.server import patience
from app.server.patience import PatientReceive
from support import Service, shipped

from .corpus import END, HEAD, HOST, LENGTH, LINE, ROUTES, Case, cases
from .plain import plain_uvicorn
from .wire import LAST, exchange, post

PARSERS = ["httptools", "h11"]


@pytest.fixture(scope="module", params=PARSERS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with plain_uvicorn(tmp_path_factory.mktemp(request.param), shipped(), "--http", request.param) as here:
        yield here


# what both parsers hand to the application
SEEN = [
    Case("no Host", LINE + b"accept: */*\r\n" + END, (400,), closes=True),
    Case("two Hosts", LINE + HOST + b"host: example.com\r\n" + END, (400,), closes=True),
    Case("a Host with a path", LINE + b"host: evil/?\r\n" + END, (400,), closes=True),
    Case("a stranger's Host", LINE + b"host: evil.example\r\n" + END, (403,)),
    Case("a length and chunks", HEAD + LENGTH + b"transfer-encoding: chunked\r\n" + END + b"0\r\n\r\n", (400,), closes=True),
    Case("101 fields", HEAD + b"".join(b"x-%d: y\r\n" % i for i in range(101)) + END, (431,), closes=True),
    Case("a field of 66 KB", HEAD + b"x-a: " + b"b" * 66_000 + b"\r\n" + END, (431, 400), closes=True),  # h11 has a limit too
    Case("a coding that is none of ours", HEAD + LENGTH + b"content-encoding: br\r\n" + END + b"%B", (415, 200)),
]


@pytest.mark.parametrize("case", SEEN, ids=lambda case: case.name)
def test_the_guard_refuses_it_on_every_route(service: Service, case: Case) -> None:
    for path in ROUTES:
        replies = exchange(service.port, case.on(path), LAST)
        assert replies[0].status in case.statuses, (path, replies[0])
        assert len(replies) == (1 if case.closes else 2), (path, replies)


# uvicorn loses what follows a head that asks for an upgrade
ODD = [case for case in cases() if not case.closes and case.name not in ("a websocket", "HTTP/2 by upgrade")]


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_what_is_odd_but_sound_http_is_answered_cleanly(service: Service, case: Case) -> None:
    for path in ROUTES:
        for reply in exchange(service.port, case.on(path), LAST):
            assert reply.status < 500, (path, reply)
            plain = reply.fields.get("content-type", "").startswith("text/plain")  # uvicorn's own word, before we are asked
            assert reply.status < 400 or plain or reply.json()["error"]["message"], (path, reply)
    assert "Traceback" not in service.log()


def test_the_usual_requests_are_served(service: Service) -> None:
    for path, (method, body) in ROUTES.items():
        answer = service.request(path, body or None, method=method.decode())
        assert answer.status == 200, (path, answer.body)


def test_a_forwarded_address_opens_nothing(tmp_path: Path) -> None:
    """uvicorn believes a proxy on this machine by default: what it says can only take rights away."""
    with plain_uvicorn(tmp_path, shipped()) as service:
        for named, status in ((b"127.0.0.1", 200), (b"8.8.8.8", 403), (b"127.0.0.1, 8.8.8.8", 403)):
            reply = exchange(service.port, post("/route", b'{"prompt":"x"}', b"x-forwarded-for: " + named), LAST)[0]
            assert reply.status == status, (named, reply)


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(SlowRequest):
        await PatientReceive(never)()


async def test_each_piece_of_a_body_earns_time_and_after_it_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.0)
    messages = [{"type": "http.request", "body": b"x" * 10_000_000, "more_body": True}, {"type": "http.request", "body": b"y"}]
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    patient = PatientReceive(receive)
    patient._until += 5.0
    first, last, gone = [await patient() for _ in range(3)]
    assert (first["more_body"], last["body"], gone["type"]) == (True, b"y", "http.disconnect")
