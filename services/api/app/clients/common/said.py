"""Typed reading of providers' bodies: what is broken is BadAnswer, what is doubtful is absent. No dialect's fields may enter."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw

from ...domain.answer import Completion, FinishReason, Usage
from ...errors import BadAnswer

T = TypeVar("T")

# more tokens than any call can have; a provider that says so is wrong and is not believed
MOST_TOKENS = 20_000_000
Count = Annotated[int, Meta(ge=0, lt=MOST_TOKENS)] | None
NOTHING = Raw(b"")
_NO_ARGUMENTS = frozenset({b"", b"null"})

_object = msgspec.json.Decoder(dict[str, Raw])
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(data: bytes | Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """`data` through `decoder`. Raises BadAnswer when it is not JSON or not of that shape; never quotes it."""
    try:
        return decoder.decode(data)
    except _BROKEN:
        raise BadAnswer("the provider's answer is not the JSON of its dialect") from None


def read_or_none(data: bytes | Raw, decoder: msgspec.json.Decoder[T]) -> T | None:
    """`data` through `decoder`, or None when it is not of that shape (an HTML error page, a count that is no count)."""
    try:
        return decoder.decode(data)
    except _BROKEN:
        return None


def usage_of(total_in: int, total_out: int, *, cached: int = 0, written: int = 0, reasoning: int = 0) -> Usage | None:
    """Usage from checked counts, in our convention (totals include their parts); None when it contradicts itself.

    A usage that is not believed is estimated later; a wrong one would be booked.
    """
    if total_in > MOST_TOKENS or total_out > MOST_TOKENS or cached + written > total_in or reasoning > total_out:
        return None
    return Usage(total_in, total_out, cached, written, reasoning)


def arguments_text(value: Raw) -> str:
    """A call's arguments, which came as an object, as compact JSON text; none at all are an empty object.

    Raises BadAnswer for anything else: no tool could be called with it.
    """
    data = bytes(value)
    if data in _NO_ARGUMENTS:
        return "{}"
    if not data.startswith(b"{"):
        raise BadAnswer("the provider's answer holds a call whose arguments are no object")
    return msgspec.json.format(data, indent=-1).decode("utf-8", "replace")


def held(completion: Completion) -> Completion:
    """`completion` of a whole answer. Raises BadAnswer when it says nothing at all, or calls a tool that it does not name.

    One that the provider's own failure ended before a word (a call that it could not spell, say) is no answer either.
    """
    said = completion.text or completion.thoughts or completion.refusal or completion.tool_calls or completion.others
    if not said and completion.finish_reason in (None, "error"):
        raise silent(completion.finish_reason)
    for answer in (completion, *completion.others):
        for call in answer.tool_calls:
            if not call.name:
                raise BadAnswer("the provider's answer holds a call without a name")
    return completion


def silent(finish: FinishReason | None) -> BadAnswer:
    """What an answer without a word is, by how it ended."""
    if finish == "error":
        return BadAnswer("the provider broke off its answer before the first word")
    return BadAnswer("the provider's answer says nothing")


def arguments_object(text: str) -> Raw:
    """A call's arguments, which a model wrote as text, as an object; what is none cannot be shown as one and is empty."""
    data = text.encode()
    return Raw(b"{}" if read_or_none(data, _object) is None else data)
