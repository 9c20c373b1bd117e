"""How OpenAI, and a host that speaks its dialect, spells an answer. What it takes of a request stands elsewhere."""

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from .asked import Asked
from .said import Overflow, Said

_CREATED = 1_767_225_600


def whole(said: Said, asked: Asked) -> bytes:
    """A whole answer."""
    if asked.path == "/embeddings":
        return _embeddings(asked)
    choices = [
        {
            "index": place,
            "message": _message(said, place, asked),
            "logprobs": _logprobs(said),
            "finish_reason": _finish(said),
        }
        for place in range(asked.body.get("n") or 1)
    ]
    body = {**_head(asked, "chat.completion"), "choices": choices, "usage": _usage(said), **said.fields}
    return json.dumps(body).encode()


def events(said: Said, asked: Asked) -> list[bytes]:
    """A streamed answer, event by event, the terminator last."""
    head = _head(asked, "chat.completion.chunk")
    usage = bool((asked.body.get("stream_options") or {}).get("include_usage"))
    chunks = [
        {**head, "choices": [choice], **({"usage": None} if usage else {}), **said.fields} for choice in _choices(said, asked)
    ]
    if usage and said.counted in ("first", "last"):
        chunks[0 if said.counted == "first" else -1]["usage"] = _usage(said)
    elif usage:
        chunks.append({**head, "choices": [], "usage": _usage(said)})
    return [*map(_event, chunks), b"data: [DONE]\n\n"]


def _choices(said: Said, asked: Asked) -> Iterator[dict[str, Any]]:
    """The pieces of all answers, which take turns."""
    answers = [[*_deltas(said, asked, place), ({}, _finish(said))] for place in range(asked.body.get("n") or 1)]
    for pieces in zip_longest(*answers):
        for place, piece in enumerate(pieces):
            if piece is not None:
                logprobs = _logprobs(said) if piece[0].get("content") else None
                yield {"index": place, "delta": piece[0], "logprobs": logprobs, "finish_reason": piece[1]}


def broken() -> bytes:
    """The event that tells of a failure in the middle of a stream."""
    error = {"message": "the model is overloaded", "type": "server_error", "param": None, "code": "server_is_overloaded"}
    return _event({"error": error})


def fault(said: Said) -> tuple[int, bytes]:
    """An HTTP failure: status and body."""
    failure = said.failure
    if isinstance(failure, Overflow):
        text = (
            f"This model's maximum context length is {failure.limit} tokens. However, your messages resulted in "
            f"{failure.tokens} tokens. Please reduce the length of the messages."
        )
        return 400, _error(text, "invalid_request_error", "context_length_exceeded", "messages")
    assert failure is not None
    return failure.status, _error(failure.message, "server_error", None, None)


def refused(complaints: list[str]) -> tuple[int, bytes]:
    """What the provider says to a request that it does not take."""
    return 400, _error("; ".join(complaints), "invalid_request_error", "invalid_request", None)


def _error(message: str, kind: str, code: str | None, param: str | None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{asked.digest}", "object": kind, "created": _CREATED, "model": asked.model}


def _message(said: Said, place: int, asked: Asked) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": said.refusal or None}
    if said.thought and asked.wire != "openai":
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = [_call(said, at, asked) for at in range(len(said.calls))]
    elif not said.refusal and not said.blocked:
        message["content"] = _text(said, place)
    return message


def _text(said: Said, place: int) -> str:
    return said.text if place == 0 else f"{said.text} ({place})"


def _call(said: Said, at: int, asked: Asked) -> dict[str, Any]:
    call = said.calls[at]
    told: dict[str, Any] = {"type": "function", "function": {"name": call.name, "arguments": call.text}}
    return told if said.nameless else {"id": call.id or f"call_{asked.digest}{at}", **told}


def _deltas(said: Said, asked: Asked, place: int) -> Iterator[tuple[dict[str, Any], None]]:
    yield {"role": "assistant", "content": ""}, None
    if said.thought and asked.wire != "openai":
        yield from (({"reasoning_content": piece}, None) for piece in said.pieces(said.thought))
    if said.refusal:
        yield from (({"refusal": piece}, None) for piece in said.pieces(said.refusal))
    elif said.calls and said.crowded:
        yield {"tool_calls": [{**_call(said, at, asked), "index": 3 * at + 2} for at in range(len(said.calls))]}, None
    elif said.calls:
        for at, call in enumerate(said.calls):
            begun = {**_call(said, at, asked), "index": at, "function": {"name": call.name, "arguments": ""}}
            yield {"tool_calls": [begun]}, None
            yield from (
                ({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}, None) for piece in said.pieces(call.text)
            )
    elif not said.blocked:
        yield from (({"content": piece}, None) for piece in said.pieces(_text(said, place)))


def _finish(said: Said) -> str:
    if said.blocked:
        return "content_filter"
    return said.finish or ("tool_calls" if said.calls else "stop")


def _logprobs(said: Said) -> dict[str, Any] | None:
    if not said.logprobs:
        return None
    near = [{"token": "Hi", "logprob": -1.5, "bytes": [72, 105]}]
    return {"content": [{"token": "Hello", "logprob": -0.25, "bytes": list(b"Hello"), "top_logprobs": near}], "refusal": None}


def _usage(said: Said) -> dict[str, Any]:
    counts = said.counts
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
    }


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _embeddings(asked: Asked) -> bytes:
    """Vectors as the OpenAI SDK asks for them: base64 unless floats are wished."""
    asked_for = asked.body["input"]
    inputs = asked_for if isinstance(asked_for, list) and isinstance(asked_for[0], str | list) else [asked_for]
    as_text = asked.body.get("encoding_format") == "base64"
    vector = "AACAPwAAAAA=" if as_text else [1.0, 0.0]
    data = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(inputs))]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return json.dumps({"object": "list", "data": data, "model": asked.model, "usage": usage}).encode()
