"""Mistral's dialect: like OpenAI's, but that unknown fields, some orders of turns and most ids of calls are refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from app.clients.common.seal import sealed
from app.clients.mistral_client import FACE, WIRE
from app.domain.answer import Completion, Delta, Thought, TokenLogprob, ToolCall, Usage
from app.domain.request import (
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
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    RouterError,
    UnsupportedFeature,
)

SAID = Path(__file__).parent / "said" / "mistral"
SAMPLES = frozenset({"sampling", "reasoning"})
OTHERS = Original("openai", {})
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
TEMPERATURE = Tool("temperature", "How warm it is.", Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}'), True)
CLOCK = Tool("clock")


def target(**changes: Any) -> Target:
    facts = {"name": "row", "provider": "mistral", "model_id": "mistral-small-2603", "dialect": "mistral", "wire": "mistral"}
    facts |= {"base_url": "https://api.mistral.ai/v1", "key_env": ("MISTRAL_API_KEY",), "capabilities": SAMPLES}
    return Target(**{**facts, **changes})


def says(*turns: tuple[Role, str], **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, (Text(text),)) for role, text in turns), **wishes)


def asks(**wishes: Any) -> ChatRequest:
    return says(("user", "hi"), **wishes)


def turns(*messages: tuple[Role, tuple[Part, ...]]) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, parts) for role, parts in messages))


def sent(request: ChatRequest, stream: bool = False, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), stream).body)
    return body


def dropped(request: ChatRequest, **changes: Any) -> tuple[str, ...]:
    return WIRE.encode(request, target(**changes), False).dropped


def read(body: bytes) -> list[Delta]:
    reader = WIRE.reader()
    return reader.feed(body) + reader.close()


def chunks(*choices: dict[str, Any], done: bool = True) -> bytes:
    """A stream with one event for each of these choices."""
    events = [json.dumps({"id": "r", "model": "m", "choices": [{"index": 0, **choice}]}) for choice in choices]
    return "".join(f"data: {event}\n\n" for event in events).encode() + (b"data: [DONE]\n\n" if done else b"")


def streamed(*choices: dict[str, Any]) -> Completion:
    return Completion.folded(read(chunks(*choices)))


# what is sent


def test_wishes_are_told_in_its_words_and_nothing_else_is() -> None:
    """`random_seed`, `max_tokens`; no stream options, no user: an unknown field would get the whole request refused."""
    wishes = {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 40.0,
        "stop": ("a",),
        "seed": 7,
        "n": 2,
        "logprobs": True,
    }
    wishes |= {
        "top_logprobs": 3,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "format": Format("json_object"),
        "tier": "default",
    }
    request = says(
        ("developer", "Be kind."), ("user", "hi"), **wishes, include_usage=True, metadata={"a": "b"}, user="u", original=OTHERS
    )
    assert sent(request, stream=True) == {
        "model": "mistral-small-2603",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 40,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "stop": ["a"],
        "random_seed": 7,
        "response_format": {"type": "json_object"},
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "metadata": {"a": "b", "user_id": "u"},
        "service_tier": "standard_only",
        "stream": True,
    }
    call = WIRE.encode(request, target(), True)
    assert (call.url, call.auth, call.dropped) == ("https://api.mistral.ai/v1/chat/completions", "bearer", ())


@pytest.mark.parametrize(
    ("wishes", "names"),
    [
        ({"seed": -1}, ("seed",)),
        ({"temperature": 2.0}, ("temperature",)),
        ({"top_k": 0.5}, ("top_k",)),
        ({"tier": "flex"}, ("service_tier",)),
        ({"marker": "5m"}, ("cache_control",)),
        ({"tools": (Tool("f", marker="1h"),)}, ("cache_control",)),
        ({"messages": (Message("user", (Text("hi", marker="5m"),)),)}, ("cache_control",)),
        ({"messages": (Message("user", (Text("hi"),), name="Ann"),)}, ("name",)),
        ({"extra": ("logit_bias", "store")}, ("logit_bias", "store")),
        ({"user": "u", "metadata": {"user_id": "v"}, "original": OTHERS}, ("user",)),
    ],
)
def test_what_has_no_place_here_is_named(wishes: dict[str, Any], names: tuple[str, ...]) -> None:
    """Each wish that is left out or bent is told to the caller by its own name."""
    assert dropped(msgspec.structs.replace(asks(), **wishes)) == names


def test_a_model_without_sampling_is_not_sampled() -> None:
    """Sampling is named and left out; of a model that nobody vouches for it is tried."""
    request = asks(temperature=0.0, top_p=1.0, presence_penalty=1.0, max_tokens=99)
    call = WIRE.encode(request, target(capabilities=frozenset(), max_output=50), False)
    assert call.dropped == ("temperature", "top_p", "presence_penalty")
    assert json.loads(call.body).keys() == {"model", "messages", "max_tokens"}
    assert json.loads(call.body)["max_tokens"] == 50
    assert dropped(request, capabilities=frozenset(), known=False) == ()


def test_fields_that_both_dialects_have_go_over_from_the_callers_body() -> None:
    """A cache key, a prediction (in parts too) and Mistral's own fields, whoever's face they came through."""
    fields = {
        "prompt_cache_key": Raw(b'"k"'),
        "prediction": Raw(b'{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}'),
        "safe_prompt": Raw(b"true"),
        "logit_bias": Raw(b"{}"),
    }
    request = asks(extra=tuple(fields), original=Original("openai", fields))
    body = sent(request)
    assert (body["prompt_cache_key"], body["safe_prompt"]) == ("k", True)
    assert body["prediction"] == {"type": "content", "content": "ab"}
    assert dropped(request) == ("logit_bias",)
    odd = asks(extra=("prediction",), original=Original("openai", {"prediction": Raw(b'{"type":"brand_new"}')}))
    assert dropped(odd) == ("prediction",)
    assert "prediction" not in sent(odd)


def test_media_become_chunks() -> None:
    """Images and documents by data URL or link, sounds as base64; what is closer than `high` is `high`."""
    request = turns(
        (
            "user",
            (
                Text("look"),
                Media("image", "image/png", PNG, detail="original"),
                Media("image", url="https://a.b/c.png"),
                Media("file", "application/pdf", "JVBERi0=", name="a.pdf"),
                Media("file", url="https://a.b/c.pdf"),
                Media("audio", "audio/wav", "UklG"),
            ),
        )
    )
    assert sent(request)["messages"][0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}},
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0=", "document_name": "a.pdf"},
        {"type": "document_url", "document_url": "https://a.b/c.pdf"},
        {"type": "input_audio", "input_audio": "UklG"},
    ]


CALLS = (Called("call_1", "temperature", '{"city":"Oslo"}'), Called("aB3dE5gH7", "clock", ""))
RESULTS = (Result("call_1", (Text("3"), Media("image", "image/png", PNG)), name="temperature"), Result("aB3dE5gH7", ()))


def test_calls_and_results_go_under_ids_of_nine_letters() -> None:
    """Ids that fit stay, others are replaced on both sides alike, the same in every turn of the conversation."""
    request = turns(("user", (Text("hi"),)), ("assistant", CALLS), ("tool", RESULTS))
    call, first, second = sent(request)["messages"][1:]
    made = call["tool_calls"][0]["id"]
    assert len(made) == 9
    assert made.isalnum()
    assert call == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": made, "type": "function", "function": {"name": "temperature", "arguments": '{"city":"Oslo"}'}, "index": 0},
            {"id": "aB3dE5gH7", "type": "function", "function": {"name": "clock", "arguments": "{}"}, "index": 1},
        ],
    }
    assert (first["tool_call_id"], first["name"], [chunk["type"] for chunk in first["content"]]) == (
        made,
        "temperature",
        ["text", "image_url"],
    )
    assert second == {"role": "tool", "content": "", "tool_call_id": "aB3dE5gH7"}
    assert sent(request) == sent(request)


def test_a_failed_call_says_so() -> None:
    """There is no field for it, so it is said in the result."""
    failed = Result("aB3dE5gH7", (Text("no such city"),), failed=True)
    result = sent(turns(("user", (Text("hi"),)), ("assistant", CALLS[1:]), ("tool", (failed,))))["messages"][-1]
    assert [chunk["text"] for chunk in result["content"]] == ["Error:", "no such city"]


def test_what_only_another_dialect_can_carry_is_refused() -> None:
    """Such a wish would vanish otherwise; and metadata that no dialect's body held are ours, not the provider's."""
    with pytest.raises(UnsupportedFeature, match="web_search_options"):
        sent(asks(native=("web_search_options",)))
    assert "metadata" not in sent(asks(metadata={"a": "b"}))


def test_the_order_of_turns_is_one_that_it_takes() -> None:
    """A user after results is bridged, an instruction after the assistant or results is a marked text of the user's."""
    request = turns(
        ("system", (Text("One."),)),
        ("system", (Text("Two."),)),
        ("user", (Text("hi"),)),
        ("developer", (Text("Three."),)),
        ("assistant", CALLS[:1]),
        ("tool", RESULTS[:1]),
        ("user", (Text("stop"),)),
        ("assistant", (Text("ok"),)),
        ("system", (Text("Four."),)),
        ("user", (Text("go"),)),
    )
    told = [(message["role"], message["content"]) for message in sent(request)["messages"]]
    assert told[:4] == [("system", "One."), ("system", "Two."), ("user", "hi"), ("system", "Three.")]
    assert [role for role, _ in told[4:]] == ["assistant", "tool", "assistant", "user", "assistant", "user", "user"]
    assert told[-4:] == [("user", "stop"), ("assistant", "ok"), ("user", "[system] Four."), ("user", "go")]
    assert told[6][1]  # an empty bridge would be refused


