"""Gemini's answers, whole: from bytes to a Completion, from a failure to its error. Nothing about requests or streams."""

import re
from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from msgspec import Raw, Struct, field

from ...domain.answer import Completion, FinishReason, ToolCall, Usage
from ...errors import BadAnswer, ProviderAuth, ProviderRefused, RouterError, shown
from ..common.fault import MAX_RETRY_AFTER, fault_of, retry_after
from ..common.said import NOTHING, Count, arguments_text, read, read_or_none, usage_of

# a reason that is not listed (STOP, OTHER, LANGUAGE, later ones) is an ordinary stop
FINISH: dict[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED",
        ),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE",
            "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER",
        ),
        "error",
    ),
}  # fmt: skip
_TOO_LONG = re.compile(r"(?i)(token count|number of tokens).{0,60}exceeds")
_DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s", re.ASCII)


class FunctionCall(Struct, frozen=True):
    """A function the model wants called; the id is often missing."""

    name: str | None = None
    id: str | None = None
    args: Raw = NOTHING


class Part(Struct, frozen=True, rename="camel"):
    """One part of the content; a thought is text that is not part of the answer."""

    text: str | None = None
    thought: bool | None = None
    function_call: FunctionCall | None = None


class Content(Struct, frozen=True):
    """The parts; missing when all tokens went into thoughts."""

    parts: list[Part] | None = None


class Candidate(Struct, frozen=True, rename="camel"):
    """One of the answers; we read the first."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None


class Feedback(Struct, frozen=True, rename="camel"):
    """Why a prompt got no answer at all."""

    block_reason: str | None = None


class Spent(Struct, frozen=True, rename="camel"):
    """Usage in Gemini's convention: the prompt includes what was cached, the candidates exclude the thoughts."""

    prompt_token_count: Count = None
    candidates_token_count: Count = None
    thoughts_token_count: Count = None
    cached_content_token_count: Count = None
    tool_use_prompt_token_count: Count = None


class Detail(Struct, frozen=True, rename="camel"):
    """One of the typed details of an error; which fields it has depends on its type."""

    type: str | None = field(default=None, name="@type")
    reason: str | None = None
    retry_delay: str | None = None


class ErrorObject(Struct, frozen=True):
    """What went wrong, in Google's words."""

    code: int | None = None
    message: str | None = None
    status: str | None = None
    details: list[Detail] | None = None


class Said(Struct, frozen=True, rename="camel"):
    """A whole answer or one event of a stream, or the error that stands in its place."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = NOTHING
    model_version: str | None = None
    response_id: str | None = None
    error: ErrorObject | None = None


class Complaint(Struct, frozen=True):
    """The body of a failure."""

    error: ErrorObject


_said = msgspec.json.Decoder(Said | list[Said])
_spent = msgspec.json.Decoder(Spent)
_complaint = msgspec.json.Decoder(Complaint | list[Complaint])


def said_of(body: bytes | Raw) -> Said:
    """The typed answer. Raises BadAnswer, or the error that an error object stands for (streams wrap it in an array)."""
    said: Said | list[Said] = read(body, _said)
    if isinstance(said, list):
        if len(said) != 1:
            raise BadAnswer("the provider's answer is not the JSON of its dialect")
        said = said[0]
    if said.error is not None:
        raise error_of(said.error)
    return said


def decode(body: bytes) -> Completion:
    """A whole answer; `raw` is the body."""
    said = said_of(body)
    blocked = blocked_by(said)
    if not said.candidates and not blocked:
        raise BadAnswer("the provider's answer holds no candidate")
    candidate = said.candidates[0] if said.candidates else Candidate()
    response_id = said.response_id or ""
    calls = calls_of(candidate, response_id, 0)
    return Completion(
        text=text_of(candidate, thought=False),
        reasoning=text_of(candidate, thought=True),
        refusal=blocked or refusal_of(candidate),
        tool_calls=calls,
        finish_reason="content_filter" if blocked else finish_of(candidate.finish_reason, bool(calls)),
        usage=counted(said.usage_metadata),
        response_id=response_id,
        model_id=said.model_version or "",
        raw=body,
    )


def blocked_by(said: Said) -> str:
    """Why the prompt was blocked ("" if it was not); then there is no candidate."""
    if said.candidates or said.prompt_feedback is None:
        return ""
    return said.prompt_feedback.block_reason or ""


def text_of(candidate: Candidate, *, thought: bool) -> str:
    """The answer's text, or its thoughts."""
    parts = candidate.content.parts if candidate.content else None
    return "".join(part.text for part in parts or () if part.text and bool(part.thought) == thought)


def calls_of(candidate: Candidate, response_id: str, before: int) -> tuple[ToolCall, ...]:
    """The calls, `before` of which came earlier in a stream. One without an id gets one that the same answer always gets."""
    parts = candidate.content.parts if candidate.content else None
    calls = [part.function_call for part in parts or () if part.function_call]
    return tuple(
        ToolCall(
            call.id or f"call_{blake2b(f'{response_id}/{place}/{call.name}'.encode(), digest_size=12).hexdigest()}",
            call.name or "",
            arguments_text(call.args),
        )
        for place, call in enumerate(calls, before)
    )


def finish_of(word: str | None, called: bool) -> FinishReason | None:
    """Our word for a finish reason; there is none for calls here, they end with an ordinary stop."""
    if word is None:
        return None
    reason = FINISH.get(word, "stop")
    return "tool_calls" if called and reason == "stop" else reason


def refusal_of(candidate: Candidate) -> str:
    """What the provider says of content it withheld."""
    withheld = FINISH.get(candidate.finish_reason or "") == "content_filter"
    return candidate.finish_message or "" if withheld else ""


def counted(usage: Raw) -> Usage | None:
    """Usage in our convention; None when there is none or a count is no count."""
    spent = read_or_none(usage, _spent)
    if spent is None or (spent.prompt_token_count is None and spent.candidates_token_count is None):
        return None
    thoughts = spent.thoughts_token_count or 0
    return usage_of(
        (spent.prompt_token_count or 0) + (spent.tool_use_prompt_token_count or 0),
        (spent.candidates_token_count or 0) + thoughts,
        cached=spent.cached_content_token_count or 0,
        reasoning=thoughts,
    )


def error_of(error: ErrorObject, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status it names."""
    status = status or (error.code if error.code is not None and 300 <= error.code < 600 else 502)
    message = error.message or ""
    details = error.details or ()
    reasons = {detail.reason or "" for detail in details}
    if status == 400:
        if any(reason.startswith("API_KEY_") for reason in reasons) or message.startswith("API key"):
            return ProviderAuth("the provider refuses the configured key (400)")
        if error.status == "FAILED_PRECONDITION":
            # the account's region or plan, which another provider does not share
            return ProviderRefused(f"the provider answered 400: {shown(message)}")
    code = error.status or ""
    if "BILLING_DISABLED" in reasons:
        code = "billing_error"
    elif status == 400 and _TOO_LONG.search(message):
        code = "context_length_exceeded"
    return fault_of(status, code, message, retry_after=_wait(details) or retry_after(headers or {}))


def _wait(details: list[Detail] | tuple[()]) -> float | None:
    """The seconds of a RetryInfo ("17s")."""
    for detail in details:
        if detail.retry_delay and (delay := _DELAY.fullmatch(detail.retry_delay)):
            return min(float(delay.group(1)), MAX_RETRY_AFTER)
    return None


def fault(status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    complaint = read_or_none(body, _complaint)
    if isinstance(complaint, list):
        complaint = complaint[0] if complaint else None
    return error_of(complaint.error if complaint else ErrorObject(), status, headers)
