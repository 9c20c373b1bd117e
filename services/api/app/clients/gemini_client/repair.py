"""The one repair of a body of this dialect on its way to Gemini: signatures that the model cannot have made. All else stays."""

from typing import Any

import msgspec
from msgspec import Raw

from ..common.seal import signed_by
from .contents import DIALECT
from .model import checks_signatures
from .signatures import MARKS, UNSIGNED, opened
from .spelling import camel

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode
_encode = msgspec.json.Encoder().encode


def own_contents(contents: Raw, model_id: str) -> tuple[Raw, bool]:
    """`contents` with every signature bare, and whether another model's was left out; untouched when nothing is sealed."""
    body = bytes(contents)
    if not any(mark in body for mark in MARKS):
        return contents, False
    turns = camel(_decode(body))
    foreign = False
    for turn in turns:
        kept = []
        for part in turn["parts"]:
            fits = _unseal(part, model_id)
            foreign = foreign or not fits
            if fits or not _is_thought(part):
                kept.append(part)
        turn["parts"] = kept
    return Raw(_encode([turn for turn in turns if turn["parts"]])), foreign


def _unseal(part: dict[str, Any], model_id: str) -> bool:
    """Open a part's signature in place; False = another model's, now gone."""
    told = part.get("thoughtSignature")
    if not isinstance(told, str):
        return True
    signature, signer = opened(told)
    if signed_by(signer, DIALECT, model_id):
        part["thoughtSignature"] = signature
        return True
    del part["thoughtSignature"]
    if "functionCall" in part and checks_signatures(model_id):
        part["thoughtSignature"] = UNSIGNED
    return False


def _is_thought(part: dict[str, Any]) -> bool:
    """Whether a part is a thought or, its signature gone, nothing at all."""
    return bool(part.get("thought")) or not any(part.values())
