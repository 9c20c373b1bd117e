"""The caller's own Messages body on its way to Anthropic: untouched but for what this model would refuse. Edits are reported."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import Called, ChatRequest, Original, Reasoning
from ...domain.target import Target
from ..common.seal import is_sealed, signed_by, unsealed
from .dialect import DIALECT, uncarried
from .thinking import Told, limit_of, thinks, told, unthought_loop

_ROUTERS: Final = ("router", "stream", "model", "max_tokens")
_SEALED: Final = b'"lr1.'


class _Turn(Struct):
    role: str
    content: str | list[Raw]


class _Signed(Struct):
    type: str
    signature: str = ""
    data: str = ""


class _Type(Struct):
    type: str = ""


_turns = msgspec.json.Decoder(list[Raw])
_turn = msgspec.json.Decoder(_Turn)
_signed = msgspec.json.Decoder(_Signed)
_type = msgspec.json.Decoder(_Type)
_object = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


def own_fields(request: ChatRequest, original: Original, target: Target, dropped: list[str]) -> dict[str, Any]:
    """The body's fields, without the model, the form of the answer (`stream`) and what is ours."""
    fields: dict[str, Any] = dict(original.fields)
    for name in _ROUTERS:
        fields.pop(name, None)
    if _is_foreign(request, fields, target):
        fields["messages"] = _resigned(fields["messages"], target, dropped)
    _fit_thinking(request, fields, target, dropped)
    return fields


def _is_foreign(request: ChatRequest, fields: dict[str, Any], target: Target) -> bool:
    """Whether a thought or call carries a signature that this model would not take as it is spelled."""
    signed = [
        part
        for message in request.messages
        for part in message.parts
        if type(part) is Reasoning or (type(part) is Called and part.signature)
    ]
    if not signed:
        return False
    return any(not signed_by(part.signer, DIALECT, target.model_id) for part in signed) or _SEALED in bytes(fields["messages"])


def _resigned(messages: Raw, target: Target, dropped: list[str]) -> Raw:
    """The turns, with sealed signatures opened and thoughts of other models left out; turns without them byte for byte."""
    kept: list[Raw] = []
    for raw in _turns.decode(messages):
        turn = _turn.decode(raw)
        if turn.role != "assistant" or isinstance(turn.content, str):
            kept.append(raw)
            continue
        blocks = [block for block in (_own_block(block, target) for block in turn.content) if block is not None]
        if len(blocks) < len(turn.content):
            dropped.append("thinking")
        if blocks != turn.content and blocks:
            kept.append(Raw(_encode({**_object.decode(raw), "content": blocks})))
        elif blocks:
            kept.append(raw)
    return Raw(_encode(kept))


def _own_block(raw: Raw, target: Target) -> Raw | None:
    """The block as this model gave it, None for another model's."""
    block = _signed.decode(raw)
    if block.type not in ("thinking", "redacted_thinking"):
        return raw
    place = "signature" if block.type == "thinking" else "data"
    text = block.signature or block.data
    signature, signer = unsealed(text, DIALECT)
    if uncarried(text)[1] or not signed_by(signer, DIALECT, target.model_id):
        return None
    return Raw(_encode({**_object.decode(raw), place: signature})) if is_sealed(text) else raw


def _fit_thinking(request: ChatRequest, fields: dict[str, Any], target: Target, dropped: list[str]) -> None:
    """Set `max_tokens`, and say anew how much to think where this model would refuse the caller's way of saying it."""
    wish = request.thinking
    limit = limit_of(request.max_tokens, target)
    fields["max_tokens"] = limit
    if wish is None or not target.known:
        return
    way = _type.decode(fields["thinking"]).type if "thinking" in fields and bytes(fields["thinking"]) != b"null" else ""
    stuck = way == "enabled" and "thinking" in dropped and unthought_loop(request, target)
    if _is_fit(request, way, target) and not stuck and (wish.budget is None or wish.budget < limit):
        return
    anew = told(wish, target, request.max_tokens, stuck, [])
    if way:
        fields["max_tokens"] = anew.max_tokens
    _say_anew(anew, way, fields, dropped)


def _is_fit(request: ChatRequest, way: str, target: Target) -> bool:
    """Whether the model takes this way of saying it and this effort."""
    effort = request.thinking.effort if request.thinking is not None else None
    if not thinks(target):
        return False
    if way and target.thinking and way not in target.thinking:
        return False
    if effort in (None, "none"):
        return True
    return effort in target.efforts if target.efforts else not target.thinking or "adaptive" in target.thinking


def _say_anew(anew: Told, way: str, fields: dict[str, Any], dropped: list[str]) -> None:
    if way:
        said = _object.decode(fields.pop("thinking"))
        if anew.thinking is not None:
            # how the thoughts are shown is the model's to choose where neither the caller nor the new way of saying it tells
            untold = way == anew.thinking["type"] and "display" not in said
            fields["thinking"] = {name: told for name, told in anew.thinking.items() if not (untold and name == "display")}
        if way != (anew.thinking or {}).get("type", "disabled"):
            dropped.append("thinking")
    output = _object.decode(fields.pop("output_config", None) or b"{}")
    asked = output.pop("effort", None)
    effort = None if anew.effort is None else Raw(_encode(anew.effort))
    if effort is not None and (asked is not None or way):
        output["effort"] = effort
    if asked is not None and bytes(asked) != bytes(output.get("effort", b"")):
        dropped.append("reasoning_effort")
    if output:
        fields["output_config"] = output
