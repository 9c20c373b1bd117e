"""Anthropic's face: how callers of the Messages dialect are understood, and what they get whatever model answers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.anthropic_client import FACE, PING, WIRE, parse_count, render_count
from app.clients.common.seal import sealed
from app.domain.answer import Completion, Delta, FinishReason, Thought, ToolCall, Usage
from app.domain.request import (
    Called,
    ChatRequest,
    Constraints,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    Result,
    Text,
    Thinking,
    ToolChoice,
)
from app.errors import CallerError, ContextTooLong, Overloaded, ProviderOverloaded, ThreadUnsupported

PNG = "iVBORw0KGgoAAAANSUhEUgAA"
HI = [{"role": "user", "content": "hi"}]


def body_of(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 500, "messages": HI, **fields}).encode()


def asked(**fields: Any) -> ChatRequest:
    return FACE.parse(body_of(**fields))


def turns(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return asked(messages=list(messages)).messages


def block(said: dict[str, Any], role: str = "user") -> Part:
    return turns({"role": role, "content": [said]})[0].parts[0]


def refusal(**fields: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        asked(**fields)
    return caught.value


# requests


def test_every_option_has_its_typed_place() -> None:
    """Nothing that has a meaning elsewhere stays behind in the body."""
    request = asked(
        temperature=0.5, top_p=0.9, top_k=4, stop_sequences=["a"], stream=True, metadata={"user_id": "u"},
        service_tier="standard_only", cache_control={"type": "ephemeral", "ttl": "1h"}, system="Be kind.",
        router={"mode": "fast", "cache": "off", "session": "s", "explain": True, "constraints": {"exclude": ["x"]}},
    )  # fmt: skip
    assert (request.temperature, request.top_p, request.top_k, request.stop) == (0.5, 0.9, 4, ("a",))
    assert (request.stream, request.include_usage, request.user, request.tier) == (True, True, "u", "default")
    assert (request.marker, request.max_tokens) == ("1h", 500)
    assert (request.mode, request.cache, request.session, request.explain) == ("fast", "off", "s", True)
    assert request.constraints == Constraints(exclude=("x",))
    assert request.messages == (Message("system", (Text("Be kind."),)), Message("user", (Text("hi"),)))
    assert (request.native, request.extra) == ((), ())
    assert request.original is not None
    assert request.original.dialect == "anthropic"
    assert asked(speed="fast").tier == "fast"


def test_null_is_absent() -> None:
    """SDKs of some languages spell out every field they know."""
    names = (
        "system", "temperature", "top_p", "top_k", "stop_sequences", "stream", "metadata", "tools", "tool_choice", "thinking",
        "output_config", "service_tier", "speed", "cache_control", "router", "container", "thread", "new", "input",
    )  # fmt: skip
    request = asked(**dict.fromkeys(names))
    assert (request.native, request.extra, request.needs) == ((), (), frozenset())


def test_every_kind_of_block_is_read() -> None:
    """Texts, images and documents by value and by address, each with its breakpoint."""
    short = {"type": "ephemeral"}
    assert block({"type": "text", "text": "a", "cache_control": short}) == Text("a", "5m")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}, "cache_control": short}
    assert block(image) == Media("image", "image/png", PNG, marker="5m")
    assert block({"type": "image", "source": {"type": "url", "url": "https://x/y"}}) == Media("image", url="https://x/y")
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    assert block({"type": "document", "source": pdf, "title": "t"}) == Media("file", "application/pdf", "JVBERi0=", name="t")
    address = {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}
    assert block(address) == Media("file", "application/pdf", url="https://x/y.pdf")
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "b"}, "title": "t"}
    assert block(text) == Text("t\n\nb")
    inner = [{"type": "text", "text": "c"}, image]
    (message,) = turns(
        {"role": "user", "content": [{"type": "document", "source": {"type": "content", "content": inner}, "context": "x"}]}
    )
    assert message.parts == (Text("x"), Text("c"), Media("image", "image/png", PNG, marker="5m"))


def test_results_are_turns_of_their_own_in_order() -> None:
    """What stands beside them is the user's; a result may be a text, blocks, nothing or a failure."""
    assert turns(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "text", "text": "b"}], "is_error": True},
                {"type": "text", "text": "c"},
                {"type": "tool_result", "tool_use_id": "3"},
            ],
        }
    ) == (
        Message("tool", (Result("1", (Text("a"),), marker="5m"), Result("2", (Text("b"),), failed=True))),
        Message("user", (Text("c"),)),
        Message("tool", (Result("3", ()),)),
    )


