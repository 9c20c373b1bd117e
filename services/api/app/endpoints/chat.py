"""`POST /v1/chat/completions`: OpenAI's shape over HTTP. The shape itself is the OpenAI client's; here are our wishes around it."""

import time
from collections.abc import Mapping

import msgspec

from ..clients.common.protocols import Writer
from ..clients.openai_client import FACE
from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..errors import RouterError
from ..pipeline.settle import Settled
from ..pipeline.walk import Walk
from .query import decision_of
from .wishes import with_header_wishes

_encode = msgspec.json.Encoder().encode


class ChatShape:
    """OpenAI's chat completions."""

    face = "chat"

    def parse(self, body: bytes, headers: Mapping[bytes, bytes]) -> ChatRequest:
        """The body, with the wishes of `x-router-*` and `cache-control` where the body has none."""
        return with_header_wishes(FACE.parse(body), headers)

    def dry(self, walk: Walk) -> bytes | None:
        """This face always answers for real."""
        return None

    def whole(self, walk: Walk, completion: Completion, settled: Settled) -> bytes:
        """The provider's own body when it is of this dialect, else one spelled out; with `router` beside it when asked."""
        own = completion.raw if walk.passes else b""
        body = own or FACE.render(completion, walk.request, walk.asking.id, int(time.time()))
        if not walk.request.explain:
            return body
        record = settled.record
        told = {
            "decision": decision_of(walk),
            "attempts": record.attempts,
            "cost_usd": record.cost_usd,
            "score": record.score,
        }
        return body.rstrip()[:-1] + b',"router":' + _encode(told) + b"}"

    def writer(self, walk: Walk) -> Writer:
        """Chunks; the provider's own where it speaks this dialect."""
        model = walk.served.model_id if walk.served else walk.request.model
        return FACE.writer(walk.request, walk.asking.id, int(time.time()), model, walk.passes)

    def last(self, writer: Writer, walk: Walk, settled: Settled) -> bytes:
        """The real cost and who served, in a comment that SDKs skip, then the terminator."""
        record = settled.record
        cost = "unknown" if record.cost_nano_usd is None else f"{record.cost_nano_usd / 1e9:.9f}"
        return writer.finish(f"router id={record.id} model={record.served} cost_usd={cost}")

    def complain(self, error: RouterError, call_id: str) -> bytes:
        """OpenAI's error envelope."""
        return FACE.complain(error, call_id)