def test_a_conversation_may_end_with_the_assistant_and_hold_silence() -> None:
    """A last assistant turn is marked as the beginning to go on from; blank messages are not sent."""
    assert sent(says(("user", "hi"), ("assistant", ""), ("assistant", "Once upon")))["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Once upon", "prefix": True},
    ]
    assert "prefix" not in sent(turns(("user", (Text("hi"),)), ("assistant", CALLS)))["messages"][-1]


def test_its_own_thoughts_go_back_and_others_do_not() -> None:
    """A thought that another model signed, or nobody, is left out and named; one of its own keeps its signature."""
    request = turns(
        ("user", (Text("hi"),)),
        ("assistant", (Reasoning("ours", "sig", signer="mistral"), Reasoning("model's", signer="mistral/other"), Text("a"))),
        ("assistant", (Reasoning("theirs", "sig", signer="anthropic"), Text("b"))),
        ("assistant", (Reasoning("nobody's"), Reasoning(redacted="x", signer="mistral"))),
        ("assistant", (Text("c"), Called("aB3dE5gH7", "f", "{}", signature="s", signer="gemini"))),
        ("tool", (Result("aB3dE5gH7", (Text("1"),)),)),
    )
    first, second, third = sent(request)["messages"][1:4]
    assert first["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "ours"}], "signature": "sig"},
        {"type": "text", "text": "a"},
    ]
    assert (second["content"], third["content"]) == ("b", "c")
    assert dropped(request) == ("thinking",)
    kept = turns(("user", (Text("hi"),)), ("assistant", (Reasoning("ours", signer="mistral"), Text("a"))), ("user", (Text("b"),)))
    assert dropped(kept) == ()


