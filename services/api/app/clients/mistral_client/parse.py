"""From a Mistral chat body to a ChatRequest. What only Mistral's dialect can carry is named, never dropped.

The messages themselves are read in `hearing`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import EFFORTS, NOTHING, ChatRequest, Effort, Format, Original, Thinking, Tool, ToolChoice
from ...errors import CallerError
from ..common.body import opened, typed
from .hearing import Hearing, Spoken
from .words import DIALECT, OUR_CHOICES, OUR_TIERS

_READ = frozenset(
    {
        "model", "messages", "max_tokens", "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "stop",
        "random_seed", "stream", "response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "n",
        "logprobs", "top_logprobs", "service_tier", "metadata", "router",
    }
)  # fmt: skip
# without these the answer would be another one; every other field is advice
_NATIVE = frozenset({"guardrails", "prompt_logprobs", "top_prompt_logprobs"})


class _Named(Struct):
    name: str


class _Function(Struct):
    name: str
    description: str | None = None
    parameters: Raw = NOTHING
    strict: bool | None = None


class _Tool(Struct):
    type: str = "function"
    function: _Function | None = None


class _Choice(Struct):
    function: _Named


class _Schema(Struct):
    name: str = "answer"
    schema: Raw = NOTHING
    strict: bool | None = None
    description: str | None = None


class _Format(Struct):
    type: str = "text"
    json_schema: _Schema | None = None


class _Body(Struct):
    model: str
    messages: Annotated[list[Spoken], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1.5)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    stop: str | list[str] | None = None
    random_seed: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    response_format: _Format | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    service_tier: str | None = None
    metadata: dict[str, Any] | None = None


_body = msgspec.json.Decoder(_Body)
_encode = msgspec.json.Encoder().encode


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    body = typed(data, _body)
    hearing = Hearing()
    messages = tuple(hearing.message(message, place) for place, message in enumerate(body.messages))
    if hearing.mend(tree["messages"]):
        fields["messages"] = Raw(_encode(tree["messages"]))
    native = hearing.native
    tools = _tools(body.tools or [], native)
    others = [name for name in fields if name not in _READ and tree[name] is not None]
    metadata, user = _asker(body.metadata)
    stop = body.stop or ()
    return ChatRequest(
        messages=messages,
        model=body.model,
        stream=bool(body.stream),
        include_usage=True,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.random_seed,
        n=body.n or 1,
        logprobs=bool(body.logprobs),
        top_logprobs=body.top_logprobs,
        tools=tools,
        tool_choice=_choice(body.tool_choice),
        parallel_tools=body.parallel_tool_calls,
        format=_format(body.response_format),
        thinking=None if body.reasoning_effort is None else Thinking(effort=_effort(body.reasoning_effort)),
        tier=_tier(body.service_tier),
        native=tuple(native) + tuple(name for name in others if name in _NATIVE),
        extra=tuple(name for name in others if name not in _NATIVE),
        user=user,
        metadata=metadata,
        original=Original(DIALECT, fields),
    )


def _tools(tools: list[_Tool], native: list[str]) -> tuple[Tool, ...]:
    """The functions among the tools; Mistral's own tools are named."""
    found = []
    for place, tool in enumerate(tools):
        function = tool.function
        if tool.type != "function":
            native.append(f"tools[{place}]")
        elif function is None:
            raise CallerError(f"tools[{place}].function: required field is missing", param=f"tools[{place}].function")
        else:
            found.append(Tool(function.name, function.description or "", _copied(function.parameters), function.strict))
    return tuple(found)


def _copied(raw: Raw) -> Raw:
    return NOTHING if bytes(raw) in (b"", b"null") else raw.copy()


def _choice(choice: str | _Choice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, _Choice):
        return ToolChoice("required", (choice.function.name,))
    if choice not in OUR_CHOICES:
        raise CallerError(f"tool_choice: use one of {', '.join(OUR_CHOICES)}, or a function", param="tool_choice")
    return ToolChoice(OUR_CHOICES[choice])


def _format(wish: _Format | None) -> Format | None:
    if wish is None or wish.type == "text":
        return None
    if wish.type == "json_object":
        return Format("json_object")
    schema = wish.json_schema
    if wish.type != "json_schema" or schema is None:
        raise CallerError("response_format: use text, json_object, or json_schema with its schema", param="response_format")
    return Format("json_schema", schema.name, _copied(schema.schema), schema.strict, schema.description or "")


def _effort(word: str) -> Effort:
    for effort in EFFORTS:
        if word == effort:
            return effort
    raise CallerError(f"reasoning_effort: use one of {', '.join(EFFORTS)}", param="reasoning_effort")


def _tier(word: str | None) -> str | None:
    if word is not None and word not in OUR_TIERS:
        raise CallerError(f"service_tier: use one of {', '.join(OUR_TIERS)}", param="service_tier")
    return None if word is None else OUR_TIERS[word]


def _asker(metadata: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str | None]:
    """(metadata, user): who asks has no field of its own here and stands among the metadata."""
    user = (metadata or {}).get("user_id")
    if metadata is None or not isinstance(user, str):
        return metadata, None
    return {name: value for name, value in metadata.items() if name != "user_id"} or None, user
