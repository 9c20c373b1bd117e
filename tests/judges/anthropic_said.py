"""How Anthropic spells an answer. What it takes of a request stands elsewhere."""

import json
from typing import Any

from .asked import Asked
from .said import Overflow, Said, proof


def whole(said: Said, asked: Asked) -> bytes:
    """A whole answer."""
    if asked.path.endswith("/count_tokens"):
        return json.dumps({"input_tokens": said.counts.input}).encode()
    return json.dumps({**_message(said, asked), **said.fields}).encode()


def events(said: Said, asked: Asked) -> list[bytes]:
    """A streamed answer, event by event, the terminator last."""
    message = _message(said, asked)
    blocks = message["content"]
    begun, ended = _usages(said)
    started = {**message, "content": [], "stop_reason": None, "stop_details": None, "usage": begun}
    spoken = [_event("message_start", message={**started, **said.fields}), _event("ping")]
    for at, block in enumerate(blocks):
        spoken += _block_events(said, 3 * at + 2 if said.crowded else at, block)
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    return [*spoken, _event("message_delta", delta=delta, usage=ended), _event("message_stop")]


def _usages(said: Said) -> tuple[dict[str, Any], dict[str, Any]]:
    """The usage of the first event and of the last: the prompt in the first alone, or nothing before the last."""
    whole = _usage(said)
    output = {name: whole[name] for name in ("output_tokens", "output_tokens_details")}
    if said.counted == "first":
        return {**whole, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}}, output
    if said.counted == "last":
        return {"input_tokens": 0, "output_tokens": 0}, whole
    return {**whole, "output_tokens": 1}, whole


def broken() -> bytes:
    """The event that tells of a failure in the middle of a stream."""
    return _event("error", error={"type": "overloaded_error", "message": "the model is overloaded"})


def fault(said: Said) -> tuple[int, bytes]:
    """An HTTP failure: status and body."""
    failure = said.failure
    if isinstance(failure, Overflow):
        return 400, _error("invalid_request_error", f"prompt is too long: {failure.tokens} tokens > {failure.limit} maximum")
    assert failure is not None
    return failure.status, _error("overloaded_error" if failure.status in (503, 529) else "api_error", failure.message)


def refused(complaints: list[str]) -> tuple[int, bytes]:
    """What the provider says to a request that it does not take."""
    return 400, _error("invalid_request_error", "; ".join(complaints))


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_judged"}).encode()


def _message(said: Said, asked: Asked) -> dict[str, Any]:
    return {
        "id": f"msg_{asked.digest}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": _content(said, asked),
        "stop_reason": _stop(said),
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": said.refusal} if said.refusal else None,
        "usage": _usage(said),
    }


def _content(said: Said, asked: Asked) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought, "signature": proof("anthropic", asked.model)})
    if said.calls:
        content += [
            {"type": "tool_use", "id": call.id or f"toolu_{asked.digest}{at}", "name": call.name, "input": call.arguments}
            for at, call in enumerate(said.calls)
        ]
    elif not said.refusal and not said.blocked:
        content.append({"type": "text", "text": said.text})
    return content


def _stop(said: Said) -> str:
    if said.refusal or said.blocked:
        return "refusal"
    return "max_tokens" if said.finish == "length" else "tool_use" if said.calls else "end_turn"


def _usage(said: Said) -> dict[str, Any]:
    """Cached tokens are told beside `input_tokens`, not in it."""
    counts = said.counts
    return {
        "input_tokens": counts.input - counts.cached,
        "cache_read_input_tokens": counts.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": counts.output,
        "output_tokens_details": {"thinking_tokens": counts.reasoning},
    }


def _block_events(said: Said, at: int, block: dict[str, Any]) -> list[bytes]:
    kind = block["type"]
    if kind == "tool_use":
        begun = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *said.pieces(json.dumps(block["input"]))]]
    elif kind == "thinking":
        begun = {**block, "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in said.pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        begun = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in said.pieces(block["text"])]
    spoken = [_event("content_block_start", index=at, content_block=begun)]
    spoken += [_event("content_block_delta", index=at, delta=delta) for delta in deltas]
    return [*spoken, _event("content_block_stop", index=at)]


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()
