"""The repairs that hosts of OpenAI's dialect need: each does what it says, and nothing happens without one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.clients.common.protocols import Wire
from app.clients.llama_client import WIRE
from app.clients.openai_client import FACE
from app.clients.openai_client.quirks import KNOWN_HOSTS, QUIRKS
from app.domain.answer import Completion, Delta
from app.domain.request import ChatRequest, Message, Text, Tool, ToolChoice
from app.domain.target import Target
from app.errors import BadAnswer

SAID = Path(__file__).parent / "said" / "openai"
TARGET = Target(
    name="row",
    provider="llama",
    model_id="m",
    dialect="openai",
    wire="llama",
    base_url="https://host.example/v1",
    capabilities=frozenset({"sampling", "reasoning"}),
)
USER = {"role": "user", "content": "hi"}
CALL = {"id": "call_of_some_length", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("f", "g")]


def suited(*names: str) -> Wire:
    return WIRE.suited(names)


def sent(wire: Wire, stream: bool = False, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body = {"model": "auto", "messages": [USER], **fields}
    call = wire.encode(FACE.parse(json.dumps(body).encode()), TARGET, stream)
    return json.loads(call.body), call.dropped


def read(wire: Wire, body: bytes) -> list[Delta]:
    reader = wire.reader()
    return reader.feed(body) + reader.close()


def test_every_quirk_says_what_it_is_for_and_where_that_is_documented() -> None:
    """No repair without a sentence and a source, and no host with a repair that does not exist."""
    for name, quirk in QUIRKS.items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert quirk.doc.endswith(".") and len(quirk.source) > 20, name
        assert quirk.request or quirk.reply or name == "float_embeddings"
    for host, names in KNOWN_HOSTS.items():
        assert re.fullmatch(r"[a-z0-9.-]+", host)
        assert set(names) <= QUIRKS.keys(), host


def test_a_wire_is_suited_once_and_itself_without_repairs() -> None:
    """The same list gives the same wire; nothing to do gives the wire itself; an unknown name is an error."""
    assert suited() is WIRE and suited("float_embeddings") is WIRE
    assert suited("no_names") is suited("no_names") is not WIRE
    with pytest.raises(KeyError):
        suited("no_such_thing")


def test_without_a_quirk_nothing_is_repaired() -> None:
    """What the repairs below change passes untouched where none is named."""
    fields = {
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "a"}], "name": "n"}, USER],
        "tools": [],
        "parallel_tool_calls": True,
        "max_completion_tokens": 5,
        "service_tier": "flex",
    }
    body, dropped = sent(WIRE, **fields)
    assert (body, dropped) == ({"model": "m", **fields}, ())


def test_a_developer_becomes_the_system() -> None:
    """In the caller's own messages and in translated ones."""
    body, dropped = sent(suited("developer_as_system"), messages=[{"role": "developer", "content": "a", "odd": 1}, USER])
    assert (body["messages"], dropped) == ([{"role": "system", "content": "a", "odd": 1}, USER], ())
    request = ChatRequest(messages=(Message("developer", (Text("a"),)), Message("user", (Text("b"),))))
    call = suited("developer_as_system").encode(request, TARGET, False)
    assert [message["role"] for message in json.loads(call.body)["messages"]] == ["system", "user"]


def test_text_parts_become_one_string_and_images_keep_their_list() -> None:
    """Only content that is text throughout can be a string."""
    text = {"type": "text", "text": "a"}
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    messages = [{"role": "user", "content": [text, text]}, {"role": "user", "content": [text, image]}]
    body, _ = sent(suited("string_content"), messages=messages)
    assert [message["content"] for message in body["messages"]] == ["a\n\na", [text, image]]


def test_ids_become_nine_letters_and_digits() -> None:
    """Call and result keep belonging together, turn after turn the same."""
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "x"},
    ]
    first, _ = sent(suited("short_ids"), messages=messages)
    second, _ = sent(suited("short_ids"), messages=[*messages, USER])
    short = first["messages"][0]["tool_calls"][0]["id"]
    assert re.fullmatch(r"[A-Za-z0-9]{9}", short)
    assert first["messages"][1]["tool_call_id"] == short == second["messages"][1]["tool_call_id"]


def test_names_and_thoughts_are_left_out_and_reported() -> None:
    """What a host refuses in messages goes, with the name of what went."""
    named = [{"role": "user", "content": "x", "name": "ann"}]
    assert sent(suited("no_names"), messages=named)[0]["messages"] == [{"role": "user", "content": "x"}]
    assert sent(suited("no_names"), messages=named)[1] == ("name",)
    assert sent(suited("no_names"))[1] == ()
    thought = [{"role": "assistant", "content": "x", "reasoning_content": "t", "reasoning_details": []}, USER]
    assert sent(suited("no_reasoning_input"), messages=thought) == (
        {"model": "m", "messages": [{"role": "assistant", "content": "x"}, USER]},
        ("thinking",),
    )


@pytest.mark.parametrize(
    ("choice", "offered", "report"),
    [
        ("auto", ["f", "g"], ()),
        ("required", ["f", "g"], ("tool_choice",)),
        ("none", [], ()),
        ({"type": "function", "function": {"name": "g"}}, ["g"], ("tool_choice",)),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": TOOLS[:1]}}, ["f"], ("tool_choice",)),
    ],
)
def test_a_choice_other_than_auto_is_brought_near_by_the_tools(choice: Any, offered: list[str], report: tuple[str, ...]) -> None:
    """The tools are narrowed to the chosen ones, and what could not be said is reported."""
    body, dropped = sent(suited("no_tool_choice_other_than_auto"), tools=TOOLS, tool_choice=choice)
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == offered
    assert (body.get("tool_choice"), dropped) == ("auto" if choice == "auto" else None, report)