def test_an_assistants_turn_has_thoughts_then_texts_then_calls() -> None:
    """Signatures are opened: one without a seal is of this dialect; a call finds the one that was carried for it."""
    (message,) = turns(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "a", "signature": "s"},
                {"type": "redacted_thinking", "data": sealed("gemini", "g") + ".call.toolu_1"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.0}},
                {"type": "thinking", "thinking": "b", "signature": sealed("openai", "o")},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "thinking", "thinking": "c", "signature": ""},
                {"type": "text", "text": "x"},
            ],
        }
    )
    assert message.parts == (
        Reasoning("a", "s", signer="anthropic"),
        Reasoning("b", "o", signer="openai"),
        Reasoning(redacted="d", signer="anthropic"),
        Reasoning("c"),
        Text("x"),
        Called("toolu_1", "f", '{"a":1.0}', "g", "gemini"),
    )


def test_a_wrong_image_type_is_mended_from_the_bytes_in_both_forms() -> None:
    """Also within results; the other turns stay as they were spelled."""
    wrong = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [wrong]}
    spelled = b'{"role": "user",  "content": "hi"}'
    mended = json.dumps({"role": "user", "content": [wrong, result]}).encode()
    request = FACE.parse(b'{"model":"m","max_tokens":1,"messages":[' + spelled + b"," + mended + b"," + spelled + b"]}")
    image = Media("image", "image/png", PNG)
    assert [message.parts for message in request.messages[1:3]] == [(image,), (Result("1", (image,)),)]
    assert request.original is not None
    said = bytes(request.original.fields["messages"])
    assert (said.count(b"image/png"), said.count(b"image/jpeg"), said.count(spelled)) == (2, 0, 2)
    jpg = {"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "/9j/4AAQSkZJRgABAQAA"}}
    assert block(jpg) == Media("image", "image/jpeg", "/9j/4AAQSkZJRgABAQAA")


@pytest.mark.parametrize(
    ("fields", "native"),
    [
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0] (web_search_20260318)"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0] (bash_20250124)"),
        ({"tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]}, "tools[0] (mcp_toolset)"),
        ({"thinking": {"type": "brand_new"}}, "thinking"),
        ({"output_config": {"effort": "brand_new"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "brand_new"}}}, "output_config.format"),
        ({"messages": [{"role": "user", "content": [{"type": "brand_new"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "new"}]}]}
                ]
            },
            "messages[0].content[0].content[0]",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {"type": "text", "media_type": "text/plain", "data": "a"},
                                "citations": {"enabled": True},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].citations",
        ),
    ],
)
def test_what_only_this_dialect_can_do_is_named(fields: dict[str, Any], native: str) -> None:
    """Without it the answer would be another one, so no other dialect gets the request."""
    assert asked(**fields).native == (native,)


def test_advice_is_named_and_hinders_nobody() -> None:
    """Unknown fields and those that only tune the provider: another dialect reports them, nothing more."""
    tool = {"name": "f", "input_schema": {}, "defer_loading": True, "input_examples": [{}], "allowed_callers": ["direct"]}
    request = asked(
        context_management={}, inference_geo="eu", brand_new=1, tools=[tool, tool], output_config={"task_budget": {}},
        messages=[{"role": "user", "content": [{"type": "text", "text": "a", "citations": [{"type": "x"}]}]}],
    )  # fmt: skip
    assert request.native == ()
    assert set(request.extra) == {
        "context_management", "inference_geo", "brand_new", "defer_loading", "input_examples", "allowed_callers", "citations",
        "output_config.task_budget",
    }  # fmt: skip
    assert len(set(request.extra)) == len(request.extra)


