"""From a generateContent body to a ChatRequest. The model and the wish for a stream stand in the URL: they are not read here."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import (
    ChatRequest,
    Effort,
    Format,
    Message,
    Original,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from ..common.body import opened, typed
from ..common.said import NOTHING
from .schema import json_schema
from .spelling import camel
from .turns import Content, Turns, detail_of

_CARRIED: Final = frozenset(
    {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "serviceTier", "labels", "router", "model"}
)
# without these the answer would be another one; whatever else is unknown here is only reported
_NATIVE: Final = frozenset({"cachedContent", "continuationToken"})
_NATIVE_CONFIG: Final = frozenset({"speechConfig", "imageConfig"})
_TIERS: Final = {"standard": "default", "flex": "flex", "priority": "priority"}
_EFFORTS: Final[dict[str, Effort]] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
Penalty = Annotated[float, Meta(ge=-2, le=2)]


class _Declaration(Struct, rename="camel"):
    name: Annotated[str, Meta(min_length=1)]
    description: str = ""
    parameters: Raw = NOTHING
    parameters_json_schema: Raw = NOTHING


class _Tool(Struct, rename="camel"):
    function_declarations: list[_Declaration] | None = None


class _Calling(Struct, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


class _ToolConfig(Struct, rename="camel"):
    function_calling_config: _Calling | None = None


class _Thinking(Struct, rename="camel"):
    include_thoughts: bool | None = None
    thinking_budget: Annotated[int, Meta(ge=-1)] | None = None
    thinking_level: str | None = None


class _Config(Struct, rename="camel"):
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, Meta(ge=1)] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_mime_type: str | None = None
    response_schema: Raw = NOTHING
    response_json_schema: Raw = NOTHING
    response_modalities: list[str] | None = None
    thinking_config: _Thinking | None = None
    media_resolution: str | None = None


class _Instruction(Struct):
    parts: Annotated[list["_Words"], Meta(min_length=1)]


class _Words(Struct):
    text: str


class _Body(Struct, rename="camel"):
    contents: Annotated[list[Content], Meta(min_length=1)]
    system_instruction: _Instruction | None = None
    generation_config: _Config | None = None
    tools: list[_Tool] | None = None
    tool_config: _ToolConfig | None = None
    service_tier: str | None = None
    labels: dict[str, str] | None = None


_body = msgspec.json.Decoder(_Body)
_CONFIG: Final = frozenset(field.encode_name for field in msgspec.structs.fields(_Config))


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    written, fields = opened(data)
    tree = camel(written)
    body = typed(data if tree == written else msgspec.json.encode(tree), _body)
    config = body.generation_config or _Config()
    turns = Turns(tree["contents"], detail_of(config.media_resolution))
    messages = turns.read(body.contents)
    if turns.mended:
        fields["contents"] = Raw(msgspec.json.encode(turns.tree))
    if body.system_instruction is not None:
        messages.insert(0, Message("system", tuple(Text(words.text) for words in body.system_instruction.parts)))
    native, extra = _others(tree, config)
    return ChatRequest(
        messages=tuple(messages),
        include_usage=True,
        max_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        stop=tuple(config.stop_sequences or ()),
        seed=config.seed,
        n=config.candidate_count or 1,
        logprobs=bool(config.response_logprobs),
        top_logprobs=config.logprobs,
        tools=_tools(body),
        tool_choice=_choice(body),
        format=_format(config),
        thinking=_thinking(config.thinking_config),
        tier=_TIERS.get((body.service_tier or "").lower()),
        metadata=dict(body.labels) if body.labels else None,
        native=(*native, *turns.native),
        extra=(*extra, *turns.extra),
        original=Original("gemini", fields),
    )


def _tools(body: _Body) -> tuple[Tool, ...]:
    return tuple(
        Tool(declared.name, declared.description, _either(declared.parameters_json_schema, declared.parameters))
        for tool in body.tools or ()
        for declared in tool.function_declarations or ()
    )


def _choice(body: _Body) -> ToolChoice | None:
    calling = body.tool_config.function_calling_config if body.tool_config is not None else None
    names = tuple(calling.allowed_function_names or ()) if calling is not None else ()
    match (calling.mode or "").upper() if calling is not None else "":
        case "ANY":
            return ToolChoice("required", names)
        case "NONE":
            return ToolChoice("none")
        case "AUTO" | "VALIDATED":
            return ToolChoice("auto", names)
    return None


def _format(config: _Config) -> Format | None:
    if config.response_mime_type != "application/json":
        return None
    schema = _either(config.response_json_schema, config.response_schema)
    return Format("json_schema", schema=schema) if bytes(schema) else Format("json_object")


def _either(schema: Raw, older: Raw) -> Raw:
    """A JSON Schema, in whichever of the two ways it was told; NOTHING for none."""
    if _told(schema):
        return schema.copy()
    return json_schema(older) if _told(older) else NOTHING


def _told(value: Raw) -> bool:
    return bytes(value) not in (b"", b"null")


def _thinking(config: _Thinking | None) -> Thinking | None:
    if config is None:
        return None
    effort = _EFFORTS.get((config.thinking_level or "").upper())
    budget = config.thinking_budget
    if budget == 0 and effort is None:
        return Thinking("none", shown=config.include_thoughts)
    # -1 leaves the measure to the model, as no budget does
    return Thinking(effort, None if budget == -1 else budget, config.include_thoughts)


def _others(tree: dict[str, Any], config: _Config) -> tuple[list[str], list[str]]:
    """(native, extra): the fields that have no place in ChatRequest. Absent and null are the same."""
    native = [name for name in tree if name in _NATIVE and tree[name] is not None]
    extra = [name for name in tree if name not in _CARRIED and name not in _NATIVE and tree[name] is not None]
    for tool in tree.get("tools") or ():
        native += [f"tools.{name}" for name in tool if name != "functionDeclarations" and tool[name] is not None]
    wishes = tree.get("generationConfig") or {}
    for name in wishes:
        if wishes[name] is not None and name not in _CONFIG:
            (native if name in _NATIVE_CONFIG else extra).append(f"generationConfig.{name}")
    if set(config.response_modalities or ()) - {"TEXT"}:
        native.append("generationConfig.responseModalities")
    if config.response_mime_type not in (None, "text/plain", "application/json"):
        native.append("generationConfig.responseMimeType")
    extra += [f"toolConfig.{name}" for name in tree.get("toolConfig") or () if name != "functionCallingConfig"]
    return native, extra
