"""From a ChatRequest to Mistral's chat body. Nothing may enter that is not in its schema: unknown fields are refused (422)."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import ChatRequest, Effort, Format, Thinking, Tool
from ...domain.target import Target
from ...errors import UnsupportedFeature
from ..common.protocols import Call
from ..common.said import read_or_none
from ..common.tools import chosen_tools, nearest_effort, schema_of
from .conversation import Conversation
from .repair import own_messages
from .words import CHOICES, DIALECT, SAMPLING, TIERS

HOTTEST: Final = 1.5
# fields of Mistral's that callers of other dialects may hold: Mistral's own, and those it shares with OpenAI
_SHARED: Final = frozenset(
    {
        "prompt_cache_key", "prediction", "safe_prompt", "min_tokens", "repetition_penalty", "prompt_mode", "guardrails",
        "prompt_logprobs", "top_prompt_logprobs",
    }
)  # fmt: skip
# from which budget on, in tokens, a model thinks as much as the word says
_BUDGETS: Final[tuple[tuple[int, Effort], ...]] = ((8193, "high"), (1025, "medium"), (1, "low"), (0, "none"))
_ANY_SCHEMA: Final = Raw(b'{"type":"object"}')
_TRUE: Final = Raw(b"true")
_HEADERS: Final = (("content-type", "application/json"),)
_encode = msgspec.json.Encoder().encode


class _Piece(Struct):
    text: str


class _Prediction(Struct):
    content: str | list[_Piece]


_predicted = msgspec.json.Decoder(_Prediction)


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request. There are no stream options here: usage always comes with the last chunk.

    Raises UnsupportedFeature, CallerError for what cannot be told to this model.
    """
    dropped: dict[str, None] = {}
    original = request.original
    if original is not None and original.dialect == DIALECT:
        fields = _own(original.fields, target, dropped)
    else:
        fields = _translated(request, target, dropped)
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


def _samples(target: Target) -> bool:
    return "sampling" in target.capabilities or not target.known


