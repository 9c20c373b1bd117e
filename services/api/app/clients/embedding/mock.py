"""An embedding model without a key, played: it reads our calls and answers in its dialect's own bytes. Equal texts, equal vectors."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct

from ...domain.embedding import Vector
from ...domain.target import Target
from ...text.tokens import estimate_tokens
from ..common.protocols import Call
from .vectors import packed

UNKNOWN_DIMENSIONS: Final = 1024
"""The length of played vectors for a model that the catalogue does not know."""
Length = Annotated[int, Meta(ge=1)] | None
Input = str | list[int]
_encode = msgspec.json.Encoder().encode


class Asked(Struct, frozen=True):
    """What OpenAI's and Mistral's bodies say; each has its own name for the length."""

    input: str | list[str | int | list[int]]
    dimensions: Length = None
    output_dimension: Length = None
    encoding_format: str | None = None


class Part(Struct, frozen=True):
    """A text in Gemini's body."""

    text: str = ""


class Content(Struct, frozen=True):
    """The parts of one input."""

    parts: list[Part]


class Wanted(Struct, frozen=True):
    """One input of a batch."""

    content: Content
    outputDimensionality: Length = None  # noqa: N815 - the dialect's spelling


class Batch(Struct, frozen=True):
    """Gemini's body."""

    requests: list[Wanted]


_asked: Final = msgspec.json.Decoder(Asked)
_batch: Final = msgspec.json.Decoder(Batch)


def plays(call: Call) -> bool:
    """Whether this call asks for embeddings."""
    return call.url.endswith(("/embeddings", ":batchEmbedContents"))


def played(call: Call, target: Target) -> bytes:
    """The answer's body."""
    return _PLAYED[target.dialect](call.body, target)


def played_vector(one: Input, model_id: str, length: int) -> list[float]:
    """A vector of length 1 that only the input and the model decide: from their hash, with no meaning at all."""
    seed = msgspec.json.encode([model_id, one])
    drawn = np.frombuffer(hashlib.shake_256(seed).digest(4 * length), "<u4").astype(np.float64) / 2**31 - 1
    numbers: list[float] = (drawn / np.linalg.norm(drawn)).astype(np.float32).tolist()
    return numbers


def _in_openai(body: bytes, target: Target) -> bytes:
    asked = _asked.decode(body)
    inputs = _inputs(asked.input)
    length = asked.dimensions or asked.output_dimension or target.dimensions or UNKNOWN_DIMENSIONS
    vectors: list[Vector] = [played_vector(one, target.model_id, length) for one in inputs]
    if asked.encoding_format == "base64":
        vectors = [packed(vector) if isinstance(vector, list) else vector for vector in vectors]
    count = _tokens(inputs)
    return _encode(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)],
            "model": target.model_id,
            "usage": {"prompt_tokens": count, "total_tokens": count},
        }
    )


def _in_mistral(body: bytes, target: Target) -> bytes:
    told: dict[str, object] = msgspec.json.decode(_in_openai(body, target))
    return _encode({"id": hashlib.sha256(body).hexdigest()[:32], **told})


def _in_gemini(body: bytes, target: Target) -> bytes:
    wanted = _batch.decode(body).requests
    texts = ["".join([part.text for part in one.content.parts]) for one in wanted]
    lengths = [one.outputDimensionality or target.dimensions or UNKNOWN_DIMENSIONS for one in wanted]
    vectors = [played_vector(text, target.model_id, length) for text, length in zip(texts, lengths, strict=True)]
    return _encode(
        {"embeddings": [{"values": vector} for vector in vectors], "usageMetadata": {"promptTokenCount": _tokens(texts)}}
    )


def _inputs(given: str | list[str | int | list[int]]) -> list[Input]:
    if isinstance(given, str):
        return [given]
    ids = [one for one in given if isinstance(one, int)]
    return [ids] if ids else [one for one in given if not isinstance(one, int)]


def _tokens(inputs: Sequence[Input]) -> int:
    return sum([estimate_tokens(one) if isinstance(one, str) else len(one) for one in inputs])


_PLAYED: Final[dict[str, Callable[[bytes, Target], bytes]]] = {
    "openai": _in_openai,
    "mistral": _in_mistral,
    "gemini": _in_gemini,
}
