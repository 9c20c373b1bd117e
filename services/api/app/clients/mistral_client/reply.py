"""Mistral's answers, whole: from bytes to a Completion, from a failure to its error. Nothing about requests or streams.

The shape is OpenAI's but for content in chunks, arguments as objects, and errors of three forms.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Completion, FinishReason, ToolCall, Usage
from ...errors import BadAnswer, ProviderRefused, RouterError, shown
from ..common.fault import fault_of, retry_after
from ..common.said import NOTHING, Count, arguments_text, read, read_or_none, usage_of

# the list is open: a reason that is not in it is an ordinary stop
FINISH: dict[str, FinishReason] = {
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
# the status that an error stands for when it comes inside a 200 without a number
_STATUS = (("rate_limit", 429), ("capacity", 503), ("auth", 401), ("invalid", 400))
_TOO_LONG = ("maximum context length", "too large for model")


class Thought(Struct, frozen=True):
    """A piece of reasoning."""

    text: str | None = None


class Chunk(Struct, frozen=True):
    """One chunk of content: text, thinking, or one of the kinds that hold neither."""

    type: str | None = None
    text: str | None = None
    thinking: list[Thought] | None = None


class Function(Struct, frozen=True):
    """The function half of a call; the arguments are JSON text or the object itself."""

    name: str | None = None
    arguments: Raw = NOTHING


class Tool(Struct, frozen=True):
    """A call; the id may be the word null."""

    id: str | None = None
    function: Function | None = None
    index: int | None = None


class Message(Struct, frozen=True):
    """A message or a streamed delta."""

    content: str | list[Chunk] | None = None
    tool_calls: list[Tool] | None = None


class Choice(Struct, frozen=True):
    """One of the answers; we read the first."""

    index: int = 0
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class InputDetails(Struct, frozen=True):
    """What the prompt tokens were."""

    cached_tokens: Count = None


class OutputDetails(Struct, frozen=True):
    """What the completion tokens were spent on."""

    reasoning_tokens: Count = None


class Spent(Struct, frozen=True):
    """Usage as OpenAI counts it: totals include their parts."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Invalid(Struct, frozen=True):
    """One entry of a 422: which field, and what is wrong with it."""

    loc: list[str | int] = []
    msg: str | None = None


class ErrorObject(Struct, frozen=True):
    """What went wrong. The same fields stand in the body itself, or in an `error` object."""

    message: str | Raw | None = None
    type: str | None = None
    code: str | int | None = None
    raw_status_code: int | None = None
    object: str | None = None
    detail: str | list[Invalid] | None = None


class Complaint(ErrorObject, frozen=True):
    """The body of a failure."""

    error: ErrorObject | None = None


class Said(Struct, frozen=True):
    """A whole answer or one chunk of a stream."""

    id: str | None = None
    model: str | None = None
    object: str | None = None
    choices: list[Choice] | None = None
    usage: Raw = NOTHING
    error: ErrorObject | None = None


_said = msgspec.json.Decoder(Said)
_spent = msgspec.json.Decoder(Spent)
_complaint = msgspec.json.Decoder(Complaint)
_text = msgspec.json.Decoder(str)


def said_of(body: bytes | Raw) -> Said:
    """The typed answer. Raises BadAnswer, or the error that an error object stands for."""
    said = read(body, _said)
    if said.error is not None:
        raise error_of(said.error)
    if said.object == "error" or said.choices is None:
        complaint = read_or_none(body, _complaint)
        if complaint is not None and (complaint.object == "error" or complaint.detail is not None):
            raise error_of(complaint)
        raise BadAnswer("the provider's answer holds no choices")
    return said


def decode(body: bytes) -> Completion:
    """A whole answer; `raw` is the body."""
    said = said_of(body)
    choice = said.choices[0] if said.choices else None
    if choice is None or choice.message is None:
        raise BadAnswer("the provider's answer holds no choice")
    message = choice.message
    calls = tuple(
        ToolCall(id_of(tool), (tool.function and tool.function.name) or "", arguments_of(tool))
        for tool in message.tool_calls or ()
    )
    return Completion(
        text=text_of(message),
        reasoning=reasoning_of(message),
        tool_calls=calls,
        finish_reason=finish_of(choice.finish_reason),
        usage=counted(said.usage),
        response_id=said.id or "",
        model_id=said.model or "",
        raw=body,
    )


def text_of(message: Message) -> str:
    """The visible text, whether it came as one string or in chunks."""
    if isinstance(message.content, str):
        return message.content
    return "".join(chunk.text for chunk in message.content or () if chunk.text and chunk.type in (None, "text"))


def reasoning_of(message: Message) -> str:
    """The text of the thinking chunks."""
    if not isinstance(message.content, list):
        return ""
    return "".join(thought.text for chunk in message.content for thought in chunk.thinking or () if thought.text)


def id_of(tool: Tool) -> str:
    """A call's id; the word null is none."""
    return "" if tool.id is None or tool.id == "null" else tool.id


def arguments_of(tool: Tool) -> str:
    """A call's arguments as JSON text: as the model wrote them, or the object that came instead."""
    raw = tool.function.arguments if tool.function else NOTHING
    return read(raw, _text) if bytes(raw).startswith(b'"') else arguments_text(raw)


def finish_of(word: str | None) -> FinishReason | None:
    """Our word for a finish reason."""
    return None if word is None else FINISH.get(word, "stop")


def counted(usage: Raw) -> Usage | None:
    """Usage in our convention; None when there is none or a count is no count."""
    spent = read_or_none(usage, _spent)
    if spent is None or (spent.prompt_tokens is None and spent.completion_tokens is None):
        return None
    cached, reasoning = spent.prompt_tokens_details, spent.completion_tokens_details
    return usage_of(
        spent.prompt_tokens or 0,
        spent.completion_tokens or 0,
        cached=(cached.cached_tokens or 0) if cached else 0,
        reasoning=(reasoning.reasoning_tokens or 0) if reasoning else 0,
    )


def error_of(error: ErrorObject, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status that it names."""
    kind = error.type or ""
    status = status or _implied_status(error)
    message = _message_of(error)
    words = message.casefold()
    if status == 400 and (kind == "invalid_model" or words.startswith("invalid model")):
        # a retired model is answered so; another provider may well have its model
        return ProviderRefused(f"the provider answered 400: {shown(message)}")
    code = kind
    if status in (400, 422) and any(text in words for text in _TOO_LONG):
        code = "context_length_exceeded"
    return fault_of(status, code, message, retry_after=retry_after(headers or {}))


def _message_of(error: ErrorObject) -> str:
    """The text of an error, whichever of its forms it has."""
    if isinstance(error.message, str) and error.message:
        return error.message
    if isinstance(error.detail, str):
        return error.detail
    return "; ".join(f"{'.'.join(map(str, one.loc))}: {one.msg or ''}" for one in error.detail or ())


def _implied_status(error: ErrorObject) -> int:
    for number in (error.raw_status_code, error.code):
        if isinstance(number, int) and 300 <= number < 600:
            return number
    if error.detail is not None:
        return 422
    return next((status for word, status in _STATUS if word in (error.type or "")), 502)


def fault(status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    complaint = read_or_none(body, _complaint) or Complaint()
    return error_of(complaint.error or complaint, status, headers)
