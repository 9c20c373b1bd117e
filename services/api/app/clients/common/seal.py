"""Signatures of thoughts and calls on their way through callers of any dialect: each carries whose it is.

A provider refuses another one's signatures, and callers give back what they got without knowing whose it was. So a
signature leaves its wire sealed with the wire's dialect and is opened when it comes back. Nothing is encrypted here.
"""

from typing import Final

_SEAL: Final = "lr1."


def sealed(dialect: str, signature: str) -> str:
    """`signature` marked as one of this dialect; nothing stays nothing."""
    return f"{_SEAL}{dialect}.{signature}" if signature else ""


def unsealed(text: str, dialect: str) -> tuple[str, str]:
    """(signature, signer) of a signature that came from a caller; one without a seal is of the caller's own `dialect`."""
    if not text.startswith(_SEAL):
        return text, dialect if text else ""
    signer, _, signature = text[len(_SEAL) :].partition(".")
    return signature, signer


def is_sealed(text: str) -> bool:
    """Whether a signature was sealed by us: no provider may get it as it is."""
    return text.startswith(_SEAL)


def signed_by(signer: str, dialect: str, model_id: str) -> bool:
    """Whether a signature of `signer` (a dialect, or dialect/model) may go to this model."""
    return signer in (dialect, f"{dialect}/{model_id}")
