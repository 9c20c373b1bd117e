"""How Gemini spells an answer. What it takes of a request stands elsewhere."""

import json
from typing import Any

from .asked import Asked
from .said import Overflow, Said, proof


def whole(said: Said, asked: Asked) -> bytes:
    """A whole answer."""
    if "mbedContent" in asked.path:
        vectors = [{"values": [1.0, 0.0]} for _ in asked.body.get("requests", [0])]
        return json.dumps({"embeddings": vectors} if "requests" in asked.body else {"embedding": vectors[0]}).encode()
    return json.dumps(_body(said, asked, _parts(said, asked.model), last=True)).encode()


def events(said: Said, asked: Asked) -> list[bytes]:
    """A streamed answer, event by event; nothing marks its end but the finish reason. Calls always come whole."""
    pieces: list[dict[str, Any]] = []
    for part in _parts(said, asked.model):
        if "text" not in part:
            pieces.append(part)
            continue
        texts = said.pieces(part["text"])
        # the signature rides on the last piece
        bare = {name: value for name, value in part.items() if name != "thoughtSignature"}
        pieces += [{**(part if at == len(texts) - 1 else bare), "text": text} for at, text in enumerate(texts)]
    if said.crowded:
        bodies = [_body(said, asked, pieces, last=True)]
    else:
        bodies = [_body(said, asked, [piece], last=at == len(pieces) - 1) for at, piece in enumerate(pieces)]
    bodies = bodies or [_body(said, asked, [], last=True)]
    return [_event(body) for body in _counted(said, bodies)]


def _counted(said: Said, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Usage stands in every event, or in one alone."""
    if not said.counted:
        return bodies
    bare = [{name: value for name, value in body.items() if name != "usageMetadata"} for body in bodies]
    if said.counted == "after":
        return [*bare, {name: bodies[0][name] for name in ("responseId", "modelVersion", "usageMetadata")}]
    at = 0 if said.counted == "first" else -1
    bare[at] = bodies[at]
    return bare


def broken() -> bytes:
    """The event that tells of a failure in the middle of a stream."""
    return _event({"error": {"code": 503, "message": "the model is overloaded", "status": "UNAVAILABLE"}})


def fault(said: Said) -> tuple[int, bytes]:
    """An HTTP failure: status and body."""
    failure = said.failure
    if isinstance(failure, Overflow):
        text = f"The input token count ({failure.tokens}) exceeds the maximum number of tokens allowed ({failure.limit})."
        return 400, _error(400, "INVALID_ARGUMENT", text)
    assert failure is not None
    return failure.status, _error(failure.status, "UNAVAILABLE" if failure.status == 503 else "INTERNAL", failure.message)


def refused(complaints: list[str]) -> tuple[int, bytes]:
    """What the provider says to a request that it does not take."""
    return 400, _error(400, "INVALID_ARGUMENT", "; ".join(complaints))


def _error(code: int, status: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "status": status}}).encode()


def _body(said: Said, asked: Asked, parts: list[dict[str, Any]], last: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"responseId": f"resp-{asked.digest}", "modelVersion": asked.model, "usageMetadata": _usage(said)}
    if said.blocked:
        return {**body, "promptFeedback": {"blockReason": "SAFETY"}}
    candidate: dict[str, Any] = {"index": 0}
    if parts or not said.refusal:
        candidate["content"] = {"role": "model", "parts": parts}
    if last:
        candidate["finishReason"] = "SAFETY" if said.refusal else "MAX_TOKENS" if said.finish == "length" else "STOP"
        if said.refusal:
            candidate["finishMessage"] = said.refusal
    if said.logprobs:
        near = {"candidates": [{"token": "Hi", "tokenId": 2, "logProbability": -1.5}]}
        chosen = {"token": "Hello", "tokenId": 1, "logProbability": -0.25}
        candidate["logprobsResult"] = {"chosenCandidates": [chosen], "topCandidates": [near]}
    return {**body, "candidates": [candidate], **said.fields}


def _parts(said: Said, model: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    for call in said.calls:
        named = {"name": call.name, "args": call.arguments, **({"id": call.id} if call.id else {})}
        parts.append({"functionCall": named, **({"thoughtSignature": proof("gemini", model, "call")} if call.signed else {})})
    if not said.calls and not said.refusal and not said.blocked:
        parts.append({"text": said.text, **({"thoughtSignature": proof("gemini", model)} if said.signed else {})})
    return parts


def _usage(said: Said) -> dict[str, Any]:
    """Thoughts are told beside `candidatesTokenCount`, not in it."""
    counts = said.counts
    usage = {
        "promptTokenCount": counts.input,
        "candidatesTokenCount": counts.output - counts.reasoning,
        "totalTokenCount": counts.input + counts.output,
    }
    if counts.cached:
        usage["cachedContentTokenCount"] = counts.cached
    if counts.reasoning:
        usage["thoughtsTokenCount"] = counts.reasoning
    return usage


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\r\n\r\n"
