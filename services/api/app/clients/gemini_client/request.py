"""From a ChatRequest to Gemini's generateContent call. The caller's own fields, if of this dialect, travel untouched."""

import re
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Raw

from ...domain.request import Called, ChatRequest, Media, Part, Result, Text
from ...domain.target import Target
from ...errors import UnsupportedFeature
from ..common.protocols import Call
from ..common.turns import PREFILL, asked_to_go_on, conversation, is_prefilled
from .config import generation_config, tool_fields
from .contents import DIALECT, Contents
from .repair import own_contents

# OpenAI's words for the service tier in Gemini's; `auto` is what the host does unasked
_TIERS: Final = {"default": "standard", "flex": "flex", "priority": "priority"}
# Google Cloud's rule for labels: lower case, 63 characters, names begin with a letter
_LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}", re.ASCII)
_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request; the model and the wish for a stream stand in the URL. Without `alt=sse` a stream is a JSON array.

    Raises UnsupportedFeature, CallerError for what cannot be told to this model.
    """
    dropped: list[str] = []
    original = request.original
    if original is not None and original.dialect == DIALECT:
        fields = _own(original.fields, target, dropped)
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


def _own(original: dict[str, Raw], target: Target, dropped: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = dict(original)
    for name in ("model", "router", "stream"):
        fields.pop(name, None)
    contents, unsigned = own_contents(original["contents"], target.model_id)
    fields["contents"] = contents
    if unsigned:
        dropped.append("thinking")
    return fields


def _refuse_impossible(request: ChatRequest) -> None:
    if request.native:
        raise UnsupportedFeature(f"{request.native[0]}: this model cannot be asked for it", param=request.native[0])
    if request.n > 1:
        raise UnsupportedFeature("this model gives one answer to a prompt: n must be 1", param="n")


def _translated(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    _refuse_impossible(request)
    system, turns = conversation(request)
    if is_prefilled(turns):
        asked_to_go_on(turns)
        dropped.append(PREFILL)
    contents = Contents(target.model_id)
    fields: dict[str, Any] = {"contents": contents.spelled(turns)}
    if system:
        fields["systemInstruction"] = {"parts": [{"text": "\n\n".join([part.text for part in system])}]}
    fields |= tool_fields(request)
    config = generation_config(request, target, dropped)
    if config:
        fields["generationConfig"] = config
    if tier := _TIERS.get(request.tier or ""):
        fields["serviceTier"] = tier
    labels = _labels(request, dropped)
    if labels:
        fields["labels"] = labels
    if contents.unsigned and "thinking" not in dropped:
        dropped.append("thinking")
    dropped += _unsaid(request)
    return fields


def _labels(request: ChatRequest, dropped: list[str]) -> dict[str, str]:
    """The caller's metadata and user as labels, as far as they are of the form that labels have.

    Metadata without a body of a dialect are for our own record.
    """
    labels: dict[str, str] = {}
    told = request.metadata or {} if request.original is not None else {}
    if all(_LABEL.fullmatch(name) and isinstance(value, str) and _VALUE.fullmatch(value) for name, value in told.items()):
        labels |= told
    else:
        dropped.append("metadata")
    if request.user is not None:
        if _VALUE.fullmatch(request.user) and "user" not in labels:
            labels["user"] = request.user
        else:
            dropped.append("user")
    return labels


def _unsaid(request: ChatRequest) -> list[str]:
    """The wishes for which this dialect has no word at all, in the spelling of OpenAI's chat."""
    unsaid = []
    if request.tier not in (None, "auto", *_TIERS):
        unsaid.append("service_tier")
    if request.parallel_tools is False and request.tools:
        unsaid.append("parallel_tool_calls")
    if request.verbosity is not None:
        unsaid.append("verbosity")
    if any(tool.strict for tool in request.tools):
        unsaid.append("strict")
    if any(isinstance(part, Media) and part.name for message in request.messages for part in message.parts):
        unsaid.append("filename")
    if any(message.name for message in request.messages):
        unsaid.append("name")
    if _is_marked(request):
        unsaid.append("cache_control")
    return unsaid + [name for name in request.extra if name not in unsaid]


def _is_marked(request: ChatRequest) -> bool:
    """Whether the caller set a prompt-cache breakpoint anywhere; the host caches unasked."""
    if request.marker or any(tool.marker for tool in request.tools):
        return True
    return any(_has_marker(part) for message in request.messages for part in message.parts)


def _has_marker(part: Part) -> bool:
    if isinstance(part, Text):
        return part.marker != ""
    if isinstance(part, Result):
        return part.marker != "" or any(inner.marker for inner in part.parts)
    return isinstance(part, Media | Called) and part.marker != ""
