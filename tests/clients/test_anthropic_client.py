"""Anthropic's wire: what is asked in its words, and what its answers say, whole and streamed."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.anthropic_client import FACE, WIRE, encode_count, held_count, parse_count
from app.clients.common.seal import sealed
from app.clients.common.turns import JSON_WISH
from app.domain.answer import Completion, Delta, Thought, ToolCall, Usage
from app.domain.request import (
    Called,
    ChatRequest,
    Format,
    Media,
    Message,
    Original,
    Reasoning,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    CallerError,
    ContextTooLong,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRejected,
    RouterError,
    UnsupportedFeature,
)

SAID = Path(__file__).parent / "said" / "anthropic"
SAMPLES = frozenset({"sampling"})
THINKS = frozenset({"reasoning", "json_schema"})
ADAPTIVE: dict[str, Any] = {
    "capabilities": THINKS, "thinking": ("adaptive", "disabled"), "efforts": ("low", "medium", "high", "xhigh", "max"),
}  # fmt: skip
BUDGETED: dict[str, Any] = {"capabilities": THINKS | SAMPLES, "thinking": ("enabled", "disabled"), "max_output": 64_000}
PNG = "iVBORw0KGgoAAAANSUhEUgAA"
JPEG = "/9j/4AAQSkZJRgABAQAA"


def target(**changes: Any) -> Target:
    facts = {"name": "row", "provider": "anthropic", "model_id": "claude-sonnet-4-6", "dialect": "anthropic", "wire": "anthropic"}
    return Target(**{**facts, "base_url": "https://api.anthropic.com", "key_env": ("ANTHROPIC_API_KEY",), **changes})


def says(*turns: tuple[Role, str], **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, (Text(text),)) for role, text in turns), **wishes)


def asks(**wishes: Any) -> ChatRequest:
    return says(("user", "hi"), **wishes)


def sent(request: ChatRequest, stream: bool = False, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), stream).body)
    return body


def dropped(request: ChatRequest, **changes: Any) -> tuple[str, ...]:
    return WIRE.encode(request, target(**changes), False).dropped


def own(**fields: Any) -> ChatRequest:
    body = {"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": "hi"}], **fields}
    return FACE.parse(json.dumps(body).encode())


def read(body: bytes) -> list[Delta]:
    reader = WIRE.reader()
    return reader.feed(body) + reader.close()


def events(*said: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in said)


# requests from other dialects


def test_the_call_names_url_version_and_auth() -> None:
    """One route for both forms; the newest version; the key's header is named, the key is not there."""
    call = WIRE.encode(asks(), target(), True)
    assert (call.url, call.auth) == ("https://api.anthropic.com/v1/messages", "x-api-key")
    assert dict(call.headers)["anthropic-version"] == "2026-10-21"
    assert json.loads(call.body) == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
    }
    assert WIRE.suited(("any",)) is WIRE


def test_sampling_travels_only_to_models_that_still_sample_and_by_the_older_version() -> None:
    """The newest version refuses any sampling parameter; where they are dropped, they are named."""
    request = asks(temperature=1.7, top_k=5.0, seed=3)
    call = WIRE.encode(request, target(), False)
    assert set(call.dropped) == {"seed", "temperature", "top_k"}
    assert not {"temperature", "top_k", "seed"} & set(json.loads(call.body))
    for able in ({"capabilities": SAMPLES}, {"known": False}):
        call = WIRE.encode(request, target(**able), False)
        assert call.dropped == ("temperature", "seed")  # the scale ends at 1: what was asked for is not what is sent
        assert dict(call.headers)["anthropic-version"] == "2023-06-01"
        body = json.loads(call.body)
        assert (body["temperature"], body["top_k"]) == (1.0, 5)


def test_temperature_and_top_p_do_not_travel_together() -> None:
    """Models refuse the two beside each other; alone each of them travels."""
    request = asks(temperature=0.2, top_p=0.5)
    assert "top_p" not in sent(request, capabilities=SAMPLES)
    assert dropped(request, capabilities=SAMPLES) == ("top_p",)
    assert sent(asks(top_p=0.5), capabilities=SAMPLES)["top_p"] == 0.5


@pytest.mark.parametrize(
    ("asked", "most", "told"),
    [(None, None, 4096), (None, 1000, 1000), (None, 64000, 4096), (9, 1000, 9), (5000, 1000, 1000), (0, 5, 0)],
)
def test_the_required_limit_is_filled_in_and_never_above_the_models_own(asked: int | None, most: int | None, told: int) -> None:
    """A moderate default, the caller's number, the model's ceiling; zero (warm the cache only) stays zero."""
    assert sent(asks(max_tokens=asked), max_output=most)["max_tokens"] == told


