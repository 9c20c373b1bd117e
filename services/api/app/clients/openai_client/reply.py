"""OpenAI's answers, whole: from bytes to a Completion, from a failure to its error. Nothing about requests or streams."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ...domain.answer import Completion, FinishReason, ToolCall, Usage
from ...errors import BadAnswer, ContextTooLong, RouterError
from ..common.fault import fault_of, retry_after

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
MOST_TOKENS = 2**31


class Function(Struct, frozen=True):
    """The function half of a tool call, whole or in pieces."""

    name: str | None = None
    arguments: str | None = None


class Tool(Struct, frozen=True):
    """A tool call; `index` only in streams."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Said(Struct, frozen=True):
    """A message or a streamed delta. Reasoning goes by two names among hosts."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Tool] | None = None


class Choice(Struct, frozen=True):
    """One of the answers; we read the first and pass all on."""

    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None


class Body(Struct, frozen=True):
    """A whole answer or one chunk of a stream, as leniently as hosts differ."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(Body).decode


def body_of(data: bytes) -> Body:
    """The typed body. Raises BadAnswer when it is not one, the mapped error when it holds an error object."""
    try:
        body = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadAnswer("the provider's answer is not the JSON of its dialect") from None
    if body.error is not None:
        raise error_of(body.error)
    return body


def decode(data: bytes) -> Completion:
    """A whole answer; `raw` is the body."""
    body = body_of(data)
    if not body.choices or body.choices[0].message is None:
        raise BadAnswer("the provider's answer holds no choice")
    choice = body.choices[0]
    said = choice.message
    assert said is not None  # noqa: S101 - narrowed above; mypy does not see through the list
    calls = tuple(
        ToolCall(tool.id or "", (tool.function and tool.function.name) or "", (tool.function and tool.function.arguments) or "")
        for tool in said.tool_calls or ()
    )
    return Completion(
        text=text_of(said),
        reasoning=said.reasoning_content or said.reasoning or "",
        refusal=said.refusal or "",
        tool_calls=calls,
        finish_reason=finish_of(choice.finish_reason, bool(calls)),
        usage=usage_of(body.usage),
        response_id=body.id or "",
        model_id=body.model or "",
        raw=data,
    )


def text_of(said: Said) -> str:
    """The visible text, whether it came as one string or as a list of parts."""
    if isinstance(said.content, str):
        return said.content
    parts = said.content or ()
    return "".join(p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str))


def finish_of(word: str | None, has_calls: bool) -> FinishReason | None:
    """Our word for a host's finish reason; calls that came make it `tool_calls` whatever the host says."""
    if word is None:
        return None
    reason = FINISH.get(word, "stop")
    return "tool_calls" if has_calls and reason == "stop" else reason


def usage_of(usage: Any) -> Usage | None:
    """Usage with every count checked: one that is negative, fractional, text or absurd makes the whole unusable (None)."""
    if not isinstance(usage, dict):
        return None
    counts: list[Any] = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    asked, said = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    if isinstance(asked, dict):
        counts += (asked.get("cached_tokens"), asked.get("cache_write_tokens"))
    elif said is not None:
        counts += (0, 0)
    if isinstance(said, dict):
        counts.append(said.get("reasoning_tokens"))
    for place, count in enumerate(counts):
        if count is None:
            counts[place] = 0
        elif type(count) is not int or not 0 <= count < MOST_TOKENS:
            return None
    return Usage(*counts)


def error_of(error: Any, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status its own code or type names."""
    if not isinstance(error, dict):
        error = {"message": str(error)}
    code = error.get("code") if isinstance(error.get("code"), str) else ""
    kind = error.get("type") if isinstance(error.get("type"), str) else ""
    message = error.get("message") if isinstance(error.get("message"), str) else ""
    status = status or _implied_status(code, kind, error.get("code"))
    word = kind if kind in ("exceed_context_size_error", "insufficient_quota") else code
    fault = fault_of(status, word, message, retry_after=retry_after(headers or {}))
    if 400 <= status < 500 and "maximum context length" in message and not isinstance(fault, ContextTooLong):
        return fault_of(status, "context_length_exceeded", message)
    return fault


def _implied_status(code: str, kind: str, number: Any) -> int:
    if type(number) is int and 400 <= number < 600:
        return number
    words = f"{code} {kind}"
    for word, status in (
        ("rate_limit", 429),
        ("overloaded", 503),
        ("quota", 429),
        ("authentication", 401),
        ("invalid_request", 400),
    ):
        if word in words:
            return status
    return 502


def fault(status: int, headers: Mapping[str, str], data: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = None
    if isinstance(body, dict):
        found = body.get("error", body if "message" in body else None)
        if found is not None:
            return error_of(found, status, headers)
    return fault_of(status, "", "", retry_after=retry_after(headers))
