"""How Mistral spells an answer. What it takes of a request stands elsewhere."""

import json
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from . import openai_said
from .asked import Asked
from .said import Overflow, Said, proof


def whole(said: Said, asked: Asked) -> bytes:
    """A whole answer: OpenAI's shape with thoughts as chunks of the content."""
    if asked.path.endswith("/embeddings"):
        return openai_said.whole(said, replace(asked, path="/embeddings"))
    body = json.loads(openai_said.whole(_thoughtless(said), asked))
    body["id"] = asked.digest
    for choice in body["choices"]:
        message = choice["message"]
        message.pop("refusal")
        message["tool_calls"] = _short(message.get("tool_calls"), said, asked)
        message["content"] = _content(said, message["content"] or "", asked.model)
    return json.dumps(body).encode()


def events(said: Said, asked: Asked) -> list[bytes]:
    """A streamed answer, event by event: calls come whole, the usage rides on the last chunk. Several answers take turns."""
    body = json.loads(whole(said, asked))
    usage = body.pop("usage")
    body["object"] = "chat.completion.chunk"
    answers = [_choices(said, choice) for choice in body["choices"]]
    chunks = [{**body, "choices": [choice]} for turn in zip_longest(*answers) for choice in turn if choice is not None]
    if said.counted == "after":
        chunks.append({**body, "choices": []})
    chunks[0 if said.counted == "first" else -1]["usage"] = usage
    return [*map(_event, chunks), b"data: [DONE]\n\n"]


def _choices(said: Said, choice: dict[str, Any]) -> list[dict[str, Any]]:
    """The pieces of one answer."""
    message = choice.pop("message")
    content = message["content"] if isinstance(message["content"], list) else [{"type": "text", "text": message["content"]}]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for part in content:
        deltas += _pieces(said, part)
    last: dict[str, Any] = {"content": ""}
    if message.get("tool_calls"):
        last["tool_calls"] = [{**call, "index": 0 if said.crowded else at} for at, call in enumerate(message["tool_calls"])]
    told = choice.pop("logprobs")
    silent = {"role", "tool_calls"}
    pieces = [
        {**choice, "delta": delta, "logprobs": None if silent & delta.keys() else told, "finish_reason": None} for delta in deltas
    ]
    return [*pieces, {**choice, "delta": last, "logprobs": None}]


def broken() -> bytes:
    """The event that tells of a failure in the middle of a stream."""
    return b"data: " + _error(503, "service_unavailable", "the model is overloaded", "3505") + b"\n\n"


def fault(said: Said) -> tuple[int, bytes]:
    """An HTTP failure: status and body."""
    failure = said.failure
    if isinstance(failure, Overflow):
        text = (
            f"Prompt contains {failure.tokens} tokens and 0 draft tokens, too large for model with {failure.limit} "
            "maximum context length"
        )
        return 400, _error(400, "invalid_request_error", text, "3051")
    assert failure is not None
    return failure.status, _error(failure.status, "service_unavailable", failure.message, "3505")


def refused(complaints: list[str]) -> tuple[int, bytes]:
    """What the provider says to a request that it does not take."""
    detail = [{"type": "extra_forbidden", "loc": ["body"], "msg": complaint} for complaint in complaints]
    return 422, json.dumps({"detail": detail}).encode()


def _error(status: int, kind: str, message: str, code: str) -> bytes:
    said = {"object": "error", "message": message, "type": kind, "param": None, "code": code, "raw_status_code": status}
    return json.dumps(said).encode()


def _thoughtless(said: Said) -> Said:
    return replace(said, thought="", refusal="", blocked=False)


def _short(calls: list[dict[str, Any]] | None, said: Said, asked: Asked) -> list[dict[str, Any]] | None:
    """Calls with ids of nine letters and digits; the word null where there is none, as the SDK's type has it."""
    if said.nameless:
        return [{**call, "id": "null"} for call in calls or []] or None
    return [
        {**call, "id": call["id"] if len(call["id"]) == 9 else f"{asked.digest[:8]}{at}"} for at, call in enumerate(calls or [])
    ] or None


def _content(said: Said, text: str, model: str) -> Any:
    if not said.thought:
        return text
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": said.thought}], "signature": proof("mistral", model)}
    return [thought, {"type": "text", "text": text}] if text else [thought]


def _pieces(said: Said, part: dict[str, Any]) -> list[dict[str, Any]]:
    if part["type"] == "text":
        return [{"content": piece} for piece in said.pieces(part["text"])]
    pieces = said.pieces(part["thinking"][0]["text"])
    deltas = []
    for at, piece in enumerate(pieces):
        chunk = {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
        deltas.append({"content": [{**chunk, "signature": part["signature"]} if at == len(pieces) - 1 else chunk]})
    return deltas


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"