def test_instructions_turns_and_blanks_find_their_places() -> None:
    """Leading instructions become the system prompt, later ones a marked text; equal roles merge; blank text is not sent."""
    body = sent(
        says(
            ("system", "Be kind."), ("developer", "Be brief."), ("user", "a"), ("user", "b"), ("assistant", " "),
            ("system", "Now in French."), ("assistant", "c"), ("assistant", "d"), ("user", "e"),
        )
    )  # fmt: skip
    assert body["system"] == "Be kind.\n\nBe brief."
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]] == [
        ("user", ["a", "b", "[system] Now in French."]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_instructions_alone_are_the_users_turn() -> None:
    """What is a conversation elsewhere is one here too; the wish for JSON stays an instruction."""
    body = sent(says(("system", "Write a poem."), format=Format("json_object")))
    assert body["system"] == JSON_WISH
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Write a poem."}]}]


def test_the_beginning_of_an_answer_is_gone_on_with_by_models_that_do_so() -> None:
    """Without a blank at its end, which is refused; models from 4.6 on are asked to go on, and the caller is told."""
    begun = says(("user", "a"), ("assistant", "b \n"))
    for able in ({"capabilities": SAMPLES}, {"known": False}):
        assert sent(begun, **able)["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "b"}]}
        assert dropped(begun, **able) == ()
    for facts, wishes in ((ADAPTIVE, {}), (BUDGETED, {"thinking": Thinking("high")})):
        request = says(("user", "a"), ("assistant", "b"), **wishes)
        assert [turn["role"] for turn in sent(request, **facts)["messages"]] == ["user", "assistant", "user"]
        assert "prefill" in dropped(request, **facts)
    unanswered = (Message("user", (Text("a"),)), Message("assistant", (Called("c", "f", "{}"),)))
    assert sent(ChatRequest(messages=unanswered))["messages"][-1]["role"] == "assistant"


def test_the_user_is_the_first_to_speak() -> None:
    """Hosts of this dialect refuse a conversation that the assistant opens, as chat windows do."""
    messages = sent(says(("system", "s"), ("assistant", "Welcome!"), ("user", "hi")))["messages"]
    assert [turn["role"] for turn in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"][0]["text"] == "Welcome!"


def test_breakpoints_travel_on_every_block_that_can_hold_them() -> None:
    """Instructions with one are blocks; an hour is spelled out, five minutes are the default; one for all stands at the top."""
    request = ChatRequest(
        messages=(
            Message("system", (Text("a", "1h"), Text("b"))),
            Message("user", (Text("c", "5m"), Media("image", url="https://x/y.png", marker="5m"))),
            Message("assistant", (Called("toolu_1", "f", "{}", marker="5m"),)),
            Message("tool", (Result("toolu_1", (Text("r"),), marker="1h"),)),
        ),
        tools=(Tool("f", marker="1h"),),
        marker="5m",
    )
    body = sent(request)
    hour, short = {"type": "ephemeral", "ttl": "1h"}, {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": "a", "cache_control": hour}, {"type": "text", "text": "b"}]
    blocks = [block.get("cache_control") for turn in body["messages"] for block in turn["content"]]
    assert blocks == [short, short, short, hour]
    assert (body["tools"][0]["cache_control"], body["cache_control"]) == (hour, short)


LOOP = ChatRequest(
    messages=(
        Message("user", (Text("weather?"),)),
        Message("assistant", (Reasoning("hm", "sig", signer="gemini"), Text("Looking."), Called("call:1", "f", '{"a":1}'))),
        Message("assistant", (Called("call:2", "g", "", signature="s", signer="gemini"), Text("And more."))),
        Message("tool", (Result("call:1", (Text("rain"), Text(" "), Media("image", "image/png", PNG))),)),
        Message("user", (Text("hurry"),)),
        Message("tool", (Result("call:2", (), failed=True),)),
    ),
    tools=(Tool("f", "d", msgspec.Raw(b'{"properties":{}}'), strict=True), Tool("g")),
)


def test_all_results_of_a_turn_stand_in_one_message_before_anything_else() -> None:
    """Ids are mapped into what is accepted and still fit; calls end their turn; foreign thoughts and signatures stay away."""
    body = sent(LOOP)
    roles = [turn["role"] for turn in body["messages"]]
    asked, given = body["messages"][1]["content"], body["messages"][2]["content"]
    assert roles == ["user", "assistant", "user"]
    assert [block["type"] for block in asked] == ["text", "text", "tool_use", "tool_use"]
    assert [block["type"] for block in given] == ["tool_result", "tool_result", "text"]
    assert [block["input"] for block in asked[2:]] == [{"a": 1}, {}]
    ids = [block["id"] for block in asked[2:]]
    assert [block["tool_use_id"] for block in given[:2]] == ids
    assert all(call_id.startswith("toolu_") and call_id.isascii() for call_id in ids)
    assert given[0]["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": PNG}
    assert len(given[0]["content"]) == 2
    assert given[1].keys() == {"type", "tool_use_id", "is_error"}
    assert dropped(LOOP) == ("thinking", "strict")


def test_declared_tools_have_an_object_and_are_strict_where_that_is_known_to_work() -> None:
    """No parameters are an empty object, a missing type is filled in; `strict` goes where schemas are enforced."""
    body = sent(LOOP, capabilities=THINKS)
    assert body["tools"] == [
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert dropped(LOOP, capabilities=THINKS) == ("thinking",)


@pytest.mark.parametrize(
    ("choice", "parallel", "told", "names"),
    [
        (None, None, None, "fg"),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}, "fg"),
        (None, True, None, "fg"),
        (ToolChoice("auto"), None, {"type": "auto"}, "fg"),
        (ToolChoice("none"), False, {"type": "none"}, "fg"),
        (ToolChoice("required"), None, {"type": "any"}, "fg"),
        (ToolChoice("required", ("g",)), False, {"type": "tool", "name": "g", "disable_parallel_tool_use": True}, "fg"),
        (ToolChoice("auto", ("g",)), None, {"type": "auto"}, "g"),
        (ToolChoice("required", ("f", "g")), None, {"type": "any"}, "fg"),
    ],
)
def test_a_choice_is_an_object_that_may_hold_one_call_at_a_time(
    choice: ToolChoice | None, parallel: bool | None, told: dict[str, Any] | None, names: str
) -> None:
    """A choice that narrows the tools does so by leaving the others out, unless it forces one."""
    body = sent(asks(tools=(Tool("f"), Tool("g")), tool_choice=choice, parallel_tools=parallel))
    assert body.get("tool_choice") == told
    assert "".join(tool["name"] for tool in body["tools"]) == names


def test_a_history_with_calls_declares_them_though_none_may_be_called() -> None:
    """Without tools such a history is refused; a choice without any tool is not sent at all."""
    body = sent(msgspec.structs.replace(LOOP, tools=()))
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]
    assert body["tool_choice"] == {"type": "none"}
    assert not {"tools", "tool_choice"} & sent(asks(tool_choice=ToolChoice("auto"), parallel_tools=False)).keys()


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (Media("image", url="https://x/y"), {"type": "url", "url": "https://x/y"}),
        (Media("file", "application/pdf", "JVBERi0="), {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}),
        (Media("file", url="https://x/y.pdf"), {"type": "url", "url": "https://x/y.pdf"}),
        (Media("file", "text/csv", "YSxi"), {"type": "text", "media_type": "text/plain", "data": "a,b"}),
    ],
)
def test_media_go_by_value_or_by_address(part: Media, source: dict[str, str]) -> None:
    """Nothing is fetched; a text file is told as text; a file keeps its name."""
    block = sent(ChatRequest(messages=(Message("user", (msgspec.structs.replace(part, name="n", detail="low"),)),)))
    assert block["messages"][0]["content"][0]["source"] == source
    assert block["messages"][0]["content"][0].get("title") == ("n" if part.kind == "file" else None)
    assert dropped(ChatRequest(messages=(Message("user", (msgspec.structs.replace(part, detail="low"),)),))) == ("detail",)


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", Media("audio", "audio/wav", "UklGRg==")),
        ("user", Media("image", "image/bmp", "Qk0=")),
        ("user", Media("file", "application/zip", "UEs=")),
        ("assistant", Media("file", "application/pdf", "JVBERi0=")),
        ("assistant", Media("image", "image/png", PNG)),
    ],
)
def test_what_it_cannot_look_at_is_refused_by_name(role: Role, part: Media) -> None:
    """Sounds, other kinds of images and files, and media that the assistant would have made."""
    with pytest.raises(UnsupportedFeature) as caught:
        sent(ChatRequest(messages=(Message("user", (Text("a"),)), Message(role, (part,)))))
    assert caught.value.param == "messages"


