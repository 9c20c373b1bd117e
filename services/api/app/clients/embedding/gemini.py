"""Embeddings in Gemini's dialect: one request per input in a batch, vectors as numbers."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Usage
from ...domain.embedding import EmbedRequest
from ...domain.target import Target
from ..common.protocols import Call
from ..common.said import NOTHING, Count, read, read_or_none, usage_of
from .vectors import Said, unit

_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


class Values(Struct, frozen=True):
    """One vector."""

    values: list[float]


class Reply(Struct, frozen=True):
    """A reply to a batch."""

    embeddings: list[Values]
    usageMetadata: Raw = NOTHING  # noqa: N815 - the dialect's spelling


class Spent(Struct, frozen=True):
    """What was counted; older models count nothing."""

    promptTokenCount: Count = None  # noqa: N815 - the dialect's spelling


_reply: Final = msgspec.json.Decoder(Reply)
_spent: Final = msgspec.json.Decoder(Spent | None)


def encode(request: EmbedRequest, target: Target) -> Call:
    """The HTTP request; the model stands in the URL and again in each part of the batch."""
    shared: dict[str, Any] = {"model": f"models/{target.model_id}"}
    if request.dimensions is not None and request.dimensions != target.dimensions:
        shared["outputDimensionality"] = request.dimensions
    parts = [{**shared, "content": {"parts": [{"text": text}]}} for text in request.texts]
    told = (("user", request.user), ("metadata", request.metadata))
    return Call(
        url=f"{target.base_url}/v1/models/{quote(target.model_id, safe='')}:batchEmbedContents",
        body=_encode({"requests": parts}),
        headers=_HEADERS,
        auth="x-goog-api-key" if target.key_env else "",
        dropped=(*request.extra, *[name for name, wish in told if wish is not None]),
    )


def decode(body: bytes, request: EmbedRequest) -> Said:
    """The answer. Raises BadAnswer when it is none.

    Shortened vectors are scaled to length 1, as OpenAI's are: Gemini's first model leaves that to the caller, who asked in a
    dialect where a dot product is a cosine.
    """
    reply = read(body, _reply)
    vectors = [one.values if request.dimensions is None else unit(one.values) for one in reply.embeddings]
    return Said(vectors=[*vectors], usage=_counted(reply.usageMetadata))


def _counted(usage: Raw) -> Usage | None:
    spent = read_or_none(usage, _spent)
    return None if spent is None or spent.promptTokenCount is None else usage_of(spent.promptTokenCount, 0)
