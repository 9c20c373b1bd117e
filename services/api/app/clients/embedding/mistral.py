"""Embeddings in Mistral's dialect: nothing may enter its body that its schema does not have, and vectors come as numbers."""

from typing import Any, Final

import msgspec

from ...domain.embedding import EmbedRequest
from ...domain.target import Target
from ..common.protocols import Call
from .openai import decode as decode_numbers
from .vectors import Said

_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


def encode(request: EmbedRequest, target: Target) -> Call:
    """The HTTP request. A wish for the length the model has anyway is left out, since most models refuse any."""
    fields: dict[str, Any] = {"model": target.model_id, "input": request.texts}
    if request.dimensions is not None and request.dimensions != target.dimensions:
        fields["output_dimension"] = request.dimensions
    if request.metadata is not None:
        fields["metadata"] = request.metadata
    dropped = request.extra if request.user is None else (*request.extra, "user")
    return Call(
        url=f"{target.base_url}/embeddings",
        body=_encode(fields),
        headers=_HEADERS,
        auth="bearer" if target.key_env else "",
        dropped=dropped,
    )


def decode(body: bytes, request: EmbedRequest) -> Said:
    """The answer, in the shape that OpenAI has too. Raises BadAnswer when it is none."""
    said = decode_numbers(body, request)
    return Said(said.vectors, said.usage, said.model_id)
