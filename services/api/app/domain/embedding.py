"""What a caller wants turned into vectors, and the vectors. Only values: no dialect's field names."""

from typing import Any, Literal

from msgspec import Raw, Struct

from .answer import Usage
from .request import Original

Encoding = Literal["float", "base64"]
Vector = list[float] | str
"""One embedding: its numbers, or the base64 of them as little-endian float32."""


class EmbedRequest(Struct, frozen=True, kw_only=True):
    """One parsed call: the inputs are `texts`, or `tokens` (ids of the model's own tokenizer), never both.

    `dimensions` is the wished length of a vector, None = the model's own. `encoding` is the form the caller reads. `extra` names
    the fields that only the caller's own dialect has; `original` keeps the body for hosts that speak it.
    """

    model: str
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    dimensions: int | None = None
    encoding: Encoding = "float"
    user: str | None = None
    metadata: dict[str, Any] | None = None
    session: str | None = None
    explain: bool = False
    extra: tuple[str, ...] = ()
    original: Original

    @property
    def count(self) -> int:
        """How many vectors are due."""
        return len(self.texts) or len(self.tokens)


class Embedded(Struct, frozen=True):
    """The vectors of one call, in the order of its inputs and in the form the caller reads.

    `raw` is the provider's body where it can go to the caller as it is; `extra` what else it says in the caller's dialect.
    """

    vectors: tuple[Vector, ...]
    usage: Usage | None = None
    model_id: str = ""
    raw: bytes = b""
    extra: dict[str, Raw] = {}