def test_arguments_that_are_no_object_are_the_callers_fault() -> None:
    """There is no other place for them."""
    with pytest.raises(CallerError):
        sent(ChatRequest(messages=(Message("assistant", (Called("c", "f", "[1]"),)),)))


def test_stop_sequences_user_and_tiers_are_told_in_its_words() -> None:
    """Blank stop sequences would get the request refused: they are dropped and named, like tiers without a word."""
    request = asks(stop=("\n", "END"), user="u-1", tier="default")
    body = sent(request)
    assert (body["stop_sequences"], body["metadata"], body["service_tier"]) == (["END"], {"user_id": "u-1"}, "standard_only")
    assert dropped(request) == ("stop",)
    assert "stop_sequences" not in sent(asks(stop=(" ",)))
    assert dropped(asks(tier="flex")) == ("service_tier",)
    fast = WIRE.encode(asks(tier="fast"), target(), False)
    assert (json.loads(fast.body)["speed"], dict(fast.headers)["anthropic-beta"]) == ("fast", "fast-mode-2026-02-01")


def test_every_wish_without_a_word_is_named() -> None:
    """Nothing vanishes silently, be it typed or only known by name."""
    request = ChatRequest(
        messages=(Message("user", (Text("hi"),), name="Ann"),),
        presence_penalty=1.0, frequency_penalty=1.0, top_logprobs=2, metadata={"a": "b"}, extra=("logit_bias",),
        original=Original("openai", {}),
    )  # fmt: skip
    names = {"presence_penalty", "frequency_penalty", "top_logprobs", "metadata", "name", "logit_bias"}
    assert set(dropped(request)) == names
    assert dropped(ChatRequest(messages=request.messages, metadata={"a": "b"})) == ("name",)  # /query's are for our record alone


