"""The shape of Mistral's answers, whole and in pieces, read with types. What they mean is said elsewhere (`reply`).

It is OpenAI's but for content in chunks and arguments as objects.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.answer import TokenLogprob, Usage
from ...errors import BadAnswer
from ..common.said import NOTHING, Count, read, read_or_none, usage_of
from .fault import ErrorObject, complaint_of, error_of

MOST_CHOICES = 128
Place = Annotated[int, Meta(ge=0, lt=MOST_CHOICES)]


class Piece(Struct, frozen=True):
    """A piece of reasoning; a reference among them has no text."""

    text: str | None = None


class Chunk(Struct, frozen=True):
    """One chunk of content: text, thinking, or one of the kinds that hold neither."""

    type: str | None = None
    text: str | None = None
    thinking: list[Piece] | str | None = None
    signature: str | None = None


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

    role: str | None = None
    content: str | list[Chunk] | None = None
    tool_calls: list[Tool] | None = None


class Choice(Struct, frozen=True):
    """One of the answers. `messages` stands in the place of `message` where tools of Mistral's own were used in between."""

    index: Place = 0
    message: Message | None = None
    messages: list[Message] | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    logprobs: Raw = NOTHING


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


class Likely(Struct, frozen=True):
    """One token and how likely it was."""

    token: str
    logprob: float
    top_logprobs: "list[Likely] | None" = None


class Logprobs(Struct, frozen=True):
    """The tokens of a piece."""

    content: list[Likely] | None = None


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
_logprobs = msgspec.json.Decoder(Logprobs)


def said_of(body: bytes | Raw) -> Said:
    """The typed answer. Raises BadAnswer, or the error that an error object stands for."""
    said = read(body, _said)
    if said.error is not None:
        raise error_of(said.error)
    if said.object == "error" or said.choices is None:
        raise complaint_of(body) or BadAnswer("the provider's answer holds no choices")
    return said


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


def logprobs_of(raw: Raw) -> tuple[TokenLogprob, ...]:
    """The tokens' logarithms; none where they are of another shape, for the answer is worth more than they are."""
    told = read_or_none(raw, _logprobs)
    return tuple(
        TokenLogprob(one.token, one.logprob, tuple((other.token, other.logprob) for other in one.top_logprobs or ()))
        for one in (told.content if told else None) or ()
    )