@pytest.mark.parametrize(
    ("choice", "told", "names"),
    [
        (None, None, ["temperature", "clock"]),
        (ToolChoice("auto"), "auto", ["temperature", "clock"]),
        (ToolChoice("none"), "none", ["temperature", "clock"]),
        (ToolChoice("required"), "any", ["temperature", "clock"]),
        (ToolChoice("required", ("clock",)), {"type": "function", "function": {"name": "clock"}}, ["temperature", "clock"]),
        (ToolChoice("required", ("clock", "temperature")), "any", ["temperature", "clock"]),
        (ToolChoice("auto", ("clock",)), "auto", ["clock"]),
    ],
)
def test_tools_are_chosen_in_its_words(choice: ToolChoice | None, told: object, names: list[str]) -> None:
    """One tool is forced by its name; a choice of several is what is left of the tools."""
    body = sent(asks(tools=(TEMPERATURE, CLOCK), tool_choice=choice, parallel_tools=False))
    assert body.get("tool_choice") == told
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body["parallel_tool_calls"] is False


def test_a_tool_always_has_parameters() -> None:
    """They are required here; what is absent otherwise stays absent."""
    assert sent(asks(tools=(TEMPERATURE, CLOCK)))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "temperature",
                "description": "How warm it is.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
    ]
    assert "tools" not in sent(asks(tool_choice=ToolChoice("none"), parallel_tools=True))


