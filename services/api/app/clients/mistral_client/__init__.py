"""Mistral's chat dialect, in both directions: `WIRE` speaks it to Mistral, `FACE` to the mock."""

from collections.abc import Mapping
from typing import Final

from ...domain.answer import Completion
from ...domain.request import ChatRequest
from ...domain.target import Target
from ...errors import RouterError
from ..common.protocols import Call, Face, Reader, Wire, Writer
from ..common.reading import EventReader
from .face import complain as error_body
from .face import render as render_completion
from .fault import fault as read_fault
from .parse import parse as parse_body
from .reply import decode as decode_body
from .request import encode as encode_request
from .stream import MistralEvents, MistralWriter
from .words import DIALECT


class MistralWire:
    """How we speak to Mistral."""

    dialect = DIALECT

    def suited(self, quirks: tuple[str, ...]) -> Wire:
        """This wire: it has one host."""
        return self

    def encode(self, request: ChatRequest, target: Target, stream: bool) -> Call:
        """The HTTP request for this conversation."""
        return encode_request(request, target, stream)

    def decode(self, body: bytes) -> Completion:
        """A whole answer."""
        return decode_body(body)

    def reader(self) -> Reader:
        """A fresh reader for one streamed answer."""
        return EventReader(MistralEvents(), decode_body)

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
        """The error a non-2xx answer means."""
        return read_fault(status, headers, body)


class MistralFace:
    """How callers of Mistral's dialect speak to us."""

    dialect = DIALECT

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request."""
        return parse_body(body)

    def render(self, completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
        """The whole answer."""
        return render_completion(completion, request, call_id, created)

    def writer(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool = False) -> Writer:
        """A fresh writer for one streamed answer."""
        return MistralWriter(call_id, created, model, native)

    def complain(self, error: RouterError, request_id: str) -> bytes:
        """The error body."""
        return error_body(error, request_id)


WIRE: Final[Wire] = MistralWire()
FACE: Final[Face] = MistralFace()
