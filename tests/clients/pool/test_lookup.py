"""Names that hang, fail or change: a call gives up in time, others do not wait, and the address that was told is dialled."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from app.clients.common.protocols import Call, Deadlines
from app.clients.pool.transport import PoolTransport
from app.errors import ProviderUnreachable
from raw_hosts import OK, ask, call_to, failure, hosting, playing

HURRIED = Deadlines(0.05, 5, 5, 5)
Answer = Callable[[], Awaitable[str]]


class Resolver:
    """Answers names as told and counts the questions; each answer is one address."""

    def __init__(self, transport: PoolTransport, **answers: Answer) -> None:
        self.asked: list[str] = []
        self.answers = answers
        self._true = transport.pool().loop.getaddrinfo
        transport.pool().loop.getaddrinfo = self.find  # type: ignore[method-assign]

    async def find(self, host: str, port: int, **wishes: int) -> object:
        self.asked.append(host)
        address = await self.answers[host]() if host in self.answers else host
        return await self._true(address, port, **wishes)


async def never() -> str:
    await asyncio.Event().wait()
    raise AssertionError


def to(name: str, port: int) -> Call:
    return Call(f"http://{name}:{port}/v1/chat", b"{}", (("content-type", "application/json"),), auth="bearer")


async def test_a_resolver_that_hangs_is_asked_once_and_holds_nobody_else_up(transport: PoolTransport) -> None:
    resolver = Resolver(transport, hanging=never)
    async with hosting(playing(OK)) as host:
        calls = [asyncio.ensure_future(failure(transport, to("hanging", host.port), HURRIED)) for _ in range(30)]
        await asyncio.sleep(0)
        assert await ask(transport, call_to(host.port)) == (200, b"hello")
        errors = await asyncio.gather(*calls)
        assert all(isinstance(error, ProviderUnreachable) and "timeouts.connect" in error.message for error in errors)
        await failure(transport, to("hanging", host.port), HURRIED)
    assert resolver.asked.count("hanging") == 1, "its threads are everybody's"


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL])
async def test_a_name_that_is_not_found_is_unreachable_and_asked_anew(transport: PoolTransport, code: int) -> None:
    async def missing() -> str:
        raise socket.gaierror(code, "as the resolver says")

    resolver = Resolver(transport, missing=missing)
    for _ in range(2):
        assert isinstance(await failure(transport, to("missing", 80)), ProviderUnreachable)
    assert resolver.asked == ["missing", "missing"]


async def test_the_address_that_was_told_is_the_one_that_is_dialled(transport: PoolTransport) -> None:
    """One question for one connection: an answer that changes in between has no chance."""
    async with hosting(playing(OK)) as told, hosting(playing(OK)) as other:
        addresses = iter(["127.0.0.1", "203.0.113.1"])

        async def changing() -> str:
            return next(addresses)

        resolver = Resolver(transport, changing=changing)
        assert await ask(transport, to("changing", told.port)) == (200, b"hello")
        assert resolver.asked.count("changing") == 1
        assert told.asked == 1
        assert await ask(transport, to("changing", told.port)) == (200, b"hello"), "the open connection needs no question"
        assert resolver.asked.count("changing") == 1
        assert other.asked == 0