def _own(original: dict[str, Raw], target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    """The caller's own fields, untouched but for what is ours, foreign signatures, and sampling where there is none."""
    fields: dict[str, Any] = dict(original)
    fields.pop("router", None)
    fields.pop("stream", None)
    fields["messages"], lost = own_messages(original["messages"], target.model_id)
    if lost:
        dropped["thinking"] = None
    if not _samples(target):
        for name in SAMPLING:
            if bytes(fields.pop(name, None) or b"null") != b"null":
                dropped[name] = None
    return fields


def _translated(request: ChatRequest, target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    if request.native:
        raise UnsupportedFeature(f"{request.native[0]}: this model cannot be asked for it", param=request.native[0])
    conversation = Conversation(target.model_id, dropped)
    for message in request.messages:
        conversation.add(message)
    if request.marker or any(tool.marker for tool in request.tools):
        dropped["cache_control"] = None
    fields = {"messages": conversation.ended(), **_limits(request, target, dropped)}
    fields |= _sampling(request, target, dropped)
    fields |= _tools(request)
    fields |= _thinking(request.thinking, target, dropped)
    fields |= _service(request, dropped)
    if request.verbosity is not None:
        dropped["verbosity"] = None
    return fields


def _limits(request: ChatRequest, target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    """How many answers, how they end and what they look like."""
    fields: dict[str, Any] = {}
    if request.max_tokens is not None:
        fields["max_tokens"] = request.max_tokens if target.max_output is None else min(request.max_tokens, target.max_output)
    if request.stop:
        fields["stop"] = request.stop
    if request.format is not None:
        fields["response_format"] = _format(request.format)
    if request.n > 1:
        fields["n"] = request.n
    if request.logprobs:
        fields["logprobs"] = True
        if request.top_logprobs is not None:
            fields["top_logprobs"] = request.top_logprobs
    elif request.top_logprobs:
        dropped["top_logprobs"] = None
    return fields


def _sampling(request: ChatRequest, target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    """Temperature up to 1.5, `top_k` and seeds that are whole numbers from 0 on; what is bent or left out is dropped."""
    fields: dict[str, Any] = {}
    for name in SAMPLING:
        wish = getattr(request, name)
        if wish is None:
            continue
        if not _samples(target) or (name == "top_k" and not (wish >= 0 and float(wish).is_integer())):
            dropped[name] = None
            continue
        fields[name] = int(wish) if name == "top_k" else wish
    if fields.get("temperature", 0.0) > HOTTEST:
        fields["temperature"] = HOTTEST
        dropped["temperature"] = None
    if request.seed is not None:
        if request.seed >= 0:
            fields["random_seed"] = request.seed
        else:
            dropped["seed"] = None
    return fields


def _format(wish: Format) -> dict[str, Any]:
    if wish.kind == "json_object":
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wish.name, "schema": wish.schema if bytes(wish.schema) else _ANY_SCHEMA}
    if wish.description:
        schema["description"] = wish.description
    if wish.strict is not None:
        schema["strict"] = wish.strict
    return {"type": "json_schema", "json_schema": schema}


def _tools(request: ChatRequest) -> dict[str, Any]:
    """The tools and how to choose. One of several names can be forced; more than one can only be left over."""
    choice = request.tool_choice
    forced = choice is not None and choice.mode == "required" and len(choice.names) == 1
    tools = chosen_tools(request.tools, choice.names) if choice is not None and not forced else request.tools
    if not tools:
        return {}
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]}
    if choice is not None:
        named = {"type": "function", "function": {"name": choice.names[0]}} if forced else None
        fields["tool_choice"] = named or CHOICES[choice.mode]
    if request.parallel_tools is not None:
        fields["parallel_tool_calls"] = request.parallel_tools
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = schema_of(tool)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _thinking(wish: Thinking | None, target: Target, dropped: dict[str, None]) -> dict[str, Any]:
    """An effort in the words that the model takes; a budget becomes the word that is nearest to it."""
    if wish is None:
        return {}
    effort = _effort(wish)
    thinks = not target.known or "reasoning" in target.capabilities
    if wish.budget is not None and (wish.effort is not None or effort != "none"):
        dropped["thinking"] = None
    if wish.shown and effort != "none" and not thinks:
        dropped["thinking"] = None  # a model that thinks always tells its thoughts
    if effort is None:
        return {}
    nearest = nearest_effort(effort, target.efforts) if thinks else "none"
    if nearest != effort:
        dropped["thinking" if wish.effort is None else "reasoning_effort"] = None
    return {"reasoning_effort": nearest} if thinks else {}


def _effort(wish: Thinking) -> Effort | None:
    if wish.effort is not None or wish.budget is None:
        return wish.effort
    return next((effort for least, effort in _BUDGETS if wish.budget >= least), "high")


def _service(request: ChatRequest, dropped: dict[str, None]) -> dict[str, Any]:
    """What is no part of the wish itself: who asks, the tier, and the fields of the caller's that Mistral has too."""
    fields: dict[str, Any] = {}
    # without a body of a dialect the metadata are for our own record
    metadata = dict(request.metadata or {}) if request.original is not None else {}
    if request.user is not None:
        metadata.setdefault("user_id", request.user)
        if metadata["user_id"] != request.user:
            dropped["user"] = None
    if metadata:
        fields["metadata"] = metadata
    if request.tier is not None:
        if request.tier in TIERS:
            fields["service_tier"] = TIERS[request.tier]
        else:
            dropped["service_tier"] = None
    own = request.original.fields if request.original is not None else {}
    for name in request.extra:
        value = _prediction(own[name]) if name == "prediction" and name in own else own.get(name)
        if name in _SHARED and value is not None:
            fields[name] = value
        else:
            dropped[name] = None
    return fields


def _prediction(raw: Raw) -> dict[str, Any] | None:
    """A predicted output, whose content OpenAI also takes in parts; None for any other shape."""
    told = read_or_none(raw, _predicted)
    if told is None:
        return None
    content = told.content if isinstance(told.content, str) else "".join(piece.text for piece in told.content)
    return {"type": "content", "content": content}