def test_an_images_transformations_are_named() -> None:
    """They are this dialect's own and change nothing for a model that gets the image as it is."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    image = {"type": "image", "source": source, "transformations": {"oversized_image": "downsize"}}
    request = asked(messages=[{"role": "user", "content": [image]}])
    assert request.messages[0].parts == (Media("image", "image/png", PNG),)
    assert request.extra == ("transformations",)


def test_custom_tools_are_functions() -> None:
    """With their schema byte for byte, strictness and breakpoint; the provider's own tools are beside them."""
    request = FACE.parse(
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}],"tools":['
        b'{"name":"f","description":"d","input_schema":{"type": "object"},"strict":true,"cache_control":{"type":"ephemeral"}},'
        b'{"type":"custom","name":"g","input_schema":{}},{"type":"computer_20260801","name":"computer"}]}'
    )
    assert [(tool.name, tool.description, tool.strict, tool.marker) for tool in request.tools] == [
        ("f", "d", True, "5m"),
        ("g", "", None, ""),
    ]
    assert bytes(request.tools[0].parameters) == b'{"type": "object"}'
    assert request.native == ("tools[2] (computer_20260801)",)


@pytest.mark.parametrize(
    ("choice", "read", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": False}, ToolChoice("required", ("f",)), True),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_each_choice_is_read(choice: dict[str, Any], read: ToolChoice, parallel: bool | None) -> None:
    """With what it says of calling several tools at once."""
    request = asked(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)
    assert (request.tool_choice, request.parallel_tools) == (read, parallel)


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(budget=2000, shown=True)),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}}, Thinking(budget=2000, shown=False)),
        ({"thinking": {"type": "adaptive"}}, Thinking()),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking(shown=True)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, Thinking("max")),
        ({"output_config": {"effort": "low"}}, Thinking("low")),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, Thinking("none")),
        ({"thinking": {"type": "between_tools"}}, Thinking()),
        ({"output_config": {}}, None),
    ],
)
def test_each_way_of_wishing_to_think_is_read(fields: dict[str, Any], read: Thinking | None) -> None:
    """By effort, by budget, in the model's own measure, or not at all."""
    assert asked(**fields).thinking == read


def test_a_schema_for_the_answer_is_read_from_both_its_fields() -> None:
    """`output_format` is the older spelling."""
    form = {"type": "json_schema", "schema": {"type": "object"}}
    for fields in ({"output_config": {"format": form}}, {"output_format": form}):
        request = asked(**fields)
        assert request.format is not None
        assert json.loads(bytes(request.format.schema)) == {"type": "object"}
        assert request.native == ()
        assert request.extra == ()


