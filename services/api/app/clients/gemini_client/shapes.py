"""The shapes of Gemini's answers and failures, as far as we read them. Only types and their decoders."""

import msgspec
from msgspec import Raw, Struct, field

from ...errors import BadAnswer
from ..common.said import NOTHING, Count, read


class FunctionCall(Struct, frozen=True):
    """A function the model wants called; the id is often missing."""

    name: str | None = None
    id: str | None = None
    args: Raw = NOTHING


class Part(Struct, frozen=True, rename="camel"):
    """One part of the content; a thought is text that is not part of the answer. A signature stands on any kind of part."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None


class Content(Struct, frozen=True):
    """The parts; missing when all tokens went into thoughts."""

    parts: list[Part] | None = None


class Token(Struct, frozen=True, rename="camel"):
    """A token's probability; a logarithm of zero may be left out, as every zero may in this dialect."""

    token: str | None = None
    log_probability: float | None = None


class Alternatives(Struct, frozen=True):
    """The likeliest tokens of one step."""

    candidates: list[Token] | None = None


class Logprobs(Struct, frozen=True, rename="camel"):
    """What was chosen at each step, and what could have been."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[Alternatives] | None = None


class Candidate(Struct, frozen=True, rename="camel"):
    """One of the answers; we read the first."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: Logprobs | None = None


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
spent = msgspec.json.Decoder(Spent)
complaint = msgspec.json.Decoder(Complaint | list[Complaint])


def said_of(body: bytes | Raw) -> Said:
    """The typed answer, which may come alone in an array. Raises BadAnswer for anything that is none."""
    said: Said | list[Said] = read(body, _said)
    if isinstance(said, list):
        if len(said) != 1:
            raise BadAnswer("the provider's answer is not the JSON of its dialect")
        return said[0]
    return said
