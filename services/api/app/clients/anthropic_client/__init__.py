"""Anthropic's Messages dialect, in both directions: `WIRE` speaks it to Anthropic, `FACE` to callers."""

from collections.abc import Mapping
from typing import Final

from ...domain.answer import Completion
from ...domain.request import ChatRequest
from ...domain.target import Target
from ...errors import RouterError
from ..common.protocols import Call, Face, Reader, Wire, Writer
from ..common.reading import EventReader
from .count import encode_count, held_count, render_count
from .face import complain as error_body
from .face import render as render_completion
from .parse import parse as parse_body
from .parse import parse_count
from .reply import decode as decode_body
from .reply import fault as read_fault
from .request import encode as encode_request
from .stream import AnthropicEvents
from .writer import PING, AnthropicWriter

__all__ = ["FACE", "PING", "WIRE", "encode_count", "held_count", "parse_count", "render_count"]


class AnthropicWire:
    """How we speak to Anthropic."""

    dialect = "anthropic"

    def suited(self, quirks: tuple[str, ...]) -> Wire:
        """Itself: no host of this dialect needs repairs."""
        return self

    def encode(self, request: ChatRequest, target: Target, stream: bool) -> Call:
        """The HTTP request for this conversation."""
        return encode_request(request, target, stream)

    def decode(self, body: bytes) -> Completion:
        """A whole answer."""
        return decode_body(body)

    def reader(self) -> Reader:
        """A fresh reader for one streamed answer."""
        return EventReader(AnthropicEvents(), decode_body)

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
        """The error a non-2xx answer means."""
        return read_fault(status, headers, body)


class AnthropicFace:
    """How callers of Anthropic's dialect speak to us."""

    dialect = "anthropic"

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request."""
        return parse_body(body)

    def render(self, completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
        """The whole answer; this dialect shows no time."""
        return render_completion(completion, request, call_id)

    def writer(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool = False) -> Writer:
        """A fresh writer for one streamed answer."""
        return AnthropicWriter(call_id, model, native)

    def complain(self, error: RouterError, request_id: str) -> bytes:
        """The error body."""
        return error_body(error, request_id)


WIRE: Final[Wire] = AnthropicWire()
FACE: Final[Face] = AnthropicFace()
