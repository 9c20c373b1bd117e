"""Real sockets to real providers, through one pooled HTTP client. The only place where a secret meets a header.

Redirects are never followed (they would carry the key elsewhere), proxies of the environment are ignored, cookies are not kept,
answers are bounded. No dialect may be known here.
"""

import asyncio
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from ..domain.target import Target
from ..errors import BadAnswer, DeadlineExceeded, NotConnected, ProviderAuth, ProviderError, ProviderUnreachable, TruncatedAnswer
from .common.protocols import Call, Deadlines, Reply

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_AUTH = {"bearer": ("authorization", "Bearer "), "x-api-key": ("x-api-key", ""), "x-goog-api-key": ("x-goog-api-key", "")}
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding")


_COMMON = {"accept-encoding": "identity", "user-agent": "llm-router"}


@lru_cache(maxsize=64)
def _limits(total: float | None, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total, sock_connect=connect)


@lru_cache(maxsize=1024)
def _url(text: str) -> URL:
    return URL(text, encoded=True)


class HttpReply:
    """An open answer of a real provider."""

    __slots__ = ("_response", "_who", "status")

    def __init__(self, response: aiohttp.ClientResponse, who: str) -> None:
        self._response = response
        self._who = who
        self.status = response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, names in lower case."""
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def read(self) -> bytes:
        """The whole body. Raises BadAnswer when it is larger than MAX_RESPONSE_BYTES, TruncatedAnswer when it breaks off."""
        length = self._response.content_length
        if length is None or length > MAX_RESPONSE_BYTES:
            pieces: list[bytes] = []
            size = 0
            while piece := await self.chunk():
                size += len(piece)
                if size > MAX_RESPONSE_BYTES:
                    raise BadAnswer(f"{self._who} sent more than {MAX_RESPONSE_BYTES} bytes")
                pieces.append(piece)
            return b"".join(pieces)
        try:
            return await self._response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error, self._who) from None

    async def chunk(self) -> bytes:
        """The next bytes of the body; b"" at its end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error, self._who) from None


def _broken(error: Exception, who: str) -> ProviderError:
    if isinstance(error, TimeoutError):
        return DeadlineExceeded(f"{who} took longer than timeouts.attempt allows")
    return TruncatedAnswer(f"{who} broke its answer off")


class _Connector(aiohttp.TCPConnector):
    """A pool that remembers whether a task's connection had served before: only then may a lost call be sent again.

    aiohttp's own tracing would tell as much, at the price of a dozen awaited hooks per call.
    """

    def __init__(self) -> None:
        super().__init__(limit=0, keepalive_timeout=30, ttl_dns_cache=60)
        self._used: weakref.WeakSet[Any] = weakref.WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's signature
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        if protocol in self._used:
            _reused.get().append(True)
        else:
            self._used.add(protocol)
        return connection


# what a call's connector tells its sender: not empty = the connection had served before
_reused: ContextVar[list[bool]] = ContextVar("reused")


class _Opening:
    """One call under way, as a context: entering sends it, leaving lets go of its connection."""

    __slots__ = ("_call", "_deadlines", "_response", "_target", "_transport")

    def __init__(self, transport: "HttpTransport", call: Call, target: Target, deadlines: Deadlines) -> None:
        self._transport = transport
        self._call = call
        self._target = target
        self._deadlines = deadlines
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> HttpReply:
        self._response = await self._transport.send(self._call, self._target, self._deadlines)
        return HttpReply(self._response, self._target.provider)

    async def __aexit__(self, *_: object) -> None:
        response = self._response
        if response is None:
            return
        # back to the pool when the body was read to its end, closed otherwise
        if response.content.at_eof():
            response.release()
        else:
            response.close()


class HttpTransport:
    """One client session of one event loop; opened at the first call, so that importing costs nothing.

    `key_of` gives the value of an environment variable, or None.
    """

    def __init__(self, key_of: Callable[[str], str | None]) -> None:
        self._key_of = key_of
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_SKIPPED,
                trust_env=False,
                auto_decompress=False,
                read_bufsize=2**17,
            )
        return self._session

    def open(self, call: Call, target: Target, deadlines: Deadlines) -> AbstractAsyncContextManager[Reply]:
        """Send the call. Leaving the context before the body's end closes the connection."""
        return _Opening(self, call, target, deadlines)

    async def send(self, call: Call, target: Target, deadlines: Deadlines) -> aiohttp.ClientResponse:
        """The open answer. Raises ProviderUnreachable, DeadlineExceeded, BadAnswer, or ProviderAuth when no key is set."""
        headers = _COMMON | dict(call.headers)
        if call.auth:
            name, prefix = _AUTH[call.auth]
            headers[name] = prefix + self._key(target)
        # a whole answer obeys `attempt` here; a stream's `first_token`, `idle` and `total` are kept by who reads it
        limits = _limits(None if call.stream else deadlines.attempt, deadlines.connect)
        session = self._opened()
        reused: list[bool] = []
        _reused.set(reused)
        for last in (False, True):
            try:
                return await session.request(
                    "POST", _url(call.url), data=call.body, headers=headers, timeout=limits, allow_redirects=False
                )
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # a pooled connection that the host closed as we wrote: no answer can have begun, one fresh try is safe
                if last or not (reused and _hung_up(error)):
                    raise _unsent(error, target.provider) from None
        raise ProviderUnreachable(f"{target.provider} hung up before answering")

    def _key(self, target: Target) -> str:
        for name in target.key_env:
            key = self._key_of(name)
            if key:
                return key
        raise ProviderAuth(f"no key for {target.provider}: set {' or '.join(target.key_env)}")

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # lets the transports' own close callbacks run
            self._session = None


def _hung_up(error: Exception) -> bool:
    return isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


def _unsent(error: Exception, who: str) -> ProviderError:
    """The meaning of a call that got no answer at all."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return NotConnected(f"no connection to {who} within timeouts.connect")
    if isinstance(error, TimeoutError):
        return DeadlineExceeded(f"{who} took longer than timeouts.attempt allows")
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        return NotConnected(f"{who} cannot be reached")
    if isinstance(error, OSError) or _hung_up(error):
        return ProviderUnreachable(f"{who} cannot be reached or hung up before answering")
    return BadAnswer(f"{who} did not answer in HTTP ({type(error).__name__})")
