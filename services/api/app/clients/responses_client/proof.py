"""Proofs of thoughts and calls in the one place that this dialect has for them, a reasoning item's `encrypted_content`.

A reasoning item may hold a thought's signature, a whole encrypted thought, or (since calls have no field for one) the
signature of a call: the last two are marked. Callers give the items back as they are.
"""

from typing import Final

from ...domain.answer import Thought
from ...domain.request import Reasoning
from ..common.seal import unsealed

_REDACTED: Final = "redacted:"
_CALL: Final = "call:"


def shown_proof(thought: Thought) -> str:
    """The `encrypted_content` of a thought, "" for one without proof."""
    return _REDACTED + thought.redacted if thought.redacted else thought.signature


def shown_call_proof(call_id: str, signature: str) -> str:
    """The `encrypted_content` that carries the signature of a call."""
    return f"{_CALL}{signature} {call_id}"


def call_proof(content: str, dialect: str) -> tuple[str, str, str] | None:
    """(call id, signature, signer) out of an `encrypted_content` that carries a call's, else None."""
    if not content.startswith(_CALL):
        return None
    signature, _, call_id = content.removeprefix(_CALL).partition(" ")
    return call_id, *unsealed(signature, dialect)


def thought_of(text: str, content: str, dialect: str) -> Reasoning:
    """The thought of a reasoning item."""
    if content.startswith(_REDACTED):
        redacted, signer = unsealed(content.removeprefix(_REDACTED), dialect)
        return Reasoning(text, redacted=redacted, signer=signer)
    signature, signer = unsealed(content, dialect)
    return Reasoning(text, signature=signature, signer=signer)
