"""From a ChatRequest to OpenAI's chat body. The caller's own fields, when they are of this dialect, travel untouched."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import ChatRequest, Thinking
from ...domain.target import Target
from ...errors import UnsupportedFeature
from ..common.protocols import Call
from ..common.turns import PREFILL
from .mending import with_open_seals, with_short_ids
from .official import made_official
from .parse_thinking import THINKING_FIELDS, thinking_of
from .request_messages import Translation
from .request_wishes import MOST_STOPS, effort_of, taken_effort, told_thinking, wished_fields

_encode = msgspec.json.Encoder().encode
_STREAM_OPTIONS: Final = Raw(b'{"include_usage":true}')
_TRUE: Final = Raw(b"true")
_NULL: Final = b"null"
_SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "logit_bias")
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
# what OpenAI's two APIs share beside the conversation
_SHARED: Final = frozenset({"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"})
_HEADERS: Final = (("content-type", "application/json"),)


class Host(Struct, frozen=True):
    """What distinguishes OpenAI itself from the other hosts of its dialect.

    `max_tokens_field` is the name of the output limit; `strict` = fields beyond OpenAI's own are refused.
    """

    max_tokens_field: str
    strict: bool


def fields_of(request: ChatRequest, target: Target, stream: bool, host: Host) -> tuple[dict[str, Any], set[str]]:
    """(the fields of the body, each encoded or ready to be; the names of the wishes that they leave out)."""
    dropped: set[str] = set()
    original = request.original
    if original is not None and original.dialect == "openai":
        fields: dict[str, Any] = dict(original.fields)
        fields.pop("router", None)
        _mend(fields, request, target, host.strict, dropped)
    else:
        fields = _translated(request, target, host, dropped)
    fields["model"] = target.model_id
    if stream:
        fields["stream"] = _TRUE
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
    else:
        fields.pop("stream", None)
        fields.pop("stream_options", None)
    if target.known and "sampling" not in target.capabilities:
        # OpenAI's own models that always think refuse stop sequences too (openai 3.57, `stop`: "Not supported with latest ...")
        refused = (*_SAMPLING, "stop") if host.strict and "reasoning" in target.capabilities else _SAMPLING
        dropped.update([name for name in refused if _is_told(fields.pop(name, None))])
    return fields, dropped


def call_of(fields: dict[str, Any], target: Target, stream: bool, dropped: set[str]) -> Call:
    """The HTTP request that carries these fields."""
    return Call(
        url=f"{target.base_url}/chat/completions",
        body=_encode(fields),
        headers=_HEADERS,
        auth="bearer" if target.key_env else "",
        stream=stream,
        dropped=tuple(sorted(dropped)) if dropped else (),
    )


def _is_told(value: object) -> bool:
    return value is not None and not (isinstance(value, Raw) and bytes(value) == _NULL)


def _with_usage(options: Raw | None) -> Raw:
    """The caller's stream options with the usage chunk forced, since a stream is billed from it."""
    if options is None or bytes(options) == _NULL:
        return _STREAM_OPTIONS
    return Raw(_encode({**msgspec.json.decode(options), "include_usage": True}))


def _shared(request: ChatRequest) -> dict[str, Any]:
    """The fields of a Responses body that mean the same here; in other dialects the same name is no more than chance."""
    original = request.original
    if original is None or original.dialect != "responses":
        return {}
    return {name: original.fields[name] for name in request.extra if name in _SHARED}


def _mend(fields: dict[str, Any], request: ChatRequest, target: Target, strict: bool, dropped: set[str]) -> None:
    """The edits that the caller's own fields need for this model; none for nearly every request. `strict` = it is OpenAI's own."""
    if any(message.role == "assistant" for message in request.messages):
        fields["messages"], lost = with_open_seals(fields["messages"], target.model_id)
        if lost:
            dropped.add("thinking")
    if strict:
        fields["messages"] = with_short_ids(fields["messages"], request)
        if len(request.stop) > MOST_STOPS:
            fields["stop"] = request.stop[:MOST_STOPS]
            dropped.add("stop")
        dropped |= made_official(fields, request, target)
    if request.max_tokens is not None and target.max_tokens_field:
        for name in _LIMITS:
            fields.pop(name, None)
        fields[target.max_tokens_field] = request.max_tokens
    if request.thinking is not None:
        _mend_thinking(fields, request.thinking, target, dropped)


def _mend_thinking(fields: dict[str, Any], thinking: Thinking, target: Target, dropped: set[str]) -> None:
    """Only a wish that this model would refuse is changed: left out where it does not think, else the nearest word."""
    wish = effort_of(thinking)
    effort, less = (None, False) if wish is None else taken_effort(wish, target)
    if target.known and "reasoning" not in target.capabilities:
        tree = {name: msgspec.json.decode(fields[name]) for name in THINKING_FIELDS if name in fields}
        for name in thinking_of(tree)[1]:
            del fields[name]
        if less:
            dropped.add("reasoning_effort")
    elif less and "reasoning_effort" in fields:
        fields["reasoning_effort"] = effort
        dropped.add("reasoning_effort")


def _translated(request: ChatRequest, target: Target, host: Host, dropped: set[str]) -> dict[str, Any]:
    if request.native:
        raise UnsupportedFeature(f"{request.native[0]}: this model cannot be asked for it", param=request.native[0])
    messages, left_out = Translation(target, host.strict).of(request)
    dropped |= left_out
    if messages and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
        dropped.add(PREFILL)  # another answer follows, it is not gone on with
    shared = _shared(request)
    dropped.update([name for name in request.extra if name not in shared])
    if request.metadata and request.original is not None:
        # OpenAI keeps metadata only with answers that it stores, and refuses it elsewhere
        dropped.add("metadata")
    fields: dict[str, Any] = {"messages": messages, **shared}
    if request.max_tokens is not None:
        fields[target.max_tokens_field or host.max_tokens_field] = request.max_tokens
    fields |= wished_fields(request, host.strict, dropped)
    if request.thinking is not None:
        effort, lost = told_thinking(request.thinking, target, host.strict)
        dropped.update(lost)
        if effort is not None:
            fields["reasoning_effort"] = effort
    return fields