def test_a_schema_is_told_whole() -> None:
    """Name, schema, strictness and description."""
    schema = Raw(b'{"type":"object","properties":{"a":{"const":1e400}}}')
    form = Format("json_schema", "city", schema, True, "A city.")
    body = WIRE.encode(asks(format=form), target(), False).body
    assert b'"schema":' + bytes(schema) in body
    assert sent(asks(format=Format("json_schema")))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }


@pytest.mark.parametrize(
    ("wish", "efforts", "told", "names"),
    [
        (Thinking("high"), (), "high", ()),
        (Thinking("high"), ("none", "high"), "high", ()),
        (Thinking("minimal"), ("none", "high"), "none", ("reasoning_effort",)),
        (Thinking("none"), (), "none", ()),
        (Thinking(budget=0), (), "none", ()),
        (Thinking(budget=1024), (), "low", ("thinking",)),
        (Thinking(budget=8192), (), "medium", ("thinking",)),
        (Thinking(budget=20000), (), "high", ("thinking",)),
        (Thinking("low", 20000), (), "low", ("thinking",)),
        (Thinking(), (), None, ()),
        (Thinking(shown=False), (), None, ()),
    ],
)
def test_thinking_is_wished_in_words(wish: Thinking, efforts: tuple[str, ...], told: str | None, names: tuple[str, ...]) -> None:
    """The nearest word that the model takes; a budget has none of its own."""
    call = WIRE.encode(asks(thinking=wish), target(efforts=efforts), False)
    assert (json.loads(call.body).get("reasoning_effort"), call.dropped) == (told, names)


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        (Thinking("low"), ("reasoning_effort",)),
        (Thinking(budget=9), ("thinking",)),
        (Thinking(shown=True), ("thinking",)),
        (Thinking("none"), ()),
        (Thinking(), ()),
    ],
)
def test_a_model_that_does_not_think_is_not_told_to(wish: Thinking, names: tuple[str, ...]) -> None:
    """The wish is named, but for the wish not to think. A model that nobody vouches for is told."""
    call = WIRE.encode(asks(thinking=wish), target(capabilities=frozenset()), False)
    assert (json.loads(call.body).get("reasoning_effort"), call.dropped) == (None, names)
    if wish.effort is not None:
        assert sent(asks(thinking=wish), capabilities=frozenset(), known=False)["reasoning_effort"] == wish.effort


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", Foreign("video", Raw(b"{}"))),
        ("system", Media("image", "image/png", PNG)),
        ("tool", Text("42")),
        ("user", CALLS[0]),
        ("user", RESULTS[0]),
    ],
)
def test_a_part_in_the_wrong_place_is_refused(role: Role, part: Part) -> None:
    """It is an error of the caller's kind, never left out in silence."""
    with pytest.raises(UnsupportedFeature):
        sent(turns(("user", (Text("hi"),)), (role, (part,))))


