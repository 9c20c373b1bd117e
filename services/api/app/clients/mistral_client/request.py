"""From a ChatRequest to Mistral's chat body. Nothing may enter that is not in its schema: unknown fields are refused (422)."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import ChatRequest, Message
from ...domain.target import Target
from ...errors import CallerError
from ..common.protocols import Call
from ..common.turns import texts_of

DIALECT: Final = "mistral"
HOTTEST: Final = 1.5
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_TRUE: Final = Raw(b"true")
_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request. There are no stream options here: usage always comes with the last chunk."""
    dropped: list[str] = []
    original = request.original
    if original is not None and original.dialect == DIALECT:
        fields: dict[str, Any] = dict(original.fields)
        fields.pop("router", None)
        fields.pop("stream", None)
    else:
        fields = _translated(request, target, dropped)
    if "sampling" not in target.capabilities:
        dropped += [name for name in _SAMPLING if fields.pop(name, None) is not None]
    fields["model"] = target.model_id
    if stream:
        fields["stream"] = _TRUE
    return Call(
        url=f"{target.base_url}/chat/completions",
        body=_encode(fields),
        headers=_HEADERS,
        auth="bearer" if target.key_env else "",
        stream=stream,
        dropped=tuple(dropped),
    )


def _translated(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"messages": _messages(request)}
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens if target.max_output is None else min(request.max_tokens, target.max_output)
    if request.temperature is not None:
        fields["temperature"] = min(request.temperature, HOTTEST)
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if request.stop:
        fields["stop"] = request.stop
    if request.json_mode:
        fields["response_format"] = {"type": "json_object"}
    if request.seed is not None:
        if request.seed >= 0:
            fields["random_seed"] = request.seed
        else:
            dropped.append("seed")
    return fields


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    messages = [said for message in request.messages if (said := _message(message))]
    if not messages:
        raise CallerError("messages: there is no text in them", param="messages")
    if messages[-1]["role"] == "assistant":
        messages[-1]["prefix"] = True  # else a conversation may not end with the assistant
    return messages


def _message(message: Message) -> dict[str, Any] | None:
    """One message, or None for one that says nothing."""
    texts = texts_of(message)
    if not texts:
        return None
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]}
