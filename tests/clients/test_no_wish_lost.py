"""No wish is lost without a word: whatever a request holds changes the body that goes out, is named as dropped, or is refused."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.structs import replace

from app.clients.common.protocols import Call, Wire
from app.domain.request import (
    EFFORTS,
    Called,
    ChatRequest,
    Foreign,
    Format,
    Media,
    Message,
    Original,
    Part,
    Reasoning,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import UnsupportedFeature

MODELS = {
    "openai": ("gpt-4o", "gpt-6.2-sol", "o3"),
    "llama": ("meta-llama/Llama-3.3-70B-Instruct-Turbo",),
    "anthropic": ("claude-sonnet-5-5", "claude-haiku-4-5"),
    "gemini": ("gemini-3.8-flash", "gemini-2.5-pro", "gemini-1.5-pro", "gemma-4-27b"),
    "mistral": ("mistral-small-2603", "mistral-medium-3-5"),
}
SKILLS = ("sampling", "reasoning", "json_schema", "logprobs", "n")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
SCHEMA = Raw(b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}')
TOOLS = (Tool("get_weather", parameters=SCHEMA), Tool("get_time"))
CALLED, RESULT = Called("call_1", "get_weather", '{"city":"Paris"}'), Result("call_1", (Text("sunny"),), "get_weather")
HISTORY = (Message("user", (Text("How is it?"),)), Message("assistant", (CALLED,)), Message("tool", (RESULT,)))
# a field that the caller's own body holds under its name, of each kind that the wires treat differently
EXTRAS = {
    "prompt_cache_key": b'"k"', "prompt_cache_options": b"{}", "prediction": b'{"content":"x"}', "safe_prompt": b"true",
    "store": b"true", "logit_bias": b'{"1":1}', "field_of_the_future": b"1",
}  # fmt: skip


class Wish(Struct, frozen=True):
    """One thing that a request can hold: what it may be, how a request comes to hold it, under which names its loss is told.

    A request in which it makes no sense is granted nothing and stays as it is.
    """

    values: tuple[Any, ...]
    grant: Callable[[ChatRequest, Any], ChatRequest]
    names: tuple[str, ...]


def field(name: str, *values: Any, told: str = "") -> Wish:
    return Wish(values, lambda request, value: replace(request, **{name: value}), (told or name,))


def thinking(name: str, *values: Any) -> Wish:
    def grant(request: ChatRequest, value: Any) -> ChatRequest:
        return replace(request, thinking=replace(request.thinking or Thinking(), **{name: value}))

    return Wish(values, grant, ("thinking", "reasoning_effort"))


def beside_tools(name: str, *values: Any, told: str) -> Wish:
    return Wish(values, lambda request, value: replace(request, **{name: value}) if request.tools else request, (told,))


def of_tool(name: str, *values: Any, told: str = "tools") -> Wish:
    def grant(request: ChatRequest, value: Any) -> ChatRequest:
        tools = (replace(request.tools[0], **{name: value}), *request.tools[1:]) if request.tools else ()
        return replace(request, tools=tools)

    return Wish(values, grant, (told,))


def of_schema(name: str, *values: Any) -> Wish:
    def grant(request: ChatRequest, value: Any) -> ChatRequest:
        form = request.format
        return replace(request, format=replace(form, **{name: value})) if form and form.kind == "json_schema" else request

    return Wish(values, grant, ("response_format",))


def of_part(kind: Callable[[Part], bool], name: str, *values: Any, told: str) -> Wish:
    """An attribute of the first part of this kind, wherever it stands."""

    def grant(request: ChatRequest, value: Any) -> ChatRequest:
        for place, message in enumerate(request.messages):
            for at, part in enumerate(message.parts):
                if kind(part):
                    parts = (*message.parts[:at], replace(part, **{name: value}), *message.parts[at + 1 :])
                    changed = replace(message, parts=parts)
                    return replace(request, messages=(*request.messages[:place], changed, *request.messages[place + 1 :]))
        return request

    return Wish(values, grant, (told,))


def asks(*parts: Part, told: str = "messages") -> Wish:
    """A further part of the last turn, which is the user's."""

    def grant(request: ChatRequest, value: Part) -> ChatRequest:
        *before, last = request.messages
        return replace(request, messages=(*before, replace(last, parts=(*last.parts, value))))

    return Wish(parts, grant, (told,))


