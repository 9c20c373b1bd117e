"""What both directions of Anthropic's dialect share: its ids, and how a call's signature travels. No shapes of bodies."""

import re
from typing import Final

from ..common.call_ids import CallIds, spelled_hex
from ..common.seal import is_sealed

DIALECT: Final = "anthropic"
MIN_BUDGET: Final = 1024
"""Tokens: the least that a model may be told to think."""

_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
# stands behind a sealed signature; no signature holds it, since base64 has no full stop
_OF_CALL: Final = ".call."


def call_ids() -> CallIds:
    """Ids of calls as this dialect accepts them, for one conversation or one answer."""
    return CallIds(_ID, spelled_hex("toolu_"))


def carried(signature: str, call_id: str) -> str:
    """The data of an encrypted thought that carries the signature of a call, for which `tool_use` has no place.

    Callers of this dialect give such thoughts back unread, and some providers refuse a call without its signature.
    """
    return f"{signature}{_OF_CALL}{call_id}"


def uncarried(data: str) -> tuple[str, str]:
    """(sealed signature, call id) of what `carried` made; empty for a real encrypted thought."""
    if not is_sealed(data):
        return "", ""
    signature, found, call_id = data.rpartition(_OF_CALL)
    return (signature, call_id) if found else ("", "")
