"""Which dialects have embeddings, and how each is spoken. A dialect that is not here has none (Anthropic's)."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ...domain.embedding import Embedded, EmbedRequest
from ...domain.target import Target
from ..common.protocols import Call
from . import gemini, mistral, openai
from .vectors import Said, sound


class Speech(Struct, frozen=True):
    """One dialect. `takes_tokens` = inputs may be token ids."""

    encode: Callable[[EmbedRequest, Target], Call]
    decode: Callable[[bytes, EmbedRequest], Said]
    takes_tokens: bool = False


SPEECHES: Final[dict[str, Speech]] = {
    "openai": Speech(openai.encode, openai.decode, takes_tokens=True),
    "mistral": Speech(mistral.encode, mistral.decode),
    "gemini": Speech(gemini.encode, gemini.decode),
}


def carries(request: EmbedRequest, target: Target) -> bool:
    """Whether this target's dialect can carry the request."""
    speech = SPEECHES.get(target.dialect)
    return speech is not None and (speech.takes_tokens or not request.tokens)


def encode(request: EmbedRequest, target: Target) -> Call:
    """The HTTP request for a target that `carries` it."""
    return SPEECHES[target.dialect].encode(request, target)


def decode(body: bytes, request: EmbedRequest, target: Target) -> Embedded:
    """A 200's body in the caller's form. Raises BadAnswer when it is no answer to this request."""
    return sound(SPEECHES[target.dialect].decode(body, request), request)
