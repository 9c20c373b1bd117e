"""`POST /query` and `POST /route`: our own face, whole, streamed and dry."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..clients.common.protocols import Writer
from ..clients.openai_client.face import error_body
from ..domain.answer import Completion, Delta, ToolCall
from ..domain.request import ChatRequest
from ..errors import RouterError
from ..pipeline.estimate import candidates, estimated_nano, explanation
from ..pipeline.settle import NANO, Settled
from ..pipeline.walk import Walk
from .headers import reason
from .pulse import COMMENT
from .query_body import parse_query
from .wishes import with_header_wishes

_encode = msgspec.json.Encoder().encode
BY_NAME_POLICY = "by-name"


class QueryShape:
    """Our own face. `always_dry` makes it `/route`: it decides and calls nobody."""

    face = "query"
    keepalive = COMMENT

    def __init__(self, always_dry: bool = False) -> None:
        self._always_dry = always_dry

    def parse(self, body: bytes, headers: Mapping[bytes, bytes]) -> ChatRequest:
        """The body, with the wishes of the headers where the body has none."""
        request = with_header_wishes(parse_query(body), headers)
        return msgspec.structs.replace(request, dry_run=True) if self._always_dry else request

    def dry(self, walk: Walk) -> bytes | None:
        """The decision alone, where no answer was wanted."""
        if not walk.request.dry_run:
            return None
        return _encode({**_head(walk), "decision": _explained(walk)})

    def whole(self, walk: Walk, completion: Completion, settled: Settled) -> bytes:
        """The whole reply."""
        return _encode({**_head(walk), "response": completion.text or completion.refusal, **_tail(completion, settled)})

    def writer(self, walk: Walk) -> Writer:
        """Writes `delta` events."""
        return QueryWriter()

    def last(self, writer: Writer, walk: Walk, settled: Settled) -> bytes:
        """The `done` event: the whole reply without its text."""
        completion = walk.completion or Completion()
        return b"event: done\ndata: " + _encode({**_head(walk), **_tail(completion, settled)}) + b"\n\n"

    def status(self, error: RouterError) -> int:
        """The error's own status."""
        return error.status

    def complain(self, error: RouterError, call_id: str) -> bytes:
        """The error envelope."""
        return error_body(error, call_id)


class QueryWriter:
    """Our own events: `delta` with text; `done` is the shape's, since it needs the settled call."""

    def write(self, delta: Delta) -> bytes:
        """One `delta` event, for pieces that hold text, be it a refusal's."""
        text = delta.text or delta.refusal
        return b"event: delta\ndata: " + _encode({"text": text}) + b"\n\n" if text and not delta.choice else b""

    def finish(self, comment: str = "") -> bytes:
        """Only the comment: `done` is written by the shape."""
        return f": {comment}\n\n".encode() if comment else b""

    def fail(self, error: RouterError, request_id: str) -> bytes:
        """The one `error` event."""
        return b"event: error\ndata: " + error_body(error, request_id) + b"\n\n"


def decision_of(walk: Walk) -> dict[str, Any]:
    """The decision for people: the sentence, the policy and each candidate."""
    return {**_sentence(walk), "candidates": candidates(walk)}


def _sentence(walk: Walk) -> dict[str, Any]:
    decision = walk.decision
    return {
        "reason": reason(walk),
        "policy": decision.policy if decision is not None else BY_NAME_POLICY,
        "session_model": decision.wishes.session_model if decision is not None else None,
    }


def _explained(walk: Walk) -> dict[str, Any]:
    """The decision for those who ask why: also what would have flipped it, and what it saves."""
    told = explanation(walk)
    if told is None:
        return decision_of(walk)
    modes, flips = told.modes, told.sentences
    return {**_sentence(walk), "candidates": told.candidates, "modes": modes, "saving": told.saving, "flips": flips}


def _head(walk: Walk) -> dict[str, Any]:
    """What is known once the call is decided."""
    target = walk.served or walk.targets[0]
    estimate = estimated_nano(walk)
    return {
        "id": walk.asking.id,
        "selected_model": {
            "name": target.name,
            "provider": target.provider,
            "model_id": target.model_id,
            "estimated_cost": None if estimate is None else estimate / NANO,
        },
        "prompt": walk.request.prompt,
        "mode": walk.mode,
        "decision": decision_of(walk),
        "mock": target.mock,
        "warnings": [*walk.warnings, *(f"{name} was left out: {target.name} does not take it" for name in walk.dropped)],
    }


def _called(call: ToolCall) -> dict[str, Any]:
    """A call in the spelling that `messages` and `tools` have, so that it can go straight back into the conversation."""
    called = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return {**called, "extra_content": {"google": {"thought_signature": call.signature}}} if call.signature else called


def _tail(completion: Completion, settled: Settled) -> dict[str, Any]:
    """What is known once the call has ended."""
    record = settled.record
    return {
        "finish_reason": record.finish_reason,
        "tool_calls": [_called(call) for call in completion.tool_calls] or None,
        "usage": {
            "input_tokens": record.tokens_in,
            "output_tokens": record.tokens_out,
            "cached_input_tokens": record.cached_tokens,
            "reasoning_tokens": record.reasoning_tokens,
        },
        "cost_usd": record.cost_usd,
        "saved_usd": record.saved_usd,
        "latency_ms": record.latency_ms,
        "cached": record.cache == "hit",
        "score": record.score,
        "score_reasons": record.score_reasons,
        "scorer": record.scorer,
        "attempts": record.attempts,
    }
