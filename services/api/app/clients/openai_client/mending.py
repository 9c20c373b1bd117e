"""Edits inside the caller's own messages, for the few cases in which they must not go upstream as they came.

Everything else of the messages stays; nothing is edited for the sake of style.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import Called, ChatRequest
from ..common.call_ids import CallIds, spelled_hex
from ..common.seal import is_sealed, signed_by, unsealed

_encode = msgspec.json.Encoder().encode
_messages = msgspec.json.Decoder(list[dict[str, Any]]).decode
MOST_ID: Final = 40
ACCEPTED_IDS: Final = re.compile(rf".{{1,{MOST_ID}}}", re.DOTALL)
"""OpenAI answers longer ones with its error `string_above_max_length`; other hosts take any."""
_SEAL: Final = b"lr1."


def with_true_types(messages: Raw, mended: Mapping[tuple[int, int], str]) -> Raw:
    """The messages with the images' URLs at (message, part) replaced by those that say the true type."""
    decoded = _messages(messages)
    for (message, place), url in mended.items():
        part = decoded[message]["content"][place]
        if isinstance(part["image_url"], dict):
            part["image_url"]["url"] = url
        else:
            part["image_url"] = url
    return Raw(_encode(decoded))


def with_open_seals(messages: Raw, model_id: str) -> tuple[Raw, bool]:
    """(the messages without any seal of ours, whether thoughts or signatures of another model were left out).

    What this dialect's own hosts signed goes back to them as they signed it. A turn with another model's thoughts loses
    them, as a thought is never shown to a model as if it were its own or a plain text.
    """
    if bytes(messages).find(_SEAL) < 0:
        return messages, False
    decoded = _messages(messages)
    lost = [_open_turn(message, model_id) for message in decoded if message.get("role") == "assistant"]
    return Raw(_encode(decoded)), any(lost)


def with_short_ids(messages: Raw, request: ChatRequest) -> Raw:
    """The messages with call ids that OpenAI takes, where a host of its dialect gave longer ones (vLLM's have 46 characters)."""
    long = (isinstance(part, Called) and len(part.id) > MOST_ID for message in request.messages for part in message.parts)
    if len(request.messages) < 2 or not any(long):
        return messages
    decoded = _messages(messages)
    rename(decoded, CallIds(ACCEPTED_IDS, spelled_hex("call_")))
    return Raw(_encode(decoded))


def rename(messages: list[dict[str, Any]], ids: CallIds) -> None:
    """Give calls, and the results that answer them, other ids, in place."""
    for message in messages:
        for call in message.get("tool_calls") or ():
            if isinstance(call.get("id"), str):
                call["id"] = ids.called(call["id"])
        if isinstance(message.get("tool_call_id"), str):
            message["tool_call_id"] = ids.answered(message["tool_call_id"])


def _open_turn(message: dict[str, Any], model_id: str) -> bool:
    lost = _open_details(message, model_id)
    for call in message.get("tool_calls") or ():
        google = _google(call)
        if google is not None and is_sealed(google["thought_signature"]):
            signature, signer = unsealed(google["thought_signature"], "openai")
            if signed_by(signer, "openai", model_id):
                google["thought_signature"] = signature
            else:
                del call["extra_content"]
                lost = True
    return lost


def _open_details(message: dict[str, Any], model_id: str) -> bool:
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return False
    kept = [detail for detail in details if _open_detail(detail, model_id)]
    if len(kept) == len(details):
        return False
    for name in ("reasoning_details", "reasoning_content", "reasoning"):
        message.pop(name, None)
    return True


def _open_detail(detail: Any, model_id: str) -> bool:
    """Opens an item of `reasoning_details` in place; False when it is another model's."""
    if not isinstance(detail, dict):
        return True
    for name in ("signature", "data"):
        text = detail.get(name)
        if isinstance(text, str) and is_sealed(text):
            detail[name], signer = unsealed(text, "openai")
            if not signed_by(signer, "openai", model_id):
                return False
    return True


def _google(call: Any) -> dict[str, Any] | None:
    extra = call.get("extra_content") if isinstance(call, dict) else None
    google = extra.get("google") if isinstance(extra, dict) else None
    return google if isinstance(google, dict) and isinstance(google.get("thought_signature"), str) else None