def test_a_translated_choice_is_brought_near_too() -> None:
    """The repair works on what we write as on what the caller wrote."""
    request = ChatRequest(
        messages=(Message("user", (Text("x"),)),), tools=(Tool("f"), Tool("g")), tool_choice=ToolChoice("required", ("g",))
    )
    call = suited("no_tool_choice_other_than_auto").encode(request, TARGET, False)
    assert [tool["function"]["name"] for tool in json.loads(call.body)["tools"]] == ["g"]


def test_empty_tools_are_left_out_with_their_choice() -> None:
    """An empty list goes; tools that are there stay."""
    assert sent(suited("no_empty_tools"), tools=[], tool_choice="auto", parallel_tool_calls=True)[0].keys() == {
        "model",
        "messages",
    }
    assert sent(suited("no_empty_tools"), tools=TOOLS)[0]["tools"] == TOOLS


@pytest.mark.parametrize(
    ("quirk", "field", "value"),
    [
        ("no_parallel_tool_calls", "parallel_tool_calls", False),
        ("no_penalties", "presence_penalty", 1),
        ("no_penalties", "frequency_penalty", 1),
        ("no_logit_bias", "logit_bias", {"1": 1}),
        ("no_service_tier", "service_tier", "flex"),
        ("no_stop", "stop", ["x"]),
    ],
)
def test_a_refused_field_is_left_out_and_reported(quirk: str, field: str, value: object) -> None:
    """Only where the caller sent it; a null is no wish."""
    body, dropped = sent(suited(quirk), **{field: value})
    assert (field in body, dropped) == (False, (field,))
    assert sent(suited(quirk), **{field: None}) == ({"model": "m", "messages": [USER]}, ())
    assert sent(suited(quirk))[1] == ()


def test_stream_options_and_the_newer_limit_are_unknown_to_some_hosts() -> None:
    """The forced usage wish goes too; the limit keeps its value under the older name."""
    body, dropped = sent(suited("no_stream_options"), stream=True)
    assert ("stream_options" in body, body["stream"], dropped) == (False, True, ())
    body, dropped = sent(suited("max_tokens_only"), max_completion_tokens=5)
    assert (body["max_tokens"], "max_completion_tokens" in body, dropped) == (5, False, ())


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ({"logprobs": True, "top_logprobs": 3}, 3),
        ({"logprobs": True}, 1),
        ({"logprobs": False}, None),
        ({"logprobs": 5}, 5),
        ({}, None),
    ],
)
def test_probabilities_are_asked_for_by_one_number(told: dict[str, Any], number: int | None) -> None:
    """In the caller's own words and in translated ones."""
    body, dropped = sent(suited("integer_logprobs"), **told)
    assert (body.get("logprobs"), "top_logprobs" in body, dropped) == (number, False, ())
    if told.get("logprobs") is True:
        request = ChatRequest(messages=(Message("user", (Text("b"),)),), **told)
        assert json.loads(suited("integer_logprobs").encode(request, TARGET, False).body)["logprobs"] == number


def test_streamed_calls_get_the_indexes_and_ids_that_sdks_need() -> None:
    """The SDK's own accumulator reads the repaired stream; what we read and what passes on are the same."""
    from openai.types.chat import ChatCompletionChunk  # noqa: PLC0415 - a second of import that one test needs

    deltas = read(suited("missing_tool_index", "finish_from_content"), (SAID / "gemini-calls.sse").read_bytes())
    events = [json.loads(delta.raw.removeprefix(b"data: ")) for delta in deltas if delta.raw]
    for event in events:
        ChatCompletionChunk.model_validate(event, strict=True)
    told = [event["choices"][0]["delta"]["tool_calls"][0] for event in events[:2]]
    assert [call["index"] for call in told] == [0, 1]
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    said = Completion.folded(deltas)
    assert [call.id for call in said.tool_calls] == [call["id"] for call in told]
    assert said.finish_reason == "tool_calls"


def test_a_whole_answer_is_repaired_in_its_own_bytes() -> None:
    """`stop` beside calls becomes `tool_calls` in the body that passes on; a body without calls stays byte for byte."""
    wire = suited("finish_from_content", "missing_tool_index")
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    body = json.dumps({"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    assert json.loads(wire.decode(body).raw)["choices"][0]["finish_reason"] == "tool_calls"
    whole = (SAID / "whole.json").read_bytes()
    assert wire.decode(whole).raw == whole


def test_a_healthy_stream_passes_a_repairing_wire_unchanged() -> None:
    """Where there is nothing to repair, bytes and deltas are those of the plain wire, also when chunks are broken or odd."""
    wire = suited("finish_from_content", "missing_tool_index")
    body = (SAID / "stream.sse").read_bytes()
    assert [delta.raw for delta in read(wire, body)] == [delta.raw for delta in read(WIRE, body)]
    odd = b'data: {"choices": [1, {"delta": {"tool_calls": [1]}}]}\n\n'
    for each in (WIRE, wire):
        with pytest.raises(BadAnswer):
            each.reader().feed(odd)


def test_the_reference_shows_every_quirk_and_every_known_host() -> None:
    """With the very words that stand beside the code."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "quirks.md").read_text()
    for name, quirk in QUIRKS.items():
        assert f"| `{name}` | {quirk.doc} {quirk.source}. |" in page
    for host, names in KNOWN_HOSTS.items():
        assert f"| `{host}` | {', '.join(f'`{name}`' for name in names)} |" in page
