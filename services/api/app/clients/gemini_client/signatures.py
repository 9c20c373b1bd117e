"""How this dialect's face shows signatures: its field holds base64, which the router's own seal is not. Nothing else may enter."""

import base64
import binascii
from typing import Final

from ..common.seal import is_sealed, unsealed

_DIALECT: Final = "gemini"
_SEAL: Final = "lr1."
# how a sealed signature begins in a body: as it is, and in base64
MARKS: Final = (b'"' + _SEAL.encode(), b'"' + base64.b64encode(_SEAL.encode())[:5])
# Google's own stand-in for the signature of a call that another model made (or nobody kept); read as these very letters
UNSIGNED: Final = "skip_thought_signature_validator"
_SAFE: Final = str.maketrans("-_", "+/")


def standard(text: str) -> str:
    """Base64 in its usual alphabet; Google's SDK writes the one for URLs."""
    return text.translate(_SAFE)


def shown(sealed: str) -> str:
    """A sealed signature as a caller of this dialect gets it: bare when it is Gemini's own, else the seal in base64."""
    signature, signer = unsealed(sealed, _DIALECT)
    return signature if signer in ("", _DIALECT) else base64.b64encode(sealed.encode()).decode()


def opened(told: str) -> tuple[str, str]:
    """(signature, signer) of what such a caller sends back; one that was never sealed is Gemini's own, UNSIGNED is none."""
    if told == UNSIGNED:
        return "", ""
    if not is_sealed(told):
        try:
            inner = base64.b64decode(standard(told).encode(), validate=True).decode()
        except (binascii.Error, ValueError):
            inner = ""
        told = inner if is_sealed(inner) else told
    return unsealed(told, _DIALECT)
