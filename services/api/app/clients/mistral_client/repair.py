"""The edits that a body of Mistral's own dialect needs before it goes on. Everything else in it stays as the caller wrote it."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ..common.seal import is_sealed, signed_by, unsealed
from .words import DIALECT

_SIGNED: Final = b'"signature"'
_decode = msgspec.json.Decoder(list[Any]).decode
_encode = msgspec.json.Encoder().encode


def own_messages(messages: Raw, model_id: str) -> tuple[Raw, bool]:
    """The messages with signatures as this model gave them; (messages, whether another model's thoughts were left out).

    A signature that we sealed is opened; a thought that another dialect signed would be refused.
    """
    if _SIGNED not in bytes(messages):
        return messages, False
    turns: list[dict[str, Any]] = []
    edited = lost = False
    for turn in _decode(messages):
        content = turn.get("content")
        if isinstance(content, list):
            kept = [chunk for chunk in content if not _is_foreign(chunk, model_id)]
            opened = [chunk for chunk in kept if _open(chunk)]
            lost = lost or len(kept) < len(content)
            edited = edited or lost or bool(opened)
            turn["content"] = kept or ""
        if content == turn.get("content") or turn["content"] or turn.get("tool_calls"):
            turns.append(turn)
    return (Raw(_encode(turns)) if edited else messages), lost


def _is_foreign(chunk: dict[str, Any], model_id: str) -> bool:
    signature = chunk.get("signature")
    return (
        isinstance(signature, str) and is_sealed(signature) and not signed_by(unsealed(signature, DIALECT)[1], DIALECT, model_id)
    )


def _open(chunk: dict[str, Any]) -> bool:
    """Put a sealed signature back as it was; whether there was one."""
    signature = chunk.get("signature")
    if not isinstance(signature, str) or not is_sealed(signature):
        return False
    chunk["signature"] = unsealed(signature, DIALECT)[0]
    return True