def thought(part: Reasoning) -> Wish:
    """A further part of each turn of the assistant."""

    def grant(request: ChatRequest, value: Reasoning) -> ChatRequest:
        turns = [replace(turn, parts=(value, *turn.parts)) if turn.role == "assistant" else turn for turn in request.messages]
        return replace(request, messages=tuple(turns))

    return Wish((part,), grant, ("thinking",))


def named(request: ChatRequest, name: str) -> ChatRequest:
    *before, last = request.messages
    return replace(request, messages=(*before, replace(last, name=name)))


def extra(request: ChatRequest, name: str) -> ChatRequest:
    assert request.original is not None
    fields = {**request.original.fields, name: Raw(EXTRAS[name])}
    return replace(request, extra=(*request.extra, name), original=replace(request.original, fields=fields))


def media(kind: str) -> Callable[[Part], bool]:
    return lambda part: isinstance(part, Media) and part.kind == kind


def is_text(part: Part) -> bool:
    return isinstance(part, Text)


def is_call(part: Part) -> bool:
    return isinstance(part, Called)


def is_result(part: Part) -> bool:
    return isinstance(part, Result)


# In this order: what an attribute belongs to comes before it. Left out are words without an effect (a format's and a result's
# name), what is the case anyway (`tool_choice` auto, several calls at once, a tier of `auto`), and what every dialect with
# schemas enforces (a format's `strict`).
WISHES: dict[str, Wish] = {
    "history": Wish((HISTORY,), lambda request, turns: replace(request, messages=(*turns, *request.messages)), ("messages",)),
    "instruction": Wish(
        ("system", "developer"),
        lambda request, role: replace(request, messages=(Message(role, (Text("Be brief."),)), *request.messages)),
        ("messages",),
    ),
    "late instruction": Wish(
        ("system", "developer"),
        lambda request, role: replace(
            request, messages=(*request.messages[:-1], Message(role, (Text("So."),)), request.messages[-1])
        ),
        ("messages",),
    ),
    "image": asks(Media("image", "image/png", PNG), Media("image", url="https://pictures.example/a.png")),
    "file": asks(Media("file", "application/pdf", "JVBERi0xLjc="), Media("file", "text/plain", "aGk=")),
    "sound": asks(Media("audio", "audio/wav", "UklGRg==")),
    "foreign part": asks(Foreign("search_result", Raw(b"{}"))),
    "thought": thought(Reasoning("So be it.", "c2ln", signer="mistral/other")),
    "encrypted thought": thought(Reasoning(redacted="c2ln", signer="openai/other")),
    "call's signature": of_part(is_call, "signature", "c2ln", told="thinking"),
    "result's image": of_part(is_result, "parts", (Text("sunny"), Media("image", "image/png", PNG)), told="messages"),
    "result's failure": of_part(is_result, "failed", True, told="is_error"),
    "marked text": of_part(is_text, "marker", "5m", "1h", told="cache_control"),
    "marked image": of_part(media("image"), "marker", "5m", told="cache_control"),
    "marked call": of_part(is_call, "marker", "5m", told="cache_control"),
    "marked result": of_part(is_result, "marker", "1h", told="cache_control"),
    "image's detail": of_part(media("image"), "detail", "low", "high", "original", told="detail"),
    "file's name": of_part(media("file"), "name", "report.pdf", told="filename"),
    "speaker": Wish(("ann",), named, ("name",)),
    "max_tokens": field("max_tokens", 77, 3000),
    "temperature": field("temperature", 0.0, 0.3, 1.2, 1.7),
    "top_p": field("top_p", 0.5),
    "top_k": field("top_k", 5, 2.5, -1),
    "presence_penalty": field("presence_penalty", 0.5),
    "frequency_penalty": field("frequency_penalty", -0.5),
    "stop": field("stop", ("END",), ("a", "b", "c", "d", "e", "f"), (" ",), ("END", "\n")),
    "seed": field("seed", 7, -7, 2**40),
    "n": field("n", 2),
    "logprobs": field("logprobs", True),
    "top_logprobs": field("top_logprobs", 3),
    "tools": field("tools", TOOLS),
    "tool's description": of_tool("description", "The weather."),
    "strict tool": of_tool("strict", True, told="strict"),
    "marked tool": of_tool("marker", "5m", told="cache_control"),
    "tool_choice": beside_tools(
        "tool_choice",
        ToolChoice("none"),
        ToolChoice("required"),
        ToolChoice("required", ("get_weather",)),
        ToolChoice("required", ("get_weather", "get_time")),
        ToolChoice("auto", ("get_weather",)),
        told="tool_choice",
    ),
    "one call at a time": beside_tools("parallel_tools", False, told="parallel_tool_calls"),
    "format": field("format", Format("json_object"), Format("json_schema", schema=SCHEMA), told="response_format"),
    "format's description": of_schema("description", "A place."),
    "effort": thinking("effort", *EFFORTS),
    "budget": thinking("budget", 0, 512, 2000, 20_000),
    "thoughts shown": thinking("shown", True),
    "tier": field("tier", "default", "flex", "priority", "fast", "scale", told="service_tier"),
    "verbosity": field("verbosity", "low"),
    "marked prompt": field("marker", "5m", told="cache_control"),
    "user": field("user", "customer-7", "Customer 7"),
    "metadata": field("metadata", {"team": "blue"}, {"Team": "Blue!"}),
    **{name: Wish((name,), extra, (name,)) for name in EXTRAS},
    "native": field("native", ("container",)),
}