# the caller's own fields


def test_a_sealed_signature_is_opened_in_the_callers_own_body() -> None:
    """Only turns with such signatures change: ours are opened, another model's thoughts go, and with them what is then empty."""

    def thinking(signature: str) -> dict[str, Any]:
        return {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": signature, "closed": True}

    body = {
        "model": "x",
        "messages": [
            {"role": "user", "content": "hi", "brand_new": 1},
            {"role": "assistant", "content": [thinking("raw"), {"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [thinking(sealed("mistral", "ours")), thinking(sealed("gemini", "theirs"))]},
            {"role": "assistant", "content": [thinking(sealed("gemini", "theirs"))]},
            {"role": "user", "content": "bye"},
        ],
    }
    request = FACE.parse(json.dumps(body).encode())
    assert [part.signer for part in request.messages[2].parts if isinstance(part, Reasoning)] == ["mistral", "gemini"]
    call = WIRE.encode(request, target(), False)
    expected = [*body["messages"][:2], {"role": "assistant", "content": [thinking("ours")]}, body["messages"][4]]
    assert json.loads(call.body)["messages"] == expected
    assert call.dropped == ("thinking",)


def test_messages_without_such_signatures_keep_every_byte() -> None:
    """Even the spaces, for nothing is written anew."""
    messages = b'[ {"role":"user", "content":[{"type":"thinking","thinking":[],"signature":"raw"}]} ]'
    request = FACE.parse(b'{"model":"x","messages":' + messages + b',"top_k":1}')
    call = WIRE.encode(request, target(), False)
    assert b'"messages":' + messages in call.body
    assert b'"top_k":1' in call.body
    assert WIRE.encode(request, target(capabilities=frozenset()), False).dropped == ("top_k",)


def test_a_wrong_image_type_is_mended_in_the_callers_own_body() -> None:
    """The type follows the bytes, in both spellings of an image; a right one is left alone."""
    wrong, right = f"data:image/jpeg;base64,{PNG}", f"data:image/png;base64,{PNG}"
    content = [
        {"type": "image_url", "image_url": wrong},
        {"type": "image_url", "image_url": {"url": wrong, "detail": "low"}},
        {"type": "image_url", "image_url": right},
        {"type": "document_url", "document_url": wrong},
    ]
    request = FACE.parse(json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode())
    assert [part.media_type for part in request.messages[0].parts if isinstance(part, Media)] == ["image/png"] * 4
    assert request.original is not None
    first, second, third, fourth = json.loads(bytes(request.original.fields["messages"]))[0]["content"]
    assert (first["image_url"], third["image_url"], fourth["document_url"]) == (right, right, right)
    assert second["image_url"] == {"url": right, "detail": "low"}


# the face


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content[0].image_url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"reasoning_effort": "some"}, "reasoning_effort"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"temperature": 1.6}, "temperature"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], param: str) -> None:
    """The error says which field to change."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **change}
    with pytest.raises(CallerError) as refused:
        FACE.parse(json.dumps(body).encode())
    assert refused.value.param == param


def test_what_only_it_can_carry_is_named() -> None:
    """Its own tools, references, guardrails are wishes that another dialect cannot fulfil; the rest is advice."""
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file_id": "f"}]}],
        "tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "f", "parameters": {}}}],
        "guardrails": [],
        "safe_prompt": True,
        "prediction": None,
        "brand_new": 1,
    }
    request = FACE.parse(json.dumps(body).encode())
    assert request.native == ("messages[0].content[1]", "tools[0]", "guardrails")
    assert request.extra == ("safe_prompt", "brand_new")
    assert request.tools == (Tool("f", parameters=Raw(b"{}")),)


def test_the_face_reads_calls_however_they_are_spelled() -> None:
    """Arguments as text or as an object; an id may be missing."""
    calls = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "x", "function": {"name": "g", "arguments": "{}"}}]
    body = {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": calls}]}
    parsed = FACE.parse(json.dumps(body).encode())
    assert parsed.messages[0].parts == (Called("null", "f", '{"a":1}'), Called("x", "g", "{}"))


# what is answered


@pytest.mark.parametrize("name", ["thinking.json", "thinking.sse"])
def test_thinking_is_told_apart_from_the_answer(name: str) -> None:
    """Content in chunks: text is joined, thinking collected, what is neither is passed over."""
    body = (SAID / name).read_bytes()
    said = WIRE.decode(body) if name.endswith(".json") else Completion.folded(read(body))
    assert (said.text, said.reasoning) == ("Qubits hold many states at once ⚛.", "Superposition first.")
    assert said.usage == Usage(14, 8, cached_tokens=4)


@pytest.mark.parametrize("name", ["signed.json", "signed.sse"])
def test_a_signed_thought_leaves_sealed_and_calls_decide_the_finish(name: str) -> None:
    """Each thought ends with its own signature; the host's `stop` does not hide that tools are called."""
    body = (SAID / name).read_bytes()
    said = WIRE.decode(body) if name.endswith(".json") else Completion.folded(read(body))
    assert said.thoughts == (
        Thought("Oslo is far north.", sealed("mistral", "sig-1")),
        Thought("So it is cold.", sealed("mistral", "sig-2")),
    )
    assert (said.text, said.finish_reason) == ("Asking.", "tool_calls")
    assert said.tool_calls == (ToolCall("aB3dE5gH7", "weather", '{"city":"Oslo"}'),)