@pytest.mark.parametrize("wish", [{"n": 2}, {"logprobs": True}, {"native": ("container",)}])
@pytest.mark.parametrize("known", [True, False])
def test_what_would_be_another_answer_without_it_is_refused(wish: dict[str, Any], known: bool) -> None:
    """Also for a model of which nothing is known: it is the dialect that has no place for it."""
    with pytest.raises(UnsupportedFeature) as refused:
        WIRE.encode(asks(**wish), target(known=known), False)
    assert refused.value.param in (*wish, "container")


@pytest.mark.parametrize(
    ("wish", "field", "value"),
    [
        ({"temperature": 1.5}, "temperature", 1.0),
        ({"top_k": 2.5}, "top_k", 2),
        ({"top_k": -1.0}, "top_k", 0),
    ],
)
def test_a_value_that_had_to_be_bent_is_named(wish: dict[str, Any], field: str, value: float) -> None:
    """What goes out is the nearest that the dialect takes, and the caller is told that it is not what was asked for."""
    assert sent(asks(**wish), capabilities=SAMPLES)[field] == value
    assert dropped(asks(**wish), capabilities=SAMPLES) == (field,)


def test_a_limit_that_is_raised_for_the_sake_of_thinking_is_named() -> None:
    """The least budget does not fit under the caller's limit: the answer may become longer than was asked for."""
    request = asks(max_tokens=100, thinking=Thinking("high"))
    assert sent(request, **BUDGETED)["max_tokens"] == 1124
    assert dropped(request, **BUDGETED) == ("max_tokens",)


def test_what_is_told_of_a_form_stands_in_its_schema() -> None:
    """There is no other place for it."""
    form = Format("json_schema", schema=msgspec.Raw(b'{"type":"object","description":"own"}'), description="A place.")
    assert sent(asks(format=form))["output_config"]["format"]["schema"]["description"] == "A place.\n\nown"


SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "minLength": 2},
        "b": {"type": "array", "items": {"type": "object", "properties": {}}, "minItems": 3},
        "c": {"$ref": "#/$defs/C"},
    },
    "required": ["a"],
    "$defs": {"C": {"oneOf": [{"const": 1}, {"type": "string", "format": "date"}], "description": "one"}},
}


def test_a_schema_is_enforced_as_far_as_it_can_be() -> None:
    """Objects are closed; what is not enforced is told in the description; the effort keeps its place beside the form."""
    form = Format("json_schema", schema=msgspec.Raw(json.dumps(SCHEMA).encode()))
    body = sent(asks(format=form, thinking=Thinking("low")), **ADAPTIVE)
    assert body["output_config"]["effort"] == "low"
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "a": {"anyOf": [{"type": "string", "description": "{minLength: 2}"}, {"type": "null"}]},
        "b": {
            "type": "array",
            "items": {"type": "object", "properties": {}, "additionalProperties": False},
            "description": "{minItems: 3}",
        },
        "c": {"$ref": "#/$defs/C"},
    }
    assert schema["$defs"]["C"] == {"anyOf": [{"const": 1}, {"type": "string", "format": "date"}], "description": "one"}
    with pytest.raises(CallerError):
        sent(asks(format=Format("json_schema", schema=msgspec.Raw(b"[]"))))


# thinking


