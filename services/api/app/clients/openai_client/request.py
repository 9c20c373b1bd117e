"""From a ChatRequest to OpenAI's chat body. The caller's own fields, when they are of this dialect, travel untouched."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import ChatRequest, Message
from ...domain.target import Target
from ..common.protocols import Call

_encode = msgspec.json.Encoder().encode
_STREAM_OPTIONS: Final = Raw(b'{"include_usage":true}')
_TRUE: Final = Raw(b"true")
_SAMPLING: Final = ("temperature", "top_p")
_HEADERS: Final = (("content-type", "application/json"),)


def encode(request: ChatRequest, target: Target, stream: bool, max_tokens_field: str) -> Call:
    """The HTTP request; `max_tokens_field` is the name this host knows the output limit by."""
    original = request.original
    if original is not None and original.dialect == "openai":
        fields: dict[str, Any] = dict(original.fields)
        fields.pop("router", None)
    else:
        fields = _translated(request, max_tokens_field)
    fields["model"] = target.model_id
    if stream:
        fields["stream"] = _TRUE
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
    else:
        fields.pop("stream", None)
        fields.pop("stream_options", None)
    dropped = _drop_sampling(fields, target)
    return Call(
        url=f"{target.base_url}/chat/completions",
        body=_encode(fields),
        headers=_HEADERS,
        auth="bearer" if target.key_env else "",
        stream=stream,
        dropped=dropped,
    )


def _with_usage(options: Raw | None) -> Raw:
    """The caller's stream options with the usage chunk forced, since a stream is billed from it."""
    if options is None or bytes(options) == b"null":
        return _STREAM_OPTIONS
    return Raw(_encode({**msgspec.json.decode(options), "include_usage": True}))


def _drop_sampling(fields: dict[str, Any], target: Target) -> tuple[str, ...]:
    if "sampling" in target.capabilities:
        return ()
    return tuple(name for name in _SAMPLING if fields.pop(name, None) is not None)


def _translated(request: ChatRequest, max_tokens_field: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
    if request.max_tokens is not None:
        fields[max_tokens_field] = request.max_tokens
    for name in ("temperature", "top_p", "seed", "user"):
        value = getattr(request, name)
        if value is not None:
            fields[name] = value
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.json_mode:
        fields["response_format"] = {"type": "json_object"}
    return fields


def _message(message: Message) -> dict[str, str]:
    said = {"role": message.role, "content": message.text}
    if message.name is not None:
        said["name"] = message.name
    return said