@pytest.mark.parametrize("name", ["choices.json", "choices.sse"])
def test_several_answers_are_kept_apart_with_their_tokens(name: str) -> None:
    """Each with its own text, finish and logarithms; usage is one for all."""
    body = (SAID / name).read_bytes()
    said = WIRE.decode(body) if name.endswith(".json") else Completion.folded(read(body))
    (other,) = said.others
    assert (said.text, said.finish_reason, other.text, other.finish_reason) == ("Yes!", "stop", "No", "length")
    assert said.logprobs == (
        TokenLogprob("Yes", -0.1, (("Yes", -0.1), ("No", -2.5))),
        TokenLogprob("!", -0.02, (("!", -0.02),)),
    )
    assert [token.token for token in other.logprobs] == ["No"]
    assert (said.usage is None, other.usage) == (False, None)


def test_calls_come_whole_with_text_or_an_object_as_arguments() -> None:
    """A call whose id says null gets one of its own, the same in both forms."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    told = Completion.folded(read((SAID / "tools.sse").read_bytes()))
    assert whole.tool_calls == told.tool_calls
    assert whole.finish_reason == told.finish_reason == "tool_calls"
    assert [(call.name, json.loads(call.arguments)) for call in whole.tool_calls] == [("weather", {"city": "Oslo"}), ("time", {})]
    assert [call.id[:5] for call in whole.tool_calls] == ["D681P", "call_"]


def test_calls_apart_are_several_though_their_places_are_alike() -> None:
    """Whole calls with the types' defaults for id and index stay apart, get ids and an empty object for no arguments."""
    said = Completion.folded(read((SAID / "calls-apart.sse").read_bytes()))
    assert [(call.name, json.loads(call.arguments)) for call in said.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Rome"}),
        ("time", {}),
    ]
    assert len({call.id for call in said.tool_calls}) == 3


