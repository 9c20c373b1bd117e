"""OpenAI's Responses dialect towards callers: `FACE`. There is no wire: providers are spoken to in the other dialects."""

from typing import Final

from ...domain.answer import Completion
from ...domain.request import ChatRequest
from ...errors import RouterError
from ..common.protocols import Face, Writer
from .complain import error_body
from .kit import DIALECT
from .parse import parse
from .render import render
from .writer import ResponsesWriter


class ResponsesFace:
    """How callers of the Responses API speak to us; stateless."""

    dialect = DIALECT

    def parse(self, body: bytes) -> ChatRequest:
        """The caller's request."""
        return parse(body)

    def render(self, completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
        """The whole answer, a `response` object."""
        return render(completion, request, call_id, created)

    def writer(self, request: ChatRequest, call_id: str, created: int, model: str, native: bool = False) -> Writer:
        """A fresh writer for one streamed answer; no deltas are of this dialect, so `native` never is."""
        return ResponsesWriter(request, call_id, created, model)

    def complain(self, error: RouterError, request_id: str) -> bytes:
        """The error body."""
        return error_body(error, request_id)


FACE: Final[Face] = ResponsesFace()