def wire_of(name: str) -> Wire:
    module = "app.clients.llama_client" if name == "llama" else f"app.clients.{name}_client"
    wire: Wire = importlib.import_module(module).WIRE
    return wire


@st.composite
def targets(draw: st.DrawFn, wire: str) -> Target:
    dialect = "openai" if wire == "llama" else wire
    ways = (("adaptive", "disabled"), ("enabled", "disabled"), ("adaptive", "enabled"), ())
    return Target(
        name="row",
        provider=wire,
        model_id=draw(st.sampled_from(MODELS[wire])),
        dialect=dialect,
        wire=wire,
        base_url="https://host",
        capabilities=frozenset(draw(st.sets(st.sampled_from(SKILLS)))),
        known=draw(st.booleans()),
        max_output=draw(st.sampled_from([None, 8_192, 64_000])),
        efforts=draw(st.sampled_from([(), ("low", "high"), EFFORTS])),
        thinking=draw(st.sampled_from(ways)) if dialect == "anthropic" else (),
    )


def is_moot(name: str, wished: dict[str, Any], wire: str, target: Target) -> bool:
    """Whether the wish is fulfilled anyway, or beside the others comes to nothing."""
    thinks = not target.known or "reasoning" in target.capabilities
    unthinking = wished.get("effort") == "none" or (wished.get("budget") == 0 and "effort" not in wished)
    if name in ("effort", "budget") and unthinking:
        return not thinks or len({"effort", "budget"} & wished.keys()) > 1
    if name == "effort" and wire == "anthropic" and "thoughts shown" in wished and "adaptive" not in target.thinking:
        return True  # a budget in the place of an effort is cut to half of the limit, whatever the word
    if name == "thoughts shown":
        # hosts of open models and Mistral always tell them, Gemini's models are asked to where anything is wished of thinking
        told = wire in ("llama", "mistral") or (wire == "gemini" and bool({"effort", "budget"} & wished.keys()))
        return unthinking or (thinks and told)
    if name == "one call at a time":
        return wished.get("tool_choice") == ToolChoice("none")
    return name.startswith("marked") and "marked prompt" in wished and wire == "openai"  # the end may be marked already


WISHED = st.lists(st.sampled_from(list(WISHES)), max_size=14, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(WISHES[name].values) for name in WISHES if name in names})
)


def request_of(wished: dict[str, Any], caller: str) -> ChatRequest:
    request = ChatRequest(messages=(Message("user", (Text("And now?"),)),), original=Original(caller, {}))
    for name, value in wished.items():
        request = WISHES[name].grant(request, value)
    return request


@pytest.mark.parametrize("wire", list(MODELS))
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_every_wish_changes_the_body_or_is_told_to_be_dropped_or_is_refused(wire: str, data: st.DataObject) -> None:
    """Taking any one wish out of a request makes another body, unless its name stood among the dropped."""
    target = data.draw(targets(wire))
    wished = data.draw(WISHED)
    caller = data.draw(
        st.sampled_from([name for name in ("responses", "openai", "anthropic", "mistral") if name != target.dialect])
    )
    request = request_of(wished, caller)
    try:
        call = wire_of(wire).encode(request, target, False)
    except UnsupportedFeature:
        return
    for name in wished:
        without = request_of({other: value for other, value in wished.items() if other != name}, caller)
        if without == request or set(WISHES[name].names) & set(call.dropped) or is_moot(name, wished, wire, target):
            continue
        body: Call = wire_of(wire).encode(without, target, False)
        assert body.body != call.body, f"{name} {wished[name]!r} is lost on {wire}; dropped: {call.dropped}"
