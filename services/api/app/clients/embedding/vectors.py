"""Vectors in their two forms, numbers and base64 of little-endian float32, and whether they are sound. No dialect may enter."""

import math
import struct
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
from msgspec import Raw, Struct
from numpy.typing import NDArray

from ...domain.answer import Usage
from ...domain.embedding import Embedded, EmbedRequest, Vector
from ...errors import BadAnswer


class Said(Struct, frozen=True):
    """What a provider answered, in the order of the inputs and in whatever form; `raw`, `extra` as in Embedded."""

    vectors: list[Vector]
    usage: Usage | None = None
    model_id: str = ""
    raw: bytes = b""
    extra: dict[str, Raw] = {}


def packed(numbers: list[float]) -> str:
    """Numbers as base64 of little-endian float32. Raises BadAnswer for one that no float32 holds."""
    try:
        return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (OverflowError, struct.error):
        raise BadAnswer("the provider sent an embedding with a number that is none") from None


def unpacked(text: str) -> list[float]:
    """The numbers in base64 of little-endian float32. Raises BadAnswer when it is something else, or a number is not finite."""
    numbers: list[float] = _array(text).tolist()
    return numbers


def _array(text: str) -> NDArray[Any]:
    try:
        numbers = np.frombuffer(b64decode(text, validate=True), "<f4")
    except ValueError:
        raise BadAnswer("the provider sent an embedding that is not base64 of float32 numbers") from None
    if not np.isfinite(numbers).all():
        raise BadAnswer("the provider sent an embedding with a number that is none")
    return numbers


def unit(numbers: list[float]) -> list[float]:
    """The numbers scaled to length 1; zeros stay zeros."""
    length = math.hypot(*numbers)
    return [number / length for number in numbers] if length else numbers


def sound(said: Said, request: EmbedRequest) -> Embedded:
    """The answer in the caller's form. Raises BadAnswer unless there is one vector per input, all as long as they have to be.

    Of a body that goes to the caller as it is, base64 is taken at its word when the caller sent fields unknown to us: they
    may ask for other numbers than float32.
    """
    if len(said.vectors) != request.count:
        raise BadAnswer(f"the provider sent {len(said.vectors)} embeddings for {request.count} inputs")
    if not (said.raw and request.extra):
        lengths = {len(_array(vector)) if isinstance(vector, str) else len(vector) for vector in said.vectors}
        if len(lengths) != 1 or 0 in lengths:
            raise BadAnswer("the provider sent embeddings that are empty or of different lengths")
        wished = request.dimensions
        if wished is not None and wished not in lengths:
            raise BadAnswer(f"the provider sent embeddings of {lengths.pop()} dimensions where {wished} were asked for")
    vectors = said.vectors if said.raw else [_in_form(vector, request) for vector in said.vectors]
    return Embedded(tuple(vectors), said.usage, said.model_id, said.raw, said.extra)


def _in_form(vector: Vector, request: EmbedRequest) -> Vector:
    if request.encoding == "base64":
        return vector if isinstance(vector, str) else packed(vector)
    return unpacked(vector) if isinstance(vector, str) else vector
