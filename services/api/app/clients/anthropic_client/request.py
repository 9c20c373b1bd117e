"""From a ChatRequest to Anthropic's Messages body. The caller's own fields, when they are of this dialect, travel untouched."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import ChatRequest
from ...domain.target import Target
from ..common.protocols import Call
from ..common.turns import JSON_WISH, Turn, conversation

DIALECT: Final = "anthropic"
# Since 2026-10-21 a request that names any sampling parameter is refused, even at its default
# (platform.claude.com/docs/en/api/migration-2026-10-21), so models that still sample are asked by the version before.
VERSION: Final = "2026-10-21"
SAMPLING_VERSION: Final = "2023-06-01"
DEFAULT_MAX_TOKENS: Final = 4096

_encode = msgspec.json.Encoder().encode
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_TRUE: Final = Raw(b"true")


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request. `dropped` names sampling, a seed and blank stop sequences where they cannot travel."""
    dropped: list[str] = []
    samples = "sampling" in target.capabilities
    original = request.original
    if original is not None and original.dialect == DIALECT:
        fields: dict[str, Any] = dict(original.fields)
        fields.pop("router", None)
        fields.pop("stream", None)
    else:
        fields = _translated(request, dropped)
    if not samples:
        dropped += [name for name in _SAMPLING if fields.pop(name, None) is not None]
    fields["model"] = target.model_id
    fields["max_tokens"] = _max_tokens(request.max_tokens, target)
    if stream:
        fields["stream"] = _TRUE
    return Call(
        url=f"{target.base_url}/v1/messages",
        body=_encode(fields),
        headers=(("content-type", "application/json"), ("anthropic-version", SAMPLING_VERSION if samples else VERSION)),
        auth="x-api-key" if target.key_env else "",
        stream=stream,
        dropped=tuple(dropped),
    )


def _max_tokens(asked: int | None, target: Target) -> int:
    """The required limit: as asked, else a moderate default; never above what the model can write."""
    if asked is None:
        asked = DEFAULT_MAX_TOKENS
    return asked if target.max_output is None else min(asked, target.max_output)


def _translated(request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
    system, turns = conversation(request)
    fields: dict[str, Any] = {"messages": [_turn(turn) for turn in turns]}
    if request.json_mode:
        system.append(JSON_WISH)
    if system:
        fields["system"] = "\n\n".join(system)
    if request.temperature is not None:
        fields["temperature"] = min(request.temperature, 1.0)  # the scale ends at 1 here, at 2 elsewhere
    if request.top_p is not None:
        fields["top_p"] = request.top_p
    if request.user is not None:
        fields["metadata"] = {"user_id": request.user}
    if request.seed is not None:
        dropped.append("seed")
    _stop(request.stop, fields, dropped)
    return fields


def _stop(stop: tuple[str, ...], fields: dict[str, Any], dropped: list[str]) -> None:
    """Stop sequences, without blank ones: they would get the whole request refused."""
    told = [text for text in stop if text.strip()]
    if told:
        fields["stop_sequences"] = told
    if len(told) < len(stop):
        dropped.append("stop")


def _turn(turn: Turn) -> dict[str, Any]:
    role = "assistant" if turn.assistant else "user"
    return {"role": role, "content": [{"type": "text", "text": text} for text in turn.texts]}
