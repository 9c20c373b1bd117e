"""Real sockets to real providers, through one pooled HTTP client. The only place where a secret meets a header.

Redirects are never followed (they would carry the key elsewhere), proxies of the environment are ignored, cookies are not kept,
answers are bounded. No dialect may be known here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from ..domain.target import Target
from ..errors import BadAnswer, DeadlineExceeded, ProviderAuth, ProviderError, ProviderUnreachable, TruncatedAnswer
from .common.protocols import Call, Deadlines, Reply

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_AUTH = {"bearer": ("authorization", "Bearer "), "x-api-key": ("x-api-key", ""), "x-goog-api-key": ("x-goog-api-key", "")}
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding")


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


class HttpTransport:
    """One client session of one event loop; opened at the first call, so that importing costs nothing.

    `key_of` gives the value of an environment variable, or None.
    """

    def __init__(self, key_of: Callable[[str], str | None]) -> None:
        self._key_of = key_of
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_SKIPPED,
                trust_env=False,
                auto_decompress=False,
                read_bufsize=2**17,
                trace_configs=[trace],
            )
        return self._session

    @asynccontextmanager
    async def open(self, call: Call, target: Target, deadlines: Deadlines) -> AsyncIterator[Reply]:
        """Send the call. Leaving the context before the body's end closes the connection."""
        headers = {**dict(call.headers), "accept-encoding": "identity", "user-agent": "llm-router"}
        if call.auth:
            name, prefix = _AUTH[call.auth]
            headers[name] = prefix + self._key(target)
        # a whole answer obeys `attempt` here; a stream's `first_token`, `idle` and `total` are kept by who reads it
        total = None if call.stream else deadlines.attempt
        timeout = aiohttp.ClientTimeout(total=total, sock_connect=deadlines.connect)
        response = await self._send(call, headers, timeout, target.provider)
        try:
            yield HttpReply(response, target.provider)
        finally:
            self._leave(response)

    def _leave(self, response: aiohttp.ClientResponse) -> None:
        """Back to the pool when the body was read to its end, closed otherwise."""
        if response.content.at_eof():
            response.release()
        else:
            response.close()

    async def _send(self, call: Call, headers: dict[str, str], limits: aiohttp.ClientTimeout, who: str) -> aiohttp.ClientResponse:
        reused: list[bool] = []
        for last in (False, True):
            try:
                return await self._opened().request(
                    "POST",
                    _url(call.url),
                    data=call.body,
                    headers=headers,
                    timeout=limits,
                    allow_redirects=False,
                    trace_request_ctx=reused,
                )
            except aiohttp.ConnectionTimeoutError:
                raise ProviderUnreachable(f"no connection to {who} within timeouts.connect") from None
            except TimeoutError:
                raise DeadlineExceeded(f"{who} took longer than timeouts.attempt allows") from None
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # a pooled connection that the host closed as we wrote: no answer can have begun, one fresh try is safe
                if last or not reused or isinstance(error, aiohttp.ClientConnectorError):
                    raise ProviderUnreachable(f"{who} cannot be reached or hung up before answering") from None
            except (aiohttp.ClientError, ValueError) as error:
                raise BadAnswer(f"{who} did not answer in HTTP ({type(error).__name__})") from None
        raise ProviderUnreachable(f"{who} hung up before answering")

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


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.append(True)
