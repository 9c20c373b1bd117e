"""The transport over our own pool: `HttpTransport`'s promises for a fraction of its CPU time. A secret meets a header here alone.

Redirects are never followed (they would carry the key elsewhere), proxies of the environment are ignored, cookies are not kept,
answers are bounded. No dialect may be known here.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from ...domain.target import Target
from ...errors import DeadlineExceeded, NotConnected, ProviderAuth, ProviderUnreachable
from ..common.protocols import Call, Deadlines, Reply
from .answer import Answer
from .connection import Connection
from .message import Place, address, request
from .pool import Pool

_AUTH = {"bearer": "authorization: Bearer ", "x-api-key": "x-api-key: ", "x-goog-api-key": "x-goog-api-key: "}
_LATE = "took longer than timeouts.attempt allows"


class _Opening:
    """One call under way, as a context: entering sends it, leaving lets go of its connection."""

    __slots__ = ("_answer", "_call", "_connection", "_deadlines", "_end", "_place", "_pool", "_target", "_timer", "_transport")

    def __init__(self, transport: "PoolTransport", call: Call, target: Target, deadlines: Deadlines) -> None:
        self._transport = transport
        self._call = call
        self._target = target
        self._deadlines = deadlines
        self._answer: Answer | None = None
        self._connection: Connection | None = None
        self._end: float | None = None
        self._place: Place | None = None
        self._pool: Pool | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Answer:
        transport = self._transport
        message, self._place = transport.message(self._call, self._target)
        self._pool = pool = transport.pool()
        if not self._call.stream:
            # a whole answer obeys `attempt` here; a stream's `first_token`, `idle` and `total` are kept by who reads it
            self._end = pool.loop.time() + self._deadlines.attempt
        try:
            kept = pool.idle(self._place)
            if kept is not None:
                try:
                    return await self._ask(pool, kept, message)
                except ProviderUnreachable:
                    # a kept connection that the host closed as we wrote: without a byte of an answer one fresh try is safe
                    if self._answer is None or self._answer.begun:
                        raise
                    self._leave()
            return await self._ask(pool, await self._connected(pool, self._place), message)
        except BaseException:
            self._leave()
            raise

    async def _ask(self, pool: Pool, connection: Connection, message: bytes) -> Answer:
        """The open answer on this connection."""
        self._connection = connection
        self._answer = answer = Answer(self._target.provider, pool.turns)
        if self._end is not None:
            self._timer = pool.loop.call_at(self._end, self._expire)
        connection.send(message, answer)
        await answer.head()
        return answer

    async def _connected(self, pool: Pool, place: Place) -> Connection:
        who = self._target.provider
        seconds = self._deadlines.connect
        left = seconds if self._end is None else self._end - pool.loop.time()
        try:
            return await pool.fresh(place, min(seconds, left))
        except TimeoutError:
            if left < seconds:
                raise DeadlineExceeded(f"{who} {_LATE}") from None
            raise NotConnected(f"no connection to {who} within timeouts.connect") from None
        except ssl.SSLCertVerificationError as error:
            raise ProviderUnreachable(f"no secure connection to {who}: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise ProviderUnreachable(f"no secure connection to {who}: {error.reason}") from None
        except (OSError, ValueError) as error:
            raise NotConnected(f"{who} cannot be reached ({type(error).__name__})") from None

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self._connection = self._connection, None
        if connection is not None and self._pool is not None and self._place is not None:
            self._pool.leave(connection, self._place)

    def _expire(self) -> None:
        if self._answer is not None:
            self._answer.fail(DeadlineExceeded, _LATE)


class PoolTransport:
    """One pool of one event loop; opened at the first call, so that importing costs nothing.

    `key_of` gives the value of an environment variable, or None.
    """

    def __init__(self, key_of: Callable[[str], str | None]) -> None:
        self._key_of = key_of
        self._pool: Pool | None = None

    def open(self, call: Call, target: Target, deadlines: Deadlines) -> AbstractAsyncContextManager[Reply]:
        """Send the call. Leaving the context before the body's end closes the connection.

        Entering raises ProviderUnreachable, DeadlineExceeded, BadAnswer, or ProviderAuth when no fit key is set.
        """
        return _Opening(self, call, target, deadlines)

    def pool(self) -> Pool:
        """The pool, bound to the running loop at the first call."""
        if self._pool is None:
            self._pool = Pool(asyncio.get_running_loop())
        return self._pool

    @property
    def connections(self) -> tuple[int, int]:
        """Connections that carry a call, and those that wait for one."""
        return self._pool.counts if self._pool is not None else (0, 0)

    def message(self, call: Call, target: Target) -> tuple[bytes, Place]:
        """The request's bytes and where they go."""
        secret = f"{_AUTH[call.auth]}{self._key(target)}\r\n" if call.auth else ""
        try:
            return request(call.url, call.headers, secret, call.body), address(call.url).place
        except ValueError as error:
            raise ProviderUnreachable(f"{target.provider} cannot be reached: {error}") from None

    def _key(self, target: Target) -> str:
        for name in target.key_env:
            key = self._key_of(name)
            if key:
                if not (key.isascii() and key.isprintable()):
                    raise ProviderAuth(f"the key for {target.provider} holds characters that no header may carry: mend {name}")
                return key
        raise ProviderAuth(f"no key for {target.provider}: set {' or '.join(target.key_env)}")

    async def close(self) -> None:
        """Close the pool."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
            await asyncio.sleep(0)  # lets the transports' own close callbacks run