@pytest.mark.parametrize(
    ("wish", "facts", "thinking", "effort", "names"),
    [
        (Thinking("high"), ADAPTIVE, {"type": "adaptive"}, "high", ()),
        (Thinking("minimal"), ADAPTIVE, {"type": "adaptive"}, "low", ("reasoning_effort",)),
        (Thinking("none"), ADAPTIVE, {"type": "disabled"}, None, ()),
        (Thinking("none"), {**ADAPTIVE, "thinking": ("adaptive",)}, None, "low", ("reasoning_effort",)),
        (Thinking(shown=True), ADAPTIVE, {"type": "adaptive", "display": "summarized"}, None, ()),
        (Thinking(budget=9000, shown=False), ADAPTIVE, {"type": "adaptive", "display": "omitted"}, "medium", ("thinking",)),
        (Thinking("high"), BUDGETED, {"type": "enabled", "budget_tokens": 10240}, None, ()),
        (Thinking(budget=3), BUDGETED, {"type": "enabled", "budget_tokens": 1024}, None, ("thinking",)),
        (Thinking("high", 3000), BUDGETED, {"type": "enabled", "budget_tokens": 3000}, None, ("reasoning_effort",)),
        (
            Thinking(budget=3000, shown=True),
            BUDGETED,
            {"type": "enabled", "budget_tokens": 3000, "display": "summarized"},
            None,
            (),
        ),
        (Thinking(), BUDGETED, {"type": "enabled", "budget_tokens": 6144}, None, ()),
        (
            Thinking(budget=2000, shown=False),
            BUDGETED,
            {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
            None,
            (),
        ),
        (Thinking("high"), {"capabilities": SAMPLES}, None, None, ("reasoning_effort",)),
        (Thinking("none"), {"capabilities": SAMPLES}, None, None, ()),
        (Thinking("max"), {"known": False}, {"type": "adaptive"}, "max", ()),
        (Thinking(budget=2000), {"known": False}, {"type": "enabled", "budget_tokens": 2000}, None, ()),
    ],
)
def test_how_much_to_think_is_told_as_the_model_takes_it(
    wish: Thinking, facts: dict[str, Any], thinking: Any, effort: str | None, names: tuple[str, ...]
) -> None:
    """By effort, by budget, or as little as can be; a word that had to change is named, a wish that found none too."""
    body = sent(asks(thinking=wish), **facts)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert dropped(asks(thinking=wish), **facts) == names


@given(
    budget=st.one_of(st.none(), st.integers(0, 200_000)),
    asked=st.one_of(st.none(), st.integers(1, 200_000)),
    most=st.one_of(st.none(), st.integers(1, 200_000)),
)
def test_a_budget_is_always_one_that_is_accepted(budget: int | None, asked: int | None, most: int | None) -> None:
    """At least 1,024, below `max_tokens`, which grows for it up to what the model can write; else there is none."""
    facts = {**BUDGETED, "max_output": most}
    body = sent(asks(thinking=Thinking("medium", budget), max_tokens=asked), **facts)
    if "thinking" in body:
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"]
    else:
        assert most is not None
        assert most <= 1024
        assert "thinking" in dropped(asks(thinking=Thinking("medium", budget), max_tokens=asked), **facts)
    assert most is None or body["max_tokens"] <= most


def test_who_must_call_a_tool_does_not_think_about_it() -> None:
    """A forced call beside thinking is refused, so thinking is left out and named."""
    request = asks(thinking=Thinking("high"), tools=(Tool("f"),), tool_choice=ToolChoice("required"))
    assert "thinking" not in sent(request, **ADAPTIVE)
    assert sent(request, **ADAPTIVE)["output_config"] == {"effort": "high"}
    assert dropped(request, **ADAPTIVE) == ("thinking",)


def test_sampling_gives_way_to_thinking() -> None:
    """Models that do both do not do them at once."""
    request = asks(thinking=Thinking("low"), temperature=0.5)
    assert dropped(request, **BUDGETED) == ("temperature",)
    assert sent(asks(thinking=Thinking("none"), temperature=0.5), **BUDGETED)["temperature"] == 0.5


def test_a_loop_that_another_model_began_is_gone_on_with_unthinkingly() -> None:
    """With a budget the last turn would have to begin with a thought of this model; without one it need not."""
    request = msgspec.structs.replace(LOOP, thinking=Thinking("high"))
    assert "thinking" not in sent(request, **BUDGETED)
    assert sent(request, **ADAPTIVE)["thinking"] == {"type": "adaptive"}


def test_thoughts_go_back_to_the_dialect_that_signed_them() -> None:
    """Signed and encrypted ones in their order and first; unsigned ones and those of other models are left out and named."""
    thoughts = (
        Reasoning("a", "s1", signer="anthropic"),
        Reasoning(redacted="d", signer="anthropic/claude-sonnet-4-6"),
        Reasoning("b", "s2", signer="anthropic/claude-other"),
        Reasoning("c"),
    )
    request = ChatRequest(
        messages=(Message("user", (Text("hi"),)), Message("assistant", (*thoughts, Text("x"))), Message("user", (Text("y"),)))
    )
    assert sent(request)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "s1"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "x"},
    ]
    assert dropped(request) == ("thinking",)


# the same dialect


def test_an_own_body_travels_untouched_but_for_what_is_ours() -> None:
    """Unknown fields, odd blocks, numbers as they are spelled; without the router's object, with the model's own name."""
    body = (
        b'{"model": "auto", "max_tokens": 7, "new": [1.0, 1e2], "router": {"mode": "fast"}, "stream": true, "container": "c",'
        b' "messages": [{"role": "user", "content": [{"type": "brand_new", "x": 1.50}]}]}'
    )
    call = WIRE.encode(FACE.parse(body), target(), False)
    assert call.dropped == ()
    assert b"[1.0, 1e2]" in call.body
    assert b'{"type": "brand_new", "x": 1.50}' in call.body
    assert json.loads(call.body).keys() == {"model", "max_tokens", "new", "container", "messages"}
    assert json.loads(call.body)["model"] == "claude-sonnet-4-6"


def test_sampling_of_an_own_body_is_dropped_and_named_too() -> None:
    """The caller's own fields travel untouched, but for what the version would refuse."""
    request = own(temperature=0, top_k=3)
    assert dropped(request) == ("temperature", "top_k")
    assert {"temperature": 0, "top_k": 3}.items() <= sent(request, capabilities=SAMPLES).items()


def test_the_callers_version_and_betas_travel_in_its_own_dialect() -> None:
    """A version that nobody knows is not passed on; the newest takes no sampling."""

    def headers(*said: tuple[str, str], **fields: Any) -> dict[str, str]:
        request = own(**fields)
        assert request.original is not None
        original = msgspec.structs.replace(request.original, headers=said)
        call = WIRE.encode(msgspec.structs.replace(request, original=original), target(capabilities=SAMPLES), False)
        return {**dict(call.headers), "dropped": ",".join(call.dropped)}

    told = headers(("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"), ("x-other", "c"))
    assert (told["anthropic-version"], told["anthropic-beta"], "x-other" in told) == ("2023-06-01", "a,b", False)
    assert headers(("anthropic-version", "1999-01-01"))["anthropic-version"] == "2026-10-21"
    newest = headers(("anthropic-version", "2026-10-21"), temperature=0.5)
    assert (newest["anthropic-version"], newest["dropped"]) == ("2026-10-21", "temperature")
    assert headers(temperature=0.5)["anthropic-version"] == "2023-06-01"


