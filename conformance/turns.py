"""Conversations in no face's words, and how a caller of each face spells them. Knows no provider and no router internals."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

FACES: Final = ("query", "chat", "responses", "messages")
PATHS: Final = {"query": "/query", "chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
Item = dict[str, Any]


@dataclass(frozen=True)
class Medium:
    """An image, a PDF or a WAV sound, by a data URL or an https URL; only a file has a name."""

    kind: str
    url: str
    name: str = ""

    @property
    def media_type(self) -> str:
        """What the data URL says it is."""
        return self.url[5:].partition(";")[0]

    @property
    def data(self) -> str:
        """The data URL's base64; empty for a link."""
        return self.url.partition(",")[2] if self.url.startswith("data:") else ""


@dataclass(frozen=True)
class User:
    """The user speaks; `marked` = a prompt-cache breakpoint after it."""

    text: str
    media: tuple[Medium, ...] = ()
    marked: str = ""


@dataclass(frozen=True)
class System:
    """Instructions, by the role of that name or by `developer`."""

    text: str
    role: str = "system"


@dataclass(frozen=True)
class Call:
    """A call that the assistant made."""

    id: str
    name: str
    arguments: Item


@dataclass(frozen=True)
class Calls:
    """An assistant's turn that only calls."""

    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Results:
    """What the tools answered: (call id, text); `failed` = they report an error; `media` come with the first result."""

    results: tuple[tuple[str, str], ...]
    failed: bool = False
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True)
class Echo:
    """A turn in the face's own words, as a client gives back what it got."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class Function:
    """A tool; without a schema it takes no arguments; `strict` = its schema is to be enforced."""

    name: str
    description: str
    schema: Item | None = None
    strict: bool = False


Turn = User | System | Calls | Results | Echo


def body_of(face: str, turns: Sequence[Turn], tools: Sequence[Function]) -> Item:
    """The conversation as this face's request body, without a model."""
    if face == "responses":
        return _responses(turns, tools)
    if face == "messages":
        return _messages(turns, tools)
    spoken = [item for turn in turns for item in _chat_items(turn)]
    offered = {"tools": [_chat_tool(tool) for tool in tools]} if tools else {}
    return {**(_query(spoken) if face == "query" else {"messages": spoken}), **offered}


def _query(spoken: list[Item]) -> Item:
    """The shortest way to say it: `prompt` for a single text, `system` for the instructions before it."""
    first: Item = {}
    if spoken[0]["role"] == "system":
        first = {"system": spoken[0]["content"]}
        spoken = spoken[1:]
    if len(spoken) == 1 and isinstance(spoken[0]["content"], str):
        return {**first, "prompt": spoken[0]["content"]}
    return {**first, "messages": spoken}


def _chat_tool(tool: Function) -> Item:
    function: Item = {"name": tool.name, "description": tool.description, **({"strict": True} if tool.strict else {})}
    return {"type": "function", "function": function if tool.schema is None else {**function, "parameters": tool.schema}}


_MARKS: Final[dict[str, Item]] = {
    "": {},
    "openai": {"prompt_cache_breakpoint": {"mode": "explicit"}},
    "anthropic": {"cache_control": {"type": "ephemeral"}},
}


def _chat_items(turn: Turn) -> list[Item]:
    match turn:
        case System(text, role):
            return [{"role": role, "content": text}]
        case User(text, (), ""):
            return [{"role": "user", "content": text}]
        case User(text, media, marked):
            parts = [{"type": "text", "text": text, **_MARKS[marked]}, *map(_chat_medium, media)]
            return [{"role": "user", "content": parts}]
        case Calls(calls):
            told = [_chat_call(call) for call in calls]
            return [{"role": "assistant", "content": None, "tool_calls": told}]
        case Results(results):
            return [{"role": "tool", "tool_call_id": call_id, "content": text} for call_id, text in results]
        case Echo(items):
            return list(items)