@pytest.mark.parametrize(
    ("fields", "param", "route"),
    [
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role", "/v1/chat/completions"),
        ({"messages": [{"role": "developer", "content": "a"}]}, "messages[0].role", "/v1/chat/completions"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, "messages[0]", "/v1/chat/completions"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0]",
            "/v1/chat/completions",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "input_text"}]}]}, "messages[0].content[0]", "/v1/responses"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0]", "/v1/chat/completions"),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools[0]", "/v1/responses"),
        ({"max_completion_tokens": 5}, "max_completion_tokens", "/v1/chat/completions"),
        ({"response_format": {"type": "json_object"}}, "response_format", "/v1/chat/completions"),
        ({"max_tokens": None, "seed": 5}, "seed", "/v1/chat/completions"),
        ({"max_tokens": None, "tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0]", "/v1/chat/completions"),
        ({"input": "hi"}, "input", "/v1/responses"),
        ({"input": "hi"}, "input", "/v1/embeddings"),
        ({"instructions": "hi"}, "instructions", "/v1/responses"),
        ({"contents": []}, "contents", "no route"),
        ({"prompt": "hi"}, "prompt", "/query"),
    ],
)
def test_a_body_of_another_face_is_told_its_route(fields: dict[str, Any], param: str, route: str) -> None:
    """Instead of a complaint about a field that it never heard of."""
    error = refusal(**fields)
    assert (error.status, error.param) == (400, param)
    assert route in error.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "1", "name": "f"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "1"}]}]},
            "messages[0].content[0]",
        ),
        ({"system": [{"type": "thinking", "thinking": "a"}]}, "system[0]"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": []}]}]},
            "messages[0].content[0].input",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "ftp://x"}}]}]},
            "messages[0].content[0].source.url",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "thinking", "thinking": "a"}]}
                        ],
                    }
                ]
            },
            "messages[0].content[0].content[0]",
        ),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"name": 1}]}, "tools[0].name"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"router": {"mode": "best"}}, "router.mode"),
        ({"router": {"model": "x"}}, "router.model"),
        ({"temperature": 1.5}, "temperature"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    """A 400 with the path to what has to change."""
    error = refusal(**fields)
    assert (error.status, error.param) == (400, param)


def test_a_count_needs_no_limit() -> None:
    """Its body is that of a message but for what only an answer needs; its answer is one number."""
    request = parse_count(json.dumps({"model": "m", "messages": HI, "system": [{"type": "text", "text": "s"}]}).encode())
    assert (request.max_tokens, len(request.messages)) == (None, 2)
    assert render_count(12) == b'{"input_tokens":12}'


def test_conversations_that_we_would_have_to_keep_are_refused_in_the_sdks_words() -> None:
    """By the code that makes them go on with whole messages, before anything else is missed."""
    for thread in ({"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}):
        with pytest.raises(ThreadUnsupported) as caught:
            FACE.parse(json.dumps({"model": "m", "thread": thread, "messages": []}).encode())
        error = json.loads(FACE.complain(caught.value, "req_1"))["error"]
        assert error["type"] == "invalid_request_error"
        assert error["details"] == {"error_code": "thread_unsupported_request", "unsupported": []}


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["text", "image", "base64", "user", "enabled", "f", ""])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "text", "source", "data", "content", "role", "name", "input", "tool_use_id", "budget_tokens"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata", "router"]),
    json_values,
)
def test_no_body_breaks_the_parser(name: str, value: Any) -> None:
    """Whatever stands in a field, it is read or refused as the caller's fault."""
    for said in (value, [{"role": "user", "content": value}], [value]):
        try:
            asked(**{name: said})
        except CallerError:
            continue


# answers


def events(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: ")]


def streamed(deltas: list[Delta]) -> bytes:
    writer = FACE.writer(ChatRequest(messages=()), "id", 1, "m")
    return b"".join([writer.write(delta) for delta in deltas]) + writer.finish("a comment")


def gathered(body: bytes) -> dict[str, Any]:
    """The message that an SDK makes of the events, by the rules of one: every block begins, goes on and ends in turn."""
    message: dict[str, Any] = {}
    opened = -1
    for event in events(body):
        kind = event["type"]
        if kind == "message_start":
            message = event["message"]
        elif kind == "content_block_start":
            assert (opened, event["index"]) == (-1, len(message["content"]))
            opened = event["index"]
            message["content"].append({**event["content_block"], "json": ""})
        elif kind == "content_block_delta":
            assert event["index"] == opened
            _go_on(message["content"][opened], event["delta"])
        elif kind == "content_block_stop":
            assert event["index"] == opened
            opened = -1
        elif kind == "message_delta":
            assert opened == -1
            message = {**message, **event["delta"], "usage": event["usage"]}
    assert event["type"] == "message_stop"
    return message


def _go_on(block: dict[str, Any], delta: dict[str, str]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]
            block["input"] = block["json"]


FULL = Completion(
    thoughts=(Thought("a", "s1"), Thought(redacted="d"), Thought("b", "s2"), Thought("c")),
    text="x",
    tool_calls=(ToolCall("toolu_1", "f", '{"a":1}', "lr1.gemini.g"), ToolCall("call:2", "g", "")),
    finish_reason="tool_calls",
    usage=Usage(9, 5, 3, 1, 2),
    response_id="chatcmpl-1",
    model_id="m",
)


def test_an_answer_of_any_model_is_a_message_whole_and_streamed() -> None:
    """One block per thought, signatures with them; ids that clients take; the call's own signature in a hidden thought."""
    whole = json.loads(FACE.render(FULL, ChatRequest(messages=()), "id", 1))
    assert [block["type"] for block in whole["content"]] == [
        "thinking", "redacted_thinking", "thinking", "thinking", "text", "redacted_thinking", "tool_use", "tool_use",
    ]  # fmt: skip
    assert [block["signature"] for block in whole["content"] if "signature" in block] == ["s1", "s2", ""]
    assert whole["content"][5]["data"] == "lr1.gemini.g.call.toolu_1"
    assert whole["content"][7]["id"].startswith("toolu_")
    assert (whole["id"], whole["stop_reason"]) == ("msg_id", "tool_use")
    told = gathered(streamed(FULL.unfolded()))
    for block in told["content"]:
        block.pop("json")
        if "input" in block:
            block["input"] = json.loads(block["input"])
    assert told == whole


def test_a_caller_gives_back_what_it_got_and_no_signature_is_lost() -> None:
    """From our answer into the next request: thoughts, their signers, and the signature that a call has to come with."""
    answer = Completion(
        thoughts=(Thought("a", sealed("anthropic", "s")), Thought(redacted=sealed("openai", "e"))),
        tool_calls=(ToolCall("call:1", "f", '{"a":1}', sealed("gemini", "g")),),
    )
    shown = json.loads(FACE.render(answer, ChatRequest(messages=()), "id", 1))
    (message,) = turns({"role": "assistant", "content": shown["content"]})
    assert message.parts == (
        Reasoning("a", "s", signer="anthropic"),
        Reasoning(redacted="e", signer="openai"),
        Called(shown["content"][-1]["id"], "f", '{"a":1}', "g", "gemini"),
    )


@pytest.mark.parametrize(
    ("finish", "refusal", "reason"),
    [
        ("stop", "", "end_turn"),
        ("length", "", "max_tokens"),
        ("tool_calls", "", "tool_use"),
        ("content_filter", "", "refusal"),
        ("stop", "No.", "refusal"),
        ("error", "", "max_tokens"),
        (None, "", "end_turn"),
    ],
)
def test_each_finish_has_its_stop_reason(finish: FinishReason | None, refusal: str, reason: str) -> None:
    """A refusal is told beside the content; an answer that broke is never shown as complete."""
    said = Completion(text="a", refusal=refusal, finish_reason=finish)
    whole = json.loads(FACE.render(said, ChatRequest(messages=()), "id", 1))
    for message in (whole, gathered(streamed(said.unfolded()))):
        assert message["stop_reason"] == reason
        details = {"type": "refusal", "category": None, "explanation": refusal or None}
        assert message["stop_details"] == (details if reason == "refusal" else None)


def test_the_stream_counts_what_it_cost_in_both_directions() -> None:
    """The final counts are cumulative and complete; what is known at the start is told at the start."""
    deltas = [Delta(text="a", usage=Usage(9, 1, 3, 1)), Delta(usage=Usage(9, 5, 3, 1, 2)), Delta(finish_reason="stop")]
    body = streamed(deltas)
    assert events(body)[0]["message"]["usage"]["input_tokens"] == 5
    assert events(body)[-2]["usage"] == {
        "input_tokens": 5,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 1,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    assert body.count(b"\n: a comment\n\n") == 1


def test_calls_whose_arguments_come_alternately_still_stand_one_after_the_other() -> None:
    """What cannot be written yet waits; a call that is complete does not hold up the next."""
    pieces = [(0, '{"a"'), (1, '{"b'), (0, ":1"), (1, '":2'), (2, ""), (0, "}"), (1, "}"), (0, " ")]
    deltas = [Delta(tool_index=place, tool_id=f"t{place}", tool_name="f", tool_arguments=text) for place, text in pieces]
    content = gathered(streamed([*deltas, Delta(text="x")]))["content"]
    assert [(block["type"], block.get("input")) for block in content] == [
        ("tool_use", '{"a":1}'), ("tool_use", '{"b":2}'), ("tool_use", "{}"), ("text", None),
    ]  # fmt: skip
    writer = FACE.writer(ChatRequest(messages=()), "id", 1, "m")
    writer.write(Delta(tool_index=0, tool_id="t", tool_name="f", tool_arguments="{}"))
    assert b"content_block_start" in writer.write(Delta(tool_index=1, tool_id="u", tool_name="f"))


deltas = st.lists(
    st.one_of(
        st.builds(Delta, text=st.text(max_size=3)),
        st.builds(Delta, reasoning=st.text(max_size=3), signature=st.sampled_from(["", "", "s"])),
        st.builds(Delta, redacted=st.sampled_from(["d"])),
        st.builds(
            Delta,
            tool_index=st.integers(0, 2),
            tool_id=st.sampled_from(["", "a", "b:"]),
            tool_name=st.just("f"),
            tool_arguments=st.sampled_from(["", "{", "}", '{"a":1}', '"a":', "1"]),
        ),
    ),
    max_size=12,
)


@given(deltas)
def test_whatever_comes_in_whatever_order_blocks_are_whole(said: list[Delta]) -> None:
    """Texts and thoughts are complete, and each call has all its arguments up to where they were a whole object."""
    content = gathered(streamed(said))["content"]
    assert "".join(block.get("text", "") for block in content) == "".join(delta.text for delta in said)
    assert "".join(block.get("thinking", "") for block in content) == "".join(delta.reasoning for delta in said)
    folded = Completion.folded(said)
    calls = [block for block in content if block["type"] == "tool_use"]
    assert len(calls) == len(folded.tool_calls)
    given_ = sorted(call.arguments for call in folded.tool_calls)
    for block in calls:
        assert any(text.startswith(block["json"]) or (block["json"] == "{}" and not text) for text in given_)


def test_native_events_pass_as_they_came() -> None:
    """Only the terminator is ours, since the comment stands before it."""
    writer = FACE.writer(ChatRequest(messages=()), "id", 1, "m", native=True)
    assert writer.write(Delta(text="a", raw=b"event: x\ndata: {}\n\n")) == b"event: x\ndata: {}\n\n"
    assert writer.finish("c") == b': c\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert events(writer.fail(Overloaded("busy"), "req_1"))[0]["error"]["type"] == "overloaded_error"
    reader = WIRE.reader()
    assert reader.feed(PING) == []


def test_an_overflow_is_worded_so_that_clients_shorten() -> None:
    """With its numbers where they are known, and none invented."""
    known = json.loads(FACE.complain(ContextTooLong("no", tokens=9, limit=5), "r"))["error"]
    assert known["message"] == "prompt is too long: 9 tokens > 5 maximum"
    assert known["type"] == "invalid_request_error"
    unknown = json.loads(FACE.complain(ContextTooLong("it does not fit"), "r"))["error"]
    assert unknown["message"] == "prompt is too long: it does not fit"
    assert json.loads(FACE.complain(ProviderOverloaded("busy"), "r"))["error"]["type"] == "overloaded_error"


def test_a_calls_arguments_are_shown_as_an_object_whatever_the_model_wrote() -> None:
    """Arguments that are no JSON object cannot be shown as one and must not break the body."""
    for text in ("{broken", "[1]", "", '{"a":' + "[" * 100_000):
        body = json.loads(FACE.render(Completion(tool_calls=(ToolCall("t", "f", text),)), ChatRequest(messages=()), "id", 1))
        assert body["content"][0]["input"] == {}


def test_an_unknown_block_keeps_its_json() -> None:
    """The part that only this dialect can carry is there undecoded, for the cache's key and the wire."""
    part = block({"type": "brand_new", "x": 1})
    assert isinstance(part, Foreign)
    assert (part.kind, json.loads(bytes(part.raw))) == ("brand_new", {"type": "brand_new", "x": 1})