def test_signatures_that_passed_through_us_are_opened_or_left_out() -> None:
    """Only turns that hold such thoughts are written anew; a turn of nothing else goes; the rest stays as it was spelled."""
    ours = {"type": "thinking", "thinking": "a", "signature": sealed("anthropic", "s")}
    blocks = [
        ours,
        {"type": "redacted_thinking", "data": sealed("anthropic", "d")},
        {"type": "thinking", "thinking": "b", "signature": sealed("gemini", "s")},
        {"type": "redacted_thinking", "data": sealed("gemini", "s") + ".call.toolu_1"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    ]
    turns = [
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}]},
        {"role": "assistant", "content": blocks[2:3]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "z", "signature": "native"}]},
    ]
    request = own(messages=turns)
    kept = sent(request)["messages"]
    assert [turn["role"] for turn in kept] == ["assistant", "user", "assistant"]
    assert kept[0]["content"] == [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        blocks[5],
    ]
    assert kept[1:] == [turns[1], turns[3]]
    assert dropped(request) == ("thinking",)
    untouched = own(messages=turns[3:])
    assert dropped(untouched) == ()
    assert sent(untouched)["messages"] == turns[3:]


def test_a_signature_of_this_dialect_that_we_sealed_is_opened_though_nothing_is_left_out() -> None:
    """Otherwise its own provider would not know it again."""
    sealed_ = {"type": "thinking", "thinking": "a", "signature": sealed("anthropic", "s")}
    request = own(messages=[{"role": "assistant", "content": [sealed_]}, {"role": "user", "content": "b"}])
    assert sent(request)["messages"][0]["content"] == [{**sealed_, "signature": "s"}]
    assert dropped(request) == ()


def test_an_own_loop_that_lost_its_thoughts_is_gone_on_with_unthinkingly() -> None:
    """A model that is given a budget would refuse to think on in a turn that does not begin with a thought of its own."""
    foreign = {"type": "thinking", "thinking": "a", "signature": sealed("gemini", "s")}
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    request = own(
        thinking={"type": "enabled", "budget_tokens": 2000},
        max_tokens=4000,
        messages=[
            {"role": "assistant", "content": [foreign, call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]},
        ],
    )
    assert "thinking" not in sent(request, **BUDGETED)
    assert dropped(request, **BUDGETED) == ("thinking",)


@pytest.mark.parametrize(
    ("fields", "facts", "kept", "names"),
    [
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, ADAPTIVE, None, ()),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, BUDGETED, None, ()),
        ({"thinking": {"type": "between_tools"}}, {"known": False}, None, ()),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 16000}, "max_tokens": 20000},
            ADAPTIVE,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
            ("thinking",),
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low", "task": 1}, "max_tokens": 9000},
            BUDGETED,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "output_config": {"task": 1}},
            ("thinking", "reasoning_effort"),
        ),
        ({"output_config": {"effort": "low"}}, BUDGETED, {}, ("reasoning_effort",)),
        ({"thinking": {"type": "adaptive"}}, {"capabilities": SAMPLES}, {}, ("thinking",)),
        ({"thinking": {"type": "disabled"}}, {"capabilities": SAMPLES}, {}, ()),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000}, "max_tokens": 10000},
            {**BUDGETED, "max_output": 4000},
            {"thinking": {"type": "enabled", "budget_tokens": 3999}},
            (),
        ),
    ],
)
def test_an_own_wish_to_think_is_said_anew_only_where_the_model_would_refuse_it(
    fields: dict[str, Any], facts: dict[str, Any], kept: dict[str, Any] | None, names: tuple[str, ...]
) -> None:
    """A router that chose a model must not let it fail on a word it does not take; what changed is named."""
    body = sent(own(**fields), **facts)
    told = {name: body[name] for name in ("thinking", "output_config") if name in body}
    expected = {name: value for name, value in fields.items() if name != "max_tokens"} if kept is None else kept
    assert told == expected
    assert dropped(own(**fields), **facts) == names


# counting


