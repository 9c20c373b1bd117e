"""From a ChatRequest to Gemini's generateContent body. The caller's own fields, if of this dialect, travel untouched."""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from ...domain.request import ChatRequest
from ...domain.target import Target
from ..common.protocols import Call
from ..common.turns import Turn, conversation

DIALECT: Final = "gemini"
MOST_STOPS: Final = 5
_SEEDS: Final = range(-(2**31), 2**31)
_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request; the model and the wish for a stream stand in the URL. Without `alt=sse` a stream is a JSON array."""
    dropped: list[str] = []
    original = request.original
    if original is not None and original.dialect == DIALECT:
        fields: dict[str, Any] = dict(original.fields)
        for name in ("model", "router", "stream"):
            fields.pop(name, None)
    else:
        fields = _translated(request, target, dropped)
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return Call(
        url=f"{target.base_url}/v1/models/{quote(target.model_id, safe='')}:{verb}",
        body=_encode(fields),
        headers=_HEADERS,
        auth="x-goog-api-key" if target.key_env else "",
        stream=stream,
        dropped=tuple(dropped),
    )


def _translated(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    system, turns = conversation(request)
    fields: dict[str, Any] = {"contents": [_content(turn) for turn in turns]}
    if system:
        fields["systemInstruction"] = {"parts": [{"text": "\n\n".join(system)}]}
    config = _limits(request, target, dropped) | _sampling(request, target, dropped)
    if config:
        fields["generationConfig"] = config
    return fields


def _content(turn: Turn) -> dict[str, Any]:
    return {"role": "model" if turn.assistant else "user", "parts": [{"text": text} for text in turn.texts]}


def _limits(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    """How the answer ends and what form it has."""
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = (
            request.max_tokens if target.max_output is None else min(request.max_tokens, target.max_output)
        )
    stop = [text for text in request.stop if text][:MOST_STOPS]
    if stop:
        config["stopSequences"] = stop
    if len(stop) < len(request.stop):
        dropped.append("stop")
    if request.json_mode:
        config["responseMimeType"] = "application/json"
    return config


def _sampling(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    """Temperature and the like, for models that take them; a seed is a 32-bit number here."""
    config: dict[str, Any] = {}
    for name, wish in (("temperature", request.temperature), ("top_p", request.top_p)):
        if wish is None:
            continue
        if "sampling" in target.capabilities:
            config["topP" if name == "top_p" else name] = wish
        else:
            dropped.append(name)
    if request.seed is not None:
        if request.seed in _SEEDS:
            config["seed"] = request.seed
        else:
            dropped.append("seed")
    return config
