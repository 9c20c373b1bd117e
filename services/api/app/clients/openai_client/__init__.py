"""OpenAI's chat dialect, in both directions: `WIRE` speaks it to OpenAI, `FACE` to callers."""

from collections.abc import Mapping
from typing import Final

from ...domain.answer import Completion
from ...domain.request import ChatRequest
from ...domain.target import Target
from ...errors import RouterError
from ..common.protocols import Call, Face, Reader, Wire, Writer
from ..common.reading import EventReader
from .face import error_body
from .face import render as render_completion
from .failure import fault as read_fault
from .parse import parse as parse_body
from .quirks import QUIRKS, Quirk
from .repairs_reply import EditedTaker, edited
from .reply import decode as decode_body
from .request import Host, call_of, fields_of
from .stream import OpenAITaker
from .writer import OpenAIWriter


class OpenAIWire:
    """How we speak to OpenAI, and with another `host` to every other host of its dialect."""

    dialect = "openai"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._suited: dict[tuple[str, ...], Wire] = {}

    def suited(self, quirks: tuple[str, ...]) -> Wire:
        """This wire with the repairs that a host needs, made once for each list of them. Raises KeyError for unknown names."""
        if quirks not in self._suited:
            repairs = [QUIRKS[name] for name in quirks]
            active = any(quirk.request or quirk.reply for quirk in repairs)
            self._suited[quirks] = SuitedWire(self._host, repairs) if active else self
        return self._suited[quirks]

    def encode(self, request: ChatRequest, target: Target, stream: bool) -> Call:
        """The HTTP request for this conversation."""
        fields, dropped = fields_of(request, target, stream, self._host)
        return call_of(fields, target, stream, dropped)

    def decode(self, body: bytes) -> Completion:
        """A whole answer."""
        return decode_body(body)

    def reader(self) -> Reader:
        """A fresh reader for one streamed answer."""
        return EventReader(OpenAITaker(), decode_body)

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
        """The error a non-2xx answer means."""
        return read_fault(status, headers, body)


class SuitedWire(OpenAIWire):
    """How we speak to a host that needs repairs: its requests are mended before they go, its answers before they are read."""

    def __init__(self, host: Host, quirks: list[Quirk]) -> None:
        super().__init__(host)
        self._requests = [quirk.request for quirk in quirks if quirk.request is not None]
        self._replies = [quirk.reply for quirk in quirks if quirk.reply is not None]

    def encode(self, request: ChatRequest, target: Target, stream: bool) -> Call:
        """The HTTP request, mended."""
        fields, dropped = fields_of(request, target, stream, self._host)
        for repair in self._requests:
            dropped.update(repair(fields))
        return call_of(fields, target, stream, dropped)

    def decode(self, body: bytes) -> Completion:
        """A whole answer, mended; `raw` is what was read."""
        return decode_body(edited(body, [reply() for reply in self._replies]) if self._replies else body)

    def reader(self) -> Reader:
        """A fresh reader for one streamed answer, mended."""
        if not self._replies:
            return super().reader()
        return EventReader(EditedTaker([reply() for reply in self._replies]), self.decode)


class OpenAIFace:
    """How callers of OpenAI's dialect speak to us."""

    dialect = "openai"

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request."""
        return parse_body(body)

    def render(self, completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
        """The whole answer."""
        return render_completion(completion, request, call_id, created)

    def writer(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool = False) -> Writer:
        """A fresh writer for one streamed answer."""
        return OpenAIWriter(request, call_id, created, model, native)

    def complain(self, error: RouterError, request_id: str) -> bytes:
        """The error body."""
        return error_body(error, request_id)


WIRE: Final[Wire] = OpenAIWire(Host("max_completion_tokens", strict=True))
FACE: Final[Face] = OpenAIFace()
