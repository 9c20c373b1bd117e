"""`POST /v1/embeddings`: OpenAI's shape over HTTP, for rows of kind embedding. How vectors are got may not enter."""

from collections.abc import Callable, Mapping

from ..clients.embedding.parse import parse
from ..clients.embedding.render import render
from ..clients.openai_client.face import error_body
from ..domain.embedding import EmbedRequest
from ..errors import RouterError
from ..pipeline.embed import Embedding, begin
from ..pipeline.house import House
from ..pipeline.walk import Asking
from . import asgi
from .border import Border
from .headers import reply_headers
from .sdk import explained
from .wishes import with_header_wishes


class EmbeddingsEnvelope:
    """OpenAI's way of failing."""

    face = "embeddings"

    def status(self, error: RouterError) -> int:
        """The error's own status."""
        return error.status

    def complain(self, error: RouterError, call_id: str) -> bytes:
        """OpenAI's error envelope."""
        return error_body(error, call_id)


class EmbeddingEndpoint(Border[Embedding, EmbedRequest]):
    """The raw ASGI endpoint. `house_of` gives the worker's house, or raises NotReady."""

    def __init__(self, house_of: Callable[[], House]) -> None:
        super().__init__(EmbeddingsEnvelope(), house_of)

    def _parsed(self, body: bytes, headers: Mapping[bytes, bytes]) -> EmbedRequest:
        return parse(body)

    def _opened(self, house: House, asking: Asking, parsed: EmbedRequest, headers: Mapping[bytes, bytes]) -> Embedding:
        walk = begin(house, asking, parsed)
        walk.request = with_header_wishes(walk.request, headers)
        return Embedding(house, walk, parsed)

    async def _answered(self, serving: Embedding, attendance: asgi.Attendance, send: asgi.Send) -> None:
        embedded = await serving.embed()
        attendance.stop()
        settled = await serving.settled("answered", 200)
        walk, record = serving.walk, settled.record
        body = render(embedded, record.model_id or walk.request.model, record.tokens_in)
        if walk.request.explain:
            body = explained(body, walk, settled)
        await asgi.answer(send, 200, reply_headers(walk, settled), body)
