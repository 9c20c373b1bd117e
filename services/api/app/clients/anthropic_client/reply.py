"""Anthropic's answers, whole: from bytes to a Completion, from a failure to its error. Nothing about requests or streams."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Completion, FinishReason, Thought, ToolCall, Usage
from ...errors import BadAnswer, RouterError
from ..common.call_ids import minted
from ..common.fault import fault_of, retry_after
from ..common.said import NOTHING, Count, arguments_text, held, read, read_or_none, usage_of
from ..common.seal import sealed
from .dialect import DIALECT

# a reason that is not listed (they may be added within a version) is an ordinary stop
FINISH: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
# the status that an error stands for when it comes inside a 200
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# some verdicts have no code word of their own, so that their text must be recognised
_TOO_LONG = ("prompt is too long", "exceed context limit", "exceeds the model's context")
_NO_CREDIT = ("credit balance is too low", "specified api usage limits")


class Block(Struct, frozen=True):
    """One content block; `input` is a tool's arguments as JSON."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = NOTHING


class StopDetails(Struct, frozen=True):
    """Why the model stopped, where there is more to say (refusals)."""

    category: str | None = None
    explanation: str | None = None


class OutputDetails(Struct, frozen=True):
    """What the output tokens were spent on."""

    thinking_tokens: Count = None


class Spent(Struct, frozen=True):
    """Usage in Anthropic's convention: `input_tokens` excludes what was read from or written to the cache."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    output_tokens_details: OutputDetails | None = None


class ErrorDetails(Struct, frozen=True):
    """The machine-readable half of an error, where there is one."""

    error_code: str | None = None


class ErrorObject(Struct, frozen=True):
    """What went wrong, in Anthropic's words."""

    type: str | None = None
    message: str | None = None
    details: ErrorDetails | None = None


class Said(Struct, frozen=True):
    """A whole answer, or the error that stands in its place."""

    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Raw = NOTHING
    error: ErrorObject | None = None


class Complaint(Struct, frozen=True):
    """The body of a failure."""

    error: ErrorObject


_said = msgspec.json.Decoder(Said)
_spent = msgspec.json.Decoder(Spent)
_complaint = msgspec.json.Decoder(Complaint)


def decode(body: bytes) -> Completion:
    """A whole answer; `raw` is the body. Raises BadAnswer, or the error that an error object stands for."""
    said = read(body, _said)
    if said.error is not None:
        raise error_of(said.error)
    if said.content is None:
        raise BadAnswer("the provider's answer holds no content")
    blocks = said.content
    calls = [block for block in blocks if block.type == "tool_use"]
    completion = Completion(
        text="".join([block.text for block in blocks if block.type == "text" and block.text]),
        thoughts=_thoughts(blocks),
        refusal=refusal_of(said.stop_details),
        tool_calls=tuple(
            [
                ToolCall(call_id(block, said.id, place), block.name or "", arguments_text(block.input))
                for place, block in enumerate(calls)
            ]
        ),
        finish_reason=finish_of(said.stop_reason, bool(calls)),
        usage=counted(spent_of(said.usage)),
        response_id=said.id or "",
        model_id=said.model or "",
        raw=body,
    )
    return held(completion)


def _thoughts(blocks: list[Block]) -> tuple[Thought, ...]:
    """The thoughts in order, their signatures sealed; one without a signature goes on in the next."""
    thoughts: list[Thought] = []
    for block in blocks:
        if block.type == "redacted_thinking" and block.data:
            thoughts.append(Thought(redacted=sealed(DIALECT, block.data)))
        elif block.type == "thinking" and (block.thinking or block.signature):
            text = block.thinking or ""
            if thoughts and not thoughts[-1].signature and not thoughts[-1].redacted:
                text = thoughts.pop().text + text
            thoughts.append(Thought(text, sealed(DIALECT, block.signature or "")))
    return tuple(thoughts)


def call_id(block: Block, response_id: str | None, place: int) -> str:
    """The id of a call; one that came without is given one."""
    return block.id or minted(response_id or "", str(place), block.name or "")


def finish_of(word: str | None, calls: bool) -> FinishReason | None:
    """Our word for a stop reason. Whether calls were made is seen in the content, whatever the host says."""
    if word is None:
        return "tool_calls" if calls else None
    finish = FINISH.get(word, "stop")
    if finish in ("stop", "tool_calls"):
        return "tool_calls" if calls else "stop"
    return finish


def refusal_of(details: StopDetails | None) -> str:
    """What the provider says of a refusal: its explanation, else the category."""
    return "" if details is None else details.explanation or details.category or ""


def spent_of(usage: Raw) -> Spent | None:
    """The counts of a usage object; None when one of them is no count."""
    return read_or_none(usage, _spent)


def counted(spent: Spent | None) -> Usage | None:
    """Usage in our convention: the input includes what was read from and written to the cache."""
    if spent is None or (spent.input_tokens is None and spent.output_tokens is None):
        return None
    cached = spent.cache_read_input_tokens or 0
    written = spent.cache_creation_input_tokens or 0
    details = spent.output_tokens_details
    return usage_of(
        (spent.input_tokens or 0) + cached + written,
        spent.output_tokens or 0,
        cached=cached,
        written=written,
        reasoning=(details.thinking_tokens or 0) if details else 0,
    )


def error_of(error: ErrorObject, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status its type names."""
    kind = error.type or ""
    message = error.message or ""
    status = status or _STATUS.get(kind, 502)
    code = (error.details and error.details.error_code) or kind
    words = message.casefold()
    if status == 400 and any(text in words for text in _TOO_LONG):
        code = "context_length_exceeded"
    elif "spend_limit" in code or "billing" in code or (status == 400 and any(text in words for text in _NO_CREDIT)):
        code = "billing_error"
    return fault_of(status, code, message, retry_after=retry_after(headers or {}))


def fault(status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    complaint = read_or_none(body, _complaint)
    return error_of(complaint.error if complaint else ErrorObject(), status, headers)
