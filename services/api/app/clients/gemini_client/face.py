"""Gemini's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, Thought, TokenLogprob, ToolCall, Usage
from ...domain.request import ChatRequest
from ...errors import ContextTooLong, RouterError
from ..common.said import arguments_object
from .signatures import shown

FINISH_REASON: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "error": "MALFORMED_RESPONSE",
}
_ERROR_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str) -> bytes:
    """A response spelled out from a Completion of any origin."""
    body: dict[str, Any] = {
        "candidates": [_candidate(completion), *[_candidate(other) for other in completion.others]],
        "modelVersion": completion.model_id or request.model,
        "responseId": completion.response_id or call_id,
    }
    for place, candidate in enumerate(body["candidates"]):
        candidate["index"] = place
    if completion.usage is not None:
        body["usageMetadata"] = usage_body(completion.usage)
    return _encode(body)


def _candidate(completion: Completion) -> dict[str, Any]:
    return candidate_body(
        completion.text,
        completion.thoughts,
        completion.tool_calls,
        completion.finish_reason or "stop",
        completion.refusal,
        completion.logprobs,
    )


def candidate_body(
    text: str,
    thoughts: Sequence[Thought] = (),
    calls: Sequence[ToolCall] = (),
    finish: FinishReason | None = None,
    refusal: str = "",
    logprobs: Sequence[TokenLogprob] = (),
) -> dict[str, Any]:
    """One candidate; `finish` only at the end of the answer."""
    parts = _parts(text, thoughts, calls)
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish is not None:
        candidate["finishReason"] = "SAFETY" if refusal else FINISH_REASON[finish]
        if refusal:
            candidate["finishMessage"] = refusal
    if logprobs:
        candidate["logprobsResult"] = {
            "chosenCandidates": [_token(told.token, told.logprob) for told in logprobs],
            "topCandidates": [{"candidates": [_token(*other) for other in told.top]} for told in logprobs],
        }
    return candidate


def _parts(text: str, thoughts: Sequence[Thought], calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Thoughts, text, the signatures of that text, calls: the order in which a model comes to them."""
    parts: list[dict[str, Any]] = []
    proofs: list[dict[str, Any]] = []
    for thought in thoughts:
        if thought.redacted:
            proofs.append({"text": "", "thoughtSignature": shown(thought.redacted)})
        else:
            parts.append(_signed({"text": thought.text, "thought": True}, thought.signature))
    if text:
        parts.append({"text": text})
    parts += proofs
    for call in calls:
        called = {"functionCall": {"id": call.id, "name": call.name, "args": arguments_object(call.arguments)}}
        parts.append(_signed(called, call.signature))
    return parts


def _signed(part: dict[str, Any], signature: str) -> dict[str, Any]:
    return part | {"thoughtSignature": shown(signature)} if signature else part


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logProbability": logprob}


def usage_body(usage: Usage) -> dict[str, int]:
    """Usage in Gemini's words: the prompt includes what was cached, the candidates exclude the thoughts."""
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
        "candidatesTokenCount": max(usage.output_tokens - usage.reasoning_tokens, 0),
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }


def complain(error: RouterError, request_id: str) -> bytes:
    """The error envelope; our own stable word is the `reason` of its ErrorInfo."""
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code,
            "domain": "llm-router",
            "metadata": {"request_id": request_id, "param": error.param or ""},
        }
    ]
    if error.retry_after is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{error.retry_after:.3f}s"})
    word = _ERROR_STATUS.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
    return _encode({"error": {"code": error.status, "message": _worded(error), "status": word, "details": details}})


def _worded(error: RouterError) -> str:
    """The message; an overflow in Google's own words, by which clients know that they have to shorten."""
    if not isinstance(error, ContextTooLong):
        return error.message
    if error.tokens is None or error.limit is None:
        return "The input token count exceeds the maximum number of tokens allowed."
    return f"The input token count ({error.tokens}) exceeds the maximum number of tokens allowed ({error.limit})."