def test_a_call_in_pieces_is_put_together() -> None:
    """As other hosts of this dialect send it: places with gaps, arguments byte by byte, the name once or always."""

    def piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        return {"index": index, "id": more.get("id"), "function": {"name": more.get("name", ""), "arguments": arguments}}

    opened = {"delta": {"tool_calls": [piece(3, "", id="one", name="f"), piece(7, "", id="two", name="g")]}}
    bytes_ = [{"delta": {"tool_calls": [piece(7, letter, id="two", name="g"), piece(3, letter)]}} for letter in '{"a":1}']
    said = streamed(opened, *bytes_, {"delta": {"content": None}, "finish_reason": "stop"})
    assert said.tool_calls == (ToolCall("one", "f", '{"a":1}'), ToolCall("two", "g", '{"a":1}'))
    assert said.finish_reason == "tool_calls"


def test_calls_with_one_id_in_one_message_are_two() -> None:
    """A host that counts badly does not get two calls merged into one broken one."""
    twice = [{"id": "x", "function": {"name": "f", "arguments": arguments}} for arguments in ('{"a":1}', '{"a":2}')]
    body = {"id": "r", "choices": [{"message": {"tool_calls": twice}, "finish_reason": "tool_calls"}]}
    assert [call.arguments for call in WIRE.decode(json.dumps(body).encode()).tool_calls] == ['{"a":1}', '{"a":2}']


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"tool_calls": [{"id": "x", "function": {"arguments": "{}"}}]}},
        {"delta": {"tool_calls": [{"id": "x"}]}},
        {"index": -1, "delta": {"content": "x"}},
        {"index": 2000, "delta": {"content": "x"}},
        {"index": 1, "delta": {"content": "x"}},
        {"delta": {"content": 5}},
        {"delta": {"tool_calls": {}}},
    ],
)
def test_half_an_answer_is_none(choice: dict[str, Any]) -> None:
    """A call without a name, an answer without its first choice, content that is none: BadAnswer, whole and streamed."""
    with pytest.raises(BadAnswer):
        streamed(choice)
    whole = {"index": choice.get("index", 0), "message": choice["delta"], "finish_reason": "stop"}
    with pytest.raises(BadAnswer):
        WIRE.decode(json.dumps({"id": "r", "choices": [whole]}).encode())


@pytest.mark.parametrize("stream", [chunks(), b'data: {"id": "r", "choices": []}\n\ndata: [DONE]\n\n'])
def test_a_terminator_alone_is_no_answer(stream: bytes) -> None:
    """A stream that ends well but held no answer at all is a failure."""
    with pytest.raises(BadAnswer):
        read(stream)


def test_what_its_own_tools_said_is_not_the_answer() -> None:
    """Of a choice with several messages the assistant's text counts, and no call that was already answered."""
    said = WIRE.decode((SAID / "connector.json").read_bytes())
    assert (said.text, said.tool_calls, said.finish_reason) == ("Looking it up. It is cold.", (), "stop")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("error", "error"),
        ("tool_calls", "stop"),
        ("brand_new", "stop"),
        (None, None),
    ],
)
def test_every_finish_reason_has_its_word(word: str | None, reason: str | None) -> None:
    """The list is open: unknown reasons are ordinary stops, and so is a word of calls where there are none."""
    body = json.loads((SAID / "whole.json").read_bytes())
    body["choices"][0]["finish_reason"] = word
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason


@pytest.mark.parametrize(
    ("word", "reason"), [("stop", "tool_calls"), (None, "tool_calls"), ("length", "length"), ("error", "error")]
)
def test_calls_finish_with_calls_unless_they_were_cut(word: str | None, reason: str) -> None:
    """Whether the host says so, says something else or says nothing."""
    call = {"delta": {"tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{"}}]}, "finish_reason": word}
    assert streamed(call).finish_reason == reason


def test_logprobs_of_another_shape_do_not_cost_the_answer() -> None:
    """They are left out."""
    said = streamed(
        {"delta": {"content": "x"}, "logprobs": {"tokens": ["x"], "token_logprobs": ["NaN"]}, "finish_reason": "stop"}
    )
    assert (said.text, said.logprobs) == ("x", ())
    said = streamed({"delta": {"content": "x"}, "logprobs": [1], "finish_reason": "stop"})
    assert (said.text, said.logprobs) == ("x", ())