def test_a_count_is_asked_for_without_what_is_no_part_of_the_prompt() -> None:
    """Its route takes no limit and no sampling, from whatever dialect the conversation is; the answer stays as it came."""
    call = encode_count(own(temperature=0.5, system="s", metadata={"user_id": "u"}), target(capabilities=SAMPLES))
    assert call.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert json.loads(call.body).keys() == {"model", "messages", "system"}
    assert json.loads(encode_count(LOOP, target()).body).keys() == {"model", "messages", "tools"}
    counted = parse_count(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    assert json.loads(encode_count(counted, target()).body).keys() == {"model", "messages"}
    body = b'{"input_tokens": 12, "context_management": {"original_input_tokens": 20}}'
    assert held_count(body) == body


@pytest.mark.parametrize("body", [b"{}", b'{"input_tokens": -1}', b"<html>", b'{"input_tokens": "9"}', b"[]"])
def test_a_count_that_is_none_is_a_bad_answer(body: bytes) -> None:
    """Never a number that nobody counted."""
    with pytest.raises(BadAnswer):
        held_count(body)
    with pytest.raises(ProviderOverloaded):
        held_count(b'{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}')


# answers


def test_the_input_includes_what_was_cached() -> None:
    """Its own count excludes cache reads and writes; ours includes both and names them."""
    usage = WIRE.decode((SAID / "whole.json").read_bytes()).usage
    assert usage == Usage(input_tokens=1052, output_tokens=9, cached_tokens=1000, cache_write_tokens=40)
    assert Completion.folded(read((SAID / "stream.sse").read_bytes())).usage == usage


def test_thoughts_and_calls_are_read_whole_and_streamed() -> None:
    """Calls count among themselves, whatever blocks lie between; one without input has an empty object."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    streamed = Completion.folded(read((SAID / "tools.sse").read_bytes()))
    for said in (whole, streamed):
        assert (said.thoughts, said.text) == ((Thought("Two calls.", sealed("anthropic", "EqQBCgIYAhIM")),), "Let me look.")
        assert said.finish_reason == "tool_calls"
        assert [(call.id, call.name, json.loads(call.arguments)) for call in said.tool_calls] == [
            ("toolu_01A", "weather", {"city": "Oslo"}),
            ("toolu_01B", "time", {}),
        ]
        assert said.usage == Usage(input_tokens=30, output_tokens=50, reasoning_tokens=5)


def test_thoughts_between_calls_keep_their_order_and_their_signatures() -> None:
    """Signed, hidden and encrypted ones; unknown blocks and citations say nothing of their own and pass raw."""
    streamed = read((SAID / "thinking.sse").read_bytes())
    whole = WIRE.decode((SAID / "thinking.json").read_bytes())
    assert msgspec.structs.replace(whole, raw=b"") == Completion.folded(streamed)
    assert whole.thoughts == (
        Thought("First.", sealed("anthropic", "c2lnMQ==")),
        Thought(redacted=sealed("anthropic", "ZW5jcnlwdGVk")),
        Thought("", sealed("anthropic", "c2lnMg==")),
        Thought("Last."),
    )
    assert (whole.text, len(whole.tool_calls), whole.finish_reason) == ("Found.", 1, "tool_calls")
    assert any(b"server_tool_use" in delta.raw and not delta.speaks for delta in streamed)


def test_a_thought_without_a_signature_goes_on_in_the_next_in_both_forms() -> None:
    """Nothing tells two such thoughts apart; a block that never ends is signed at the end of the stream."""
    blocks = [{"type": "thinking", "thinking": word, "signature": "s" * (word == "b")} for word in ("a", "b", "c")]
    whole = WIRE.decode(json.dumps({"content": blocks}).encode())
    started = [{"type": "content_block_start", "index": i, "content_block": block} for i, block in enumerate(blocks)]
    ended = [{"type": "content_block_stop", "index": i} for i in range(3)]
    events_ = [event for pair in zip(started, ended, strict=True) for event in pair]
    streamed = Completion.folded(read(events(*events_, {"type": "message_stop"})))
    assert whole.thoughts == streamed.thoughts == (Thought("ab", sealed("anthropic", "s")), Thought("c"))
    unended = Completion.folded(read(events(started[1], {"type": "message_stop"})))
    assert unended.thoughts == (Thought("b", sealed("anthropic", "s")),)


def test_a_refusal_and_silence_are_answers() -> None:
    """A refusal says why; an empty answer is empty and still billed."""
    refusal = WIRE.decode((SAID / "refusal.json").read_bytes())
    assert (refusal.finish_reason, refusal.refusal) == ("content_filter", "This could enable biological harm.")
    empty = WIRE.decode((SAID / "empty.json").read_bytes())
    assert (empty.text, empty.finish_reason, empty.usage) == ("", "stop", Usage(8, 2))


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


@pytest.mark.parametrize(
    ("word", "content", "reason"),
    [
        ("end_turn", [], "stop"),
        ("stop_sequence", [], "stop"),
        ("pause_turn", [], "stop"),
        ("brand_new", [], "stop"),
        ("max_tokens", [CALL], "length"),
        ("model_context_window_exceeded", [], "length"),
        ("tool_use", [CALL], "tool_calls"),
        ("tool_use", [], "stop"),
        ("end_turn", [CALL], "tool_calls"),
        ("refusal", [], "content_filter"),
        (None, [{"type": "text", "text": "x"}], None),
    ],
)
def test_every_stop_reason_has_its_word(word: str | None, content: list[dict[str, Any]], reason: str | None) -> None:
    """Unknown reasons, which may be added within a version, are ordinary stops; calls speak for themselves."""
    body = {**json.loads((SAID / "empty.json").read_bytes()), "stop_reason": word, "content": content}
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason
    started = [{"type": "content_block_start", "index": i, "content_block": block} for i, block in enumerate(content)]
    end = {"type": "message_delta", "delta": {"stop_reason": word}, "usage": {"output_tokens": 1}}
    assert Completion.folded(read(events(*started, end, {"type": "message_stop"}))).finish_reason == reason


def test_usage_is_told_where_it_changes_and_pings_are_not_seen() -> None:
    """The small counts at the start are not booked; later ones are cumulative, each over what was told before."""
    deltas = read((SAID / "stream.sse").read_bytes())
    assert [delta.finish_reason for delta in deltas if delta.usage] == ["stop"]
    assert not any(b"ping" in delta.raw for delta in deltas)
    assert deltas[0].raw.startswith(b"event: message_start\ndata: {")
    start = {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 5, "output_tokens": 1}}}
    more = [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
        for usage in ({"output_tokens": 7}, {"cache_read_input_tokens": 3}, {"output_tokens": 9, "input_tokens": 6})
    ]
    told = [delta.usage for delta in read(events(start, *more, {"type": "message_stop"})) if delta.usage]
    assert told == [Usage(5, 7), Usage(8, 7, 3), Usage(9, 9, 3)]


def test_a_tools_input_comes_in_pieces_of_a_byte_or_at_its_start_or_not_at_all() -> None:
    """However a host tells it, and though a block or its id may be missing, each call has its arguments once."""
    spelled = '{"city":"Zürich","n":[1,2]}'
    pieces = [{"index": 0, "delta": {"type": "input_json_delta", "partial_json": letter}} for letter in ["", *spelled]]
    body = events(
        {"type": "content_block_start", "index": 0, "content_block": CALL},
        *({"type": "content_block_delta", **piece} for piece in pieces),
        {"type": "content_block_start", "index": 5, "content_block": {**CALL, "id": "u", "input": {"a": 1}}},
        {"type": "content_block_stop", "index": 5},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 7, "content_block": {**CALL, "id": None}},
        {"type": "message_stop"},
    )
    calls = Completion.folded(read(body)).tool_calls
    assert calls[:2] == (ToolCall("t", "f", spelled), ToolCall("u", "f", '{"a":1}'))
    assert (calls[2].arguments, calls[2].id[:5]) == ("{}", "call_")


def test_what_was_said_before_an_error_comes_first() -> None:
    """The words arrive, then the error is raised, though both came at once."""
    reader = WIRE.reader()
    assert "".join(delta.text for delta in reader.feed((SAID / "overloaded.sse").read_bytes())) == "Qubits "
    with pytest.raises(ProviderOverloaded):
        reader.close()


@given(st.sampled_from(sorted(path.name for path in SAID.glob("*.*") if path.suffix != ".md")), st.data())
def test_a_broken_answer_is_an_error_of_ours_or_an_answer(name: str, data: st.DataObject) -> None:
    """Bytes changed anywhere: nothing but a RouterError ever comes out of decode, reader, fault and count."""
    body = bytearray((SAID / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from(b'{}[]",:0n\n\x80e\\'))
    for tried in (lambda: WIRE.decode(bytes(body)), lambda: read(bytes(body)), lambda: held_count(bytes(body))):
        try:
            tried()
        except RouterError:
            continue
    assert isinstance(WIRE.fault(500, {}, bytes(body)), RouterError)


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", ContextTooLong),
        (400, "invalid_request_error", "prompt is too long: 209573 tokens > 200000 maximum", ContextTooLong),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", ProviderQuota),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", ProviderQuota),
        (402, "billing_error", "pay", ProviderQuota),
        (400, "invalid_request_error", "temperature: extra inputs are not permitted", ProviderRejected),
        (413, "request_too_large", "Request exceeds the maximum size", ProviderRejected),
        (529, "overloaded_error", "Overloaded", ProviderOverloaded),
        (429, "rate_limit_error", "spend", ProviderQuota),
    ],
)  # fmt: skip
def test_each_failure_gets_its_meaning(status: int, kind: str, message: str, error: type[RouterError]) -> None:
    """Types, code words of the details, and the few verdicts that have only a text; an overflow keeps its numbers."""
    details = {"error_code": "enforced_spend_limit_reached"} if message == "spend" else None
    body = {"type": "error", "error": {"type": kind, "message": message, "details": details}, "request_id": "req_1"}
    fault = WIRE.fault(status, {}, json.dumps(body).encode())
    assert type(fault) is error
    if isinstance(fault, ContextTooLong):
        assert (fault.tokens, fault.limit) == (209573, 200000)


@pytest.mark.parametrize("finish", [(), ({"type": "message_delta", "delta": {"stop_reason": None}},)])
def test_calls_without_any_stop_reason_are_calls_all_the_same(finish: tuple[dict[str, Any], ...]) -> None:
    """Hosts of this dialect forget it, or the whole event that tells it; a text alone stays without a reason."""
    block = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    start, end = {"type": "message_start", "message": {"id": "m"}}, {"type": "message_stop"}
    opened = {"type": "content_block_start", "index": 0, "content_block": block}
    said = Completion.folded(read(events(start, opened, {"type": "content_block_stop", "index": 0}, *finish, end)))
    assert (said.finish_reason, said.tool_calls[0].arguments) == ("tool_calls", "{}")
    assert WIRE.decode(json.dumps({"type": "message", "content": [block]}).encode()).finish_reason == "tool_calls"
    text = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}}
    assert Completion.folded(read(events(start, text, *finish, end))).finish_reason is None
