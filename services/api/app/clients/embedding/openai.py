"""Embeddings in OpenAI's dialect, shared by all compatible hosts: the caller's body and the host's, untouched where they can be."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Usage
from ...domain.embedding import EmbedRequest
from ...domain.target import Target
from ...errors import BadAnswer
from ..common.protocols import Call
from ..common.said import NOTHING, Count, read, read_or_none, usage_of
from .vectors import Said

FLOATS_ONLY: Final = "float_embeddings"
"""The quirk of hosts that refuse `encoding_format`: they are not told, and what they send is converted."""
_HEADERS: Final = (("content-type", "application/json"),)
_OURS: Final = ("object", "data", "model", "usage")
_encode = msgspec.json.Encoder().encode


class Item(Struct, frozen=True):
    """One vector of a reply, and the input it belongs to."""

    embedding: list[float] | str
    index: int | None = None


class Reply(Struct, frozen=True):
    """A reply, as leniently as hosts differ."""

    data: list[Item]
    model: str | None = None
    usage: Raw = NOTHING


class Spent(Struct, frozen=True):
    """What was counted."""

    prompt_tokens: Count = None


_reply: Final = msgspec.json.Decoder(Reply)
_spent: Final = msgspec.json.Decoder(Spent | None)
_fields: Final = msgspec.json.Decoder(dict[str, Raw])


def encode(request: EmbedRequest, target: Target) -> Call:
    """The HTTP request: the caller's fields with this host's name of the model."""
    fields: dict[str, Any] = dict(request.original.fields)
    fields.pop("router", None)
    if FLOATS_ONLY in target.quirks:
        fields.pop("encoding_format", None)
    fields["model"] = target.model_id
    return Call(
        url=f"{target.base_url}/embeddings", body=_encode(fields), headers=_HEADERS, auth="bearer" if target.key_env else ""
    )


def decode(body: bytes, request: EmbedRequest) -> Said:
    """The answer; `raw` is the body when nothing in it needs an edit. Raises BadAnswer when it is none."""
    reply = read(body, _reply)
    items = in_order(reply.data)
    usage = counted(reply.usage)
    as_asked = all(isinstance(item.embedding, str) is (request.encoding == "base64") for item in items)
    own = as_asked and usage is not None and items is reply.data
    return Said(
        vectors=[item.embedding for item in items],
        usage=usage,
        model_id=reply.model or "",
        raw=body if own else b"",
        extra={} if own else {name: raw for name, raw in read(body, _fields).items() if name not in _OURS},
    )


def in_order(items: list[Item]) -> list[Item]:
    """The items by their index: the same list if they came so. Raises BadAnswer for indexes that repeat, miss or lie outside."""
    places = [place if item.index is None else item.index for place, item in enumerate(items)]
    wanted = list(range(len(items)))
    if places == wanted:
        return items
    if sorted(places) != wanted:
        raise BadAnswer("the provider's embeddings cannot be matched to the inputs")
    return [item for _, item in sorted(zip(places, items, strict=True), key=lambda pair: pair[0])]


def counted(usage: Raw) -> Usage | None:
    """Usage in our convention; None when there is none or the count is no count."""
    spent = read_or_none(usage, _spent)
    return None if spent is None or spent.prompt_tokens is None else usage_of(spent.prompt_tokens, 0)