def test_an_event_of_several_lines_passes_as_it_came() -> None:
    """JSON may be broken into lines of data; a native writer gives the same event on."""
    event = b'data: {"id": "r",\ndata: "choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'
    assert read(event + b"data: [DONE]\n\n")[0].raw == event


# what goes wrong


def flat(message: object, kind: str = "x") -> dict[str, object]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": "1500"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"detail": "Unauthorized"}, ProviderAuth),
        (400, flat("Invalid model: mistral-large-2411", "invalid_model"), ProviderRefused),
        (400, flat("Invalid model: mistral-large-2411"), ProviderRefused),
        (400, flat({"detail": [{"type": "missing"}]}, "invalid_request_error"), ProviderRejected),
        (422, {"error": {"message": "Too large for model with 8192 maximum context length"}}, ContextTooLong),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, ContextTooLong),
        (503, flat("Service tier capacity exceeded for this model."), ProviderOverloaded),
        (500, flat("Internal"), ProviderError),
    ],
)
def test_each_failure_gets_its_meaning(status: int, body: object, kind: type[RouterError]) -> None:
    """A retired model is a 400 here, which another provider does not share."""
    assert type(WIRE.fault(status, {}, json.dumps(body).encode())) is kind


def test_an_overflow_keeps_its_numbers_and_its_words() -> None:
    """Clients shorten by them, so they survive the way in and the way out again; unknown ones are not made up."""
    fault = WIRE.fault(400, {}, (SAID / "too_long.json").read_bytes())
    assert isinstance(fault, ContextTooLong)
    assert (fault.tokens, fault.limit) == (40312, 32768)
    again = WIRE.fault(400, {}, FACE.complain(fault, "r"))
    assert isinstance(again, ContextTooLong)
    assert (again.tokens, again.limit) == (40312, 32768)
    unknown = WIRE.fault(400, {}, FACE.complain(ContextTooLong("too long"), "r"))
    assert isinstance(unknown, ContextTooLong)
    assert (unknown.tokens, unknown.limit) == (None, None)


def test_a_rejected_field_is_named() -> None:
    """The 422 lists what is wrong, and the error says it; inside a 200 it means the same."""
    body = (SAID / "rejected.json").read_bytes()
    fault = WIRE.fault(422, {}, body)
    assert type(fault) is ProviderRejected
    assert "body.user: Extra inputs are not permitted" in fault.message
    with pytest.raises(ProviderRejected):
        WIRE.decode(body)


def test_a_message_that_is_an_object_names_the_field_too() -> None:
    """The 422 as users quote it (eca 231, mistral-go 2): the list stands in the message."""
    detail = [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}]
    fault = WIRE.fault(422, {}, json.dumps(flat({"detail": detail}, "invalid_request_error")).encode())
    assert type(fault) is ProviderRejected
    assert "body.max_completion_tokens: Extra inputs are not permitted" in fault.message


def test_a_rate_limit_is_heeded() -> None:
    """As a failure with its wait, and as an object inside a 200."""
    body = (SAID / "rate_limited.json").read_bytes()
    fault = WIRE.fault(429, {"retry-after": "2.5"}, body)
    assert (type(fault), fault.retry_after) == (ProviderRateLimited, 2.5)
    with pytest.raises(ProviderRateLimited):
        WIRE.decode(body)


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (asks(top_logprobs=3), ("top_logprobs",)),
        (asks(top_k=-1.0), ("top_k",)),
        (turns(("user", (Media("image", "image/png", "iVBORw0KGgo", detail="original"),))), ("detail",)),
        (turns(("user", (Media("image", "image/png", "iVBORw0KGgo", detail="high"),))), ()),
    ],
)
def test_what_cannot_be_told_is_named(request_: ChatRequest, names: tuple[str, ...]) -> None:
    """No wish vanishes without a word, however small."""
    assert dropped(request_) == names
