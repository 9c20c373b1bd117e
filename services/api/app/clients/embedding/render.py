"""Vectors in OpenAI's shape, as callers of `POST /v1/embeddings` read them. No provider's own form may enter."""

from typing import Any

import msgspec

from ...domain.embedding import Embedded

_encode = msgspec.json.Encoder().encode


def render(embedded: Embedded, model: str, tokens: int) -> bytes:
    """The reply: the provider's own body, or one spelled out. `model` and `tokens` stand in for what the provider did not say."""
    if embedded.raw:
        return embedded.raw
    counted = embedded.usage.input_tokens if embedded.usage is not None else tokens
    body: dict[str, Any] = {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(embedded.vectors)],
        "model": embedded.model_id or model,
        "usage": {"prompt_tokens": counted, "total_tokens": counted},
    }
    return _encode({**body, **embedded.extra})
