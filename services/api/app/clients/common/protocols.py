"""The seams between the router and the providers. Protocols only: an implementation belongs to its client."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from ...domain.answer import Completion, Delta
from ...domain.request import ChatRequest
from ...domain.target import Target
from ...errors import RouterError


class Call(Struct, frozen=True):
    """One HTTP request to a provider, without its secret.

    `auth` names the scheme (`bearer`, `x-api-key`, `x-goog-api-key`, or "" for hosts without keys); the transport takes the
    key from the environment variables named in the target. `dropped` are the caller's wishes this wire cannot carry.
    """

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    auth: str = "bearer"
    stream: bool = False
    dropped: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads one streamed answer. `feed` may get bytes split anywhere."""

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas completed by these bytes. Raises ProviderError for an error event or a malformed one."""
        ...

    def close(self) -> list[Delta]:
        """What was still held back; raises TruncatedAnswer when the dialect's terminator never came."""
        ...

    @property
    def done(self) -> bool:
        """Whether the terminator was seen; bytes after it are not read."""
        ...


class Wire(Protocol):
    """How we speak to a provider of one dialect. Pure: no socket, no clock, no secret."""

    dialect: str

    def suited(self, quirks: tuple[str, ...]) -> "Wire":
        """This wire with the repairs that a host needs; itself where there are none."""
        ...

    def encode(self, request: ChatRequest, target: Target, stream: bool) -> Call:
        """The HTTP request for this conversation. Starts from `request.original` when it is of this dialect."""
        ...

    def decode(self, body: bytes) -> Completion:
        """A whole answer (`raw` = body). Raises BadAnswer and its like when a 200 is not an answer."""
        ...

    def reader(self) -> Reader:
        """A fresh reader for one streamed answer."""
        ...

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
        """The error a non-2xx answer means. `headers` has lower-case names."""
        ...


class Writer(Protocol):
    """Writes one streamed answer to a caller."""

    def write(self, delta: Delta) -> bytes:
        """The bytes for this piece; b"" when it has nothing to show."""
        ...

    def finish(self, comment: str = "") -> bytes:
        """The end of the stream: an optional SSE comment (one line), then the terminator of the dialect."""
        ...

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """The one in-band error event that ends a broken stream; never the terminator of a good one."""
        ...


class Face(Protocol):
    """The other direction of a dialect: how callers of that dialect speak to us (and how the mock answers our wires)."""

    dialect: str

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request. Raises CallerError naming the field (`param`) to change."""
        ...

    def render(self, completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
        """The whole answer. `completion.raw` of this dialect's whole form is for the endpoint to send as it is."""
        ...

    def writer(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool = False) -> Writer:
        """A fresh writer for one streamed answer, shown as `model`; `native`: the deltas' `raw` is of this dialect, pass it."""
        ...

    def complain(self, error: RouterError, request_id: str) -> bytes:
        """The error body in this dialect's shape."""
        ...


class Reply(Protocol):
    """An open answer of a provider."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's headers, names in lower case."""
        ...

    async def read(self) -> bytes:
        """The whole body, bounded."""
        ...

    async def chunk(self) -> bytes:
        """The next bytes of the body as they arrive; b"" at its end."""
        ...


class Deadlines(Struct, frozen=True, gc=False):
    """Seconds left for one attempt: to connect, to the first token, between tokens, for the whole attempt."""

    connect: float
    first_token: float
    idle: float
    attempt: float


class Transport(Protocol):
    """The only holder of sockets, and the only place where a secret meets a header."""

    def open(self, call: Call, target: Target, deadlines: Deadlines) -> AbstractAsyncContextManager[Reply]:
        """Send the call; leaving the context closes the upstream. Raises ProviderUnreachable, DeadlineExceeded..."""
        ...

    async def close(self) -> None:
        """Close what is pooled."""
        ...