def _chat_call(call: Call) -> Item:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}


def _chat_medium(medium: Medium) -> Item:
    if medium.kind == "image":
        return {"type": "image_url", "image_url": {"url": medium.url}}
    if medium.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": medium.data, "format": "wav"}}
    named = {"filename": medium.name} if medium.name else {}
    return {"type": "file", "file": {**named, "file_data": medium.url}}


def _responses(turns: Sequence[Turn], tools: Sequence[Function]) -> Item:
    body: Item = {}
    spoken = list(turns)
    if isinstance(spoken[0], System) and spoken[0].role == "system":
        body["instructions"] = spoken.pop(0).text  # type: ignore[union-attr]
    body["input"] = [item for turn in spoken for item in _responses_items(turn)]
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                "strict": tool.strict,
            }
            for tool in tools
        ]
    return body


def _responses_items(turn: Turn) -> list[Item]:
    match turn:
        case System(text, role):
            return [{"role": role, "content": text}]
        case User(text, media, marked):
            marks = _MARKS["openai"] if marked else {}
            return [{"role": "user", "content": [{"type": "input_text", "text": text, **marks}, *map(_responses_medium, media)]}]
        case Calls(calls):
            return [
                {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": json.dumps(call.arguments)}
                for call in calls
            ]
        case Results(results, _, media):
            outputs: list[Any] = [text for _, text in results]
            if media:
                outputs[0] = [{"type": "input_text", "text": outputs[0]}, *map(_responses_medium, media)]
            calls = [call_id for call_id, _ in results]
            return [
                {"type": "function_call_output", "call_id": call_id, "output": output}
                for call_id, output in zip(calls, outputs, strict=True)
            ]
        case Echo(items):
            return list(items)


def _responses_medium(medium: Medium) -> Item:
    if medium.kind == "image":
        return {"type": "input_image", "image_url": medium.url, "detail": "auto"}
    if medium.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": medium.data, "format": "wav"}}
    named = {"filename": medium.name} if medium.name else {}
    return {"type": "input_file", **named, "file_data": medium.url}


def _messages(turns: Sequence[Turn], tools: Sequence[Function]) -> Item:
    spoken = list(turns)
    leading: list[Item] = []
    while isinstance(spoken[0], System):
        leading.append({"type": "text", "text": spoken.pop(0).text})  # type: ignore[union-attr]
    body: Item = {"max_tokens": 512, "messages": [item for turn in spoken for item in _messages_items(turn)]}
    if leading:
        body["system"] = leading
    if tools:
        body["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.schema or {"type": "object"},
                **({"strict": True} if tool.strict else {}),
            }
            for tool in tools
        ]
    return body


def _messages_items(turn: Turn) -> list[Item]:
    match turn:
        case System(text):
            return [{"role": "system", "content": text}]
        case User(text, media, marked):
            marks = _MARKS["anthropic"] if marked else {}
            return [{"role": "user", "content": [*map(_messages_medium, media), {"type": "text", "text": text, **marks}]}]
        case Calls(calls):
            blocks = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in calls]
            return [{"role": "assistant", "content": blocks}]
        case Results(results, failed, media):
            marks = {"is_error": True} if failed else {}
            told: list[Item] = [
                {"type": "tool_result", "tool_use_id": call_id, "content": text, **marks} for call_id, text in results
            ]
            if media:
                told[0]["content"] = [{"type": "text", "text": results[0][1]}, *map(_messages_medium, media)]
            return [{"role": "user", "content": told}]
        case Echo(items):
            return list(items)


def _messages_medium(medium: Medium) -> Item:
    kind = "image" if medium.kind == "image" else "document"
    named = {"title": medium.name} if medium.name else {}
    if medium.data:
        source = {"type": "base64", "media_type": medium.media_type, "data": medium.data}
        return {"type": kind, "source": source, **named}
    return {"type": kind, "source": {"type": "url", "url": medium.url}, **named}
