"""Counting a prompt's tokens (`POST /v1/messages/count_tokens`): asking Anthropic, and answering callers."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from ...domain.request import ChatRequest
from ...domain.target import Target
from ...errors import BadAnswer
from ..common.protocols import Call
from ..common.said import MOST_TOKENS, read
from . import reply
from .request import body_of, called

# what that route takes (anthropic 2.13.0, `MessageCountTokensParams` and its beta); anything else gets the count refused
_TAKEN: Final = frozenset(
    {
        "messages", "system", "tools", "tool_choice", "thinking", "output_config", "speed", "cache_control", "context_management",
        "mcp_servers", "billing_policy", "compaction",
    }
)  # fmt: skip


class _Count(Struct, frozen=True):
    input_tokens: Annotated[int, Meta(ge=0, lt=MOST_TOKENS)] | None = None
    error: reply.ErrorObject | None = None


_count = msgspec.json.Decoder(_Count)


def encode_count(request: ChatRequest, target: Target) -> Call:
    """The HTTP request that asks how many tokens this conversation has for this model."""
    fields, headers, dropped = body_of(request, target)
    kept = {name: value for name, value in fields.items() if name in _TAKEN}
    kept["model"] = target.model_id
    return called(f"{target.base_url}/v1/messages/count_tokens", kept, headers, target, False, dropped)


def held_count(body: bytes) -> bytes:
    """The body of a 200, which holds a count. Raises BadAnswer, or the error that an error object stands for."""
    said = read(body, _count)
    if said.error is not None:
        raise reply.error_of(said.error)
    if said.input_tokens is None:
        raise BadAnswer("the provider's answer holds no count")
    return body


def render_count(tokens: int) -> bytes:
    """The count as callers of this dialect read it."""
    return msgspec.json.encode({"input_tokens": tokens})
