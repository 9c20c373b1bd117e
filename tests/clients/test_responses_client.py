"""The Responses face: what it reads, what it writes, and that the openai SDK and Codex understand each other through it."""

# The SDK costs seconds to import, which tests that do not need it should not pay.
# ruff: noqa: PLC0415

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clients.common.seal import sealed
from app.clients.responses_client import FACE
from app.domain.answer import Completion, Delta, Thought, TokenLogprob, ToolCall, Usage
from app.domain.request import Called, ChatRequest, Format, Media, Message, Reasoning, Result, Text, Thinking, ToolChoice
from app.errors import (
    CallerError,
    ContextTooLong,
    Overloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnreachable,
    RouterError,
    UnsupportedFeature,
)

SAID = Path(__file__).parent / "said" / "responses"
CODEX = sorted(path.name for path in SAID.glob("*.json"))
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": True}
PATCH = {
    "type": "custom",
    "name": "patch",
    "description": "Edits.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
}
CRM = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers.",
    "tools": [{**WEATHER, "name": "find"}, {**PATCH, "name": "note"}],
}
PNG = "data:image/jpeg;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


def asked(**fields: Any) -> ChatRequest:
    """A parsed body."""
    return FACE.parse(json.dumps({"model": "auto", "input": "hi", **fields}).encode())


def told(*items: Any, **fields: Any) -> tuple[Message, ...]:
    """The turns that items spell out."""
    return asked(input=list(items), **fields).messages


def call(name: str = "weather", call_id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", **more}


def result(output: Any = "done", call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def whole(completion: Completion, request: ChatRequest | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(FACE.render(completion, request or asked(), "abc", 1_700_000_000))
    return body


def streamed(deltas: list[Delta], request: ChatRequest | None = None, comment: str = "") -> bytes:
    writer = FACE.writer(request or asked(), "abc", 1_700_000_000, "m")
    return b"".join([writer.write(delta) for delta in deltas]) + writer.finish(comment)


def broken(deltas: list[Delta], error: RouterError) -> list[dict[str, Any]]:
    writer = FACE.writer(asked(), "abc", 1_700_000_000, "m")
    return events(b"".join([writer.write(delta) for delta in deltas]) + writer.fail(error, "abc"))


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each named on its wire as in its data."""
    found = []
    for block in stream.decode().split("\n\n")[:-1]:
        if not block.startswith(":"):
            name, data = block.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def kinds(stream: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events(stream)]


# --- reading


def test_a_string_is_the_users_turn_and_instructions_are_the_systems() -> None:
    request = asked(instructions="Be brief.")
    assert request.messages == (Message("system", (Text("Be brief."),)), Message("user", (Text("hi"),)))
    assert request.original is not None
    assert request.original.dialect == "responses"
    assert not request.native
    assert not request.extra


def test_every_plain_wish_has_its_typed_field() -> None:
    request = asked(
        max_output_tokens=9, temperature=0.5, top_p=0.9, stream=True, parallel_tool_calls=False, service_tier="flex", store=False,
        reasoning={"effort": "high", "summary": "auto"}, top_logprobs=3, include=["message.output_text.logprobs"],
        safety_identifier="u1", metadata={"a": "b"}, background=False, truncation="disabled", previous_response_id=None,
        text={"format": {"type": "json_schema", "name": "city", "schema": {"type": "object"}, "strict": True}},
        stream_options={"include_obfuscation": False}, router={"mode": "fast", "cache": "off", "session": "s", "explain": True},
    )  # fmt: skip
    assert (request.max_tokens, request.temperature, request.top_p, request.stream) == (9, 0.5, 0.9, True)
    assert (request.parallel_tools, request.tier, request.user, request.metadata) == (False, "flex", "u1", {"a": "b"})
    assert request.thinking == Thinking("high", shown=True)
    assert (request.logprobs, request.top_logprobs) == (True, 3)
    assert isinstance(request.format, Format)
    assert (request.format.kind, request.format.name, request.format.strict) == ("json_schema", "city", True)
    assert bytes(request.format.schema) == b'{"type": "object"}'
    assert (request.mode, request.cache, request.session, request.explain) == ("fast", "off", "s", True)
    assert request.extra == ()


def test_json_mode_is_a_format_and_text_is_none() -> None:
    assert asked(text={"format": {"type": "json_object"}}).format == Format("json_object")
    assert asked(text={"format": {"type": "text"}}).format is None


def test_what_no_other_dialect_has_is_named() -> None:
    request = asked(
        truncation="auto",
        text={"verbosity": "low"},
        prompt_cache_key="k",
        max_tool_calls=3,
        reasoning={"context": "all_turns"},
        new=1,
    )
    assert sorted(request.extra) == ["max_tool_calls", "new", "prompt_cache_key", "reasoning.context", "truncation"]
    assert request.verbosity == "low"
    assert request.thinking is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("store", True), ("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("background", True),
        ("prompt", {"id": "pmpt_1"}), ("moderation", {"model": "omni"}),
    ],
)  # fmt: skip
def test_what_needs_a_servers_memory_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(UnsupportedFeature, match=f"^{field}: ") as refused:
        asked(**{field: value})
    assert refused.value.param == field


@pytest.mark.parametrize(
    ("body", "route"),
    [
        ({"messages": []}, "/v1/chat/completions"), ({"messages": []}, "/v1/messages"), ({"prompt": "hi"}, "/query"),
        ({"contents": []}, "/v1/chat/completions"), ({"input": "a", "encoding_format": "float"}, "/v1/embeddings"),
        ({"input": ["a", "b"]}, "/v1/embeddings"),
    ],
)  # fmt: skip
def test_a_body_of_another_face_is_told_its_route(body: dict[str, Any], route: str) -> None:
    with pytest.raises(CallerError, match=route):
        FACE.parse(json.dumps({"model": "auto", **body}).encode())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [7]}, "input[0]"),
        ({"input": [{"role": "king", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": []}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "computer_call_output", "output": {}}]}, "input[0]"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "input[0].call_id"),
        ({"input": [{"type": "additional_tools", "tools": [WEATHER]}]}, "input"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [WEATHER, WEATHER]}, "tools[1].name"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [WEATHER, {"type": "mcp", "server_label": "a"}]}, "tools[1]"),
        ({"tools": [WEATHER, {"type": "file_search", "vector_store_ids": []}]}, "tools[1]"),
        ({"tools": [WEATHER], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "web_search_preview"}}, "tool_choice"),
        ({"router": {"mode": "x"}}, "router.mode"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as refused:
        asked(**fields)
    assert refused.value.param == param
    assert refused.value.status == 400


def test_parts_of_every_kind_are_read_and_a_wrong_image_type_is_mended() -> None:
    (message,) = told(
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_image", "image_url": "https://x.test/a.png"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
                {"type": "input_file", "file_data": "JVBERi0="},
                {"type": "input_file", "file_url": "https://x.test/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            ],
        }
    )
    assert message.parts == (
        Text("look", "1h"),
        Media("image", "image/png", PNG.partition(",")[2], detail="low"),
        Media("image", url="https://x.test/a.png"),
        Media("file", "application/pdf", "JVBERi0=", name="a.pdf"),
        Media("file", "application/pdf", "JVBERi0="),
        Media("file", url="https://x.test/a.pdf"),
        Media("audio", "audio/wav", "AAAA"),
    )


def test_what_the_assistant_did_in_one_go_is_one_turn_and_its_results_are_another() -> None:
    messages = told(
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": "go"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "first", "annotations": []}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        call(call_id="c1"),
        call(call_id="c2"),
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "not that"}]},
        result("sunny", "c1"),
        result([{"type": "input_text", "text": "rain"}, {"type": "input_image", "image_url": PNG}], "c2"),
        {"role": "user", "content": "thanks"},
    )
    assert [message.role for message in messages] == ["developer", "user", "assistant", "assistant", "tool", "user"]
    assert messages[3].parts == (Reasoning("hm"), Text("not that"), Called("c1", "weather", "{}"), Called("c2", "weather", "{}"))
    sunny, rain = messages[4].parts
    assert sunny == Result("c1", (Text("sunny"),), "weather")
    assert isinstance(rain, Result)
    assert isinstance(rain.parts[1], Media)


def test_two_turns_of_the_assistant_stay_two() -> None:
    assert len(told({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"})) == 2


def test_proofs_come_back_to_the_thoughts_and_calls_that_they_prove() -> None:
    """Whole circle: what is rendered, given back as input, is what the model had said, signatures and signer included."""
    said = Completion(
        text="so",
        thoughts=(
            Thought("hm", sealed("anthropic", "sig")), Thought("", sealed("anthropic", "bare")),
            Thought(redacted=sealed("anthropic", "xx")),
        ),
        tool_calls=(ToolCall("c 1", "weather", "{}", sealed("gemini", "g1")), ToolCall("c2", "weather", "{}")),
        finish_reason="tool_calls",
    )  # fmt: skip
    (message,) = told(*whole(said, asked(tools=[WEATHER]))["output"], tools=[WEATHER])
    assert message.parts == (
        Reasoning("hm", "sig", signer="anthropic"),
        Reasoning("", "bare", signer="anthropic"),
        Reasoning(redacted="xx", signer="anthropic"),
        Text("so"),
        Called("c 1", "weather", "{}", "g1", "gemini"),
        Called("c2", "weather", "{}"),
    )


def test_a_proof_that_comes_after_its_call_is_still_its_proof() -> None:
    proof = {"type": "reasoning", "summary": [], "encrypted_content": f"call:{sealed('gemini', 'g1')} c1"}
    assert told(call(), proof, result())[0].parts == (Called("c1", "weather", "{}", "g1", "gemini"),)
    assert told(proof, call(), result())[0].parts == (Called("c1", "weather", "{}", "g1", "gemini"),)


def test_a_proof_of_openais_own_is_nobody_elses() -> None:
    (message,) = told(
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}], "encrypted_content": "gAAA"}
    )
    assert message.parts == (Reasoning("t", "gAAA", signer="responses"),)


def test_a_custom_tool_goes_on_as_a_function_and_its_calls_come_back_as_declared() -> None:
    request = asked(
        tools=[PATCH],
        input=[
            {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": 'say "x"'},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": ""},
        ],
    )
    (tool,) = request.tools
    assert tool.name == "patch"
    assert "start: X" in tool.description
    assert json.loads(bytes(tool.parameters))["required"] == ["input"]
    called, answered = request.messages
    assert called.parts == (Called("c1", "patch", '{"input":"say \\"x\\""}'),)
    assert answered.parts == (Result("c1", (Text(""),), "patch"),)
    (item,) = whole(Completion(tool_calls=(ToolCall("c2", "patch", '{"input":"a\\nb"}'),)), request)["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "patch", "a\nb")


def test_a_model_that_wrote_no_object_meant_the_text_itself() -> None:
    (item,) = whole(Completion(tool_calls=(ToolCall("c2", "patch", "*** Begin"),)), asked(tools=[PATCH]))["output"]
    assert item["input"] == "*** Begin"


def test_tools_of_a_namespace_keep_it_both_ways() -> None:
    request = asked(tools=[WEATHER, CRM], input=[call("find", namespace="crm")])
    assert [tool.name for tool in request.tools] == ["weather", "crm__find", "crm__note"]
    assert request.messages[0].parts == (Called("c1", "crm__find", "{}"),)
    calls = (ToolCall("c2", "crm__find", "{}"), ToolCall("c3", "crm__note", '{"input":"x"}'), ToolCall("c4", "weather", "{}"))
    found, noted, plain = whole(Completion(tool_calls=calls), request)["output"]
    assert (found["type"], found["name"], found["namespace"]) == ("function_call", "find", "crm")
    assert (noted["type"], noted["name"], noted["namespace"], noted["input"]) == ("custom_tool_call", "note", "crm", "x")
    assert plain["name"] == "weather"
    assert "namespace" not in plain


def test_a_name_too_long_for_other_dialects_is_cut_and_comes_back_whole() -> None:
    group = {**CRM, "name": "n" * 50, "tools": [{**WEATHER, "name": "a" * 40}, {**WEATHER, "name": "a" * 41}]}
    request = asked(tools=[group])
    names = [tool.name for tool in request.tools]
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)
    (item,) = whole(Completion(tool_calls=(ToolCall("c", names[1], "{}"),)), request)["output"]
    assert (item["namespace"], item["name"]) == ("n" * 50, "a" * 41)


def test_tools_offered_inside_the_conversation_are_tools() -> None:
    request = asked(input=[{"type": "additional_tools", "role": "developer", "tools": [CRM]}, {"role": "user", "content": "x"}])
    assert [tool.name for tool in request.tools] == ["crm__find", "crm__note"]
    (item,) = whole(Completion(tool_calls=(ToolCall("c", "crm__find", "{}"),)), request)["output"]
    assert item["namespace"] == "crm"


def test_a_server_tool_beside_the_callers_own_is_left_out_and_named() -> None:
    request = asked(tools=[WEATHER, {"type": "web_search", "external_web_access": False}, {"type": "tool_search"}])
    assert [tool.name for tool in request.tools] == ["weather"]
    assert request.extra == ("tools.web_search", "tools.tool_search")


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        (None, None),
        ({"type": "function", "name": "weather"}, ToolChoice("required", ("weather",))),
        ({"type": "custom", "name": "patch"}, ToolChoice("required", ("patch",))),
        ({"type": "function", "name": "find", "namespace": "crm"}, ToolChoice("required", ("crm__find",))),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}, {"type": "web_search"}]},
            ToolChoice("auto", ("weather",)),
        ),
    ],
)
def test_tool_choices_are_read(choice: Any, meant: ToolChoice | None) -> None:
    assert asked(tools=[WEATHER, PATCH, CRM, {"type": "web_search"}], tool_choice=choice).tool_choice == meant


@pytest.mark.parametrize("name", CODEX)
def test_what_codex_sends_is_accepted(name: str) -> None:
    """Nothing of it may need an edit of the user's configuration; see the provenance of these bodies."""
    request = FACE.parse((SAID / name).read_bytes())
    assert request.stream
    assert request.tools
    assert request.original is not None
    assert set(request.extra) <= {
        "client_metadata",
        "prompt_cache_key",
        "verbosity",
        "reasoning.context",
        "tools.web_search",
        "tools.tool_search",
    }


def test_what_codex_gives_back_holds_the_proofs_it_got() -> None:
    patch = [part for message in FACE.parse((SAID / "codex_patch.json").read_bytes()).messages for part in message.parts]
    assert Reasoning("thinking hard", "sig", signer="anthropic") in patch
    assert [part.name for part in patch if isinstance(part, Called | Result)] == ["exec_command", "apply_patch"] * 2
    code = [part for message in FACE.parse((SAID / "codex_code_mode.json").read_bytes()).messages for part in message.parts]
    (called,) = [part for part in code if isinstance(part, Called)]
    assert (called.name, called.signature, called.signer) == ("exec", "zz", "gemini")


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON tree below its root."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in below for found in ((*path, key), *places(value, (*path, key)))]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 9), st.sampled_from(["", "function_call", "custom", "namespace", "message"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["type", "name", "tools", "content"]), inner, max_size=3)
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(CODEX), data=st.data())
def test_a_body_with_anything_anywhere_is_read_or_refused(name: str, data: st.DataObject) -> None:
    body = json.loads((SAID / name).read_bytes())
    *path, last = data.draw(st.sampled_from(places(body)))
    node = body
    for key in path:
        node = node[key]
    node[last] = data.draw(JSON)
    try:
        request = FACE.parse(json.dumps(body).encode())
    except CallerError as refused:
        assert refused.message
    else:
        whole(Completion(text="x", tool_calls=(ToolCall("c", "exec", "{}"),)), request)


# --- writing


def test_the_events_of_a_text_come_in_the_documented_order() -> None:
    stream = streamed(
        [Delta(text="a"), Delta(text="b"), Delta(finish_reason="stop"), Delta(usage=Usage(1, 2))], comment="router id=1"
    )
    assert kinds(stream) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    last = events(stream)[-1]["response"]
    assert last["usage"]["total_tokens"] == 3
    assert last["output"][0]["content"][0]["text"] == "ab"
    blocks = stream.split(b"\n\n")
    assert blocks[-3] == b": router id=1"
    assert b"[DONE]" not in stream


def test_calls_whose_pieces_alternate_are_whole_and_in_order() -> None:
    pieces = [
        Delta(tool_index=0, tool_id="c1", tool_name="weather", tool_arguments='{"a'),
        Delta(tool_index=1, tool_id="c2", tool_name="patch", tool_arguments='{"inp'),
        Delta(tool_index=0, tool_arguments='":1}'),
        Delta(tool_index=1, tool_arguments='ut":"x"}'),
        Delta(tool_index=2, tool_id="c3"),
        Delta(tool_index=2, tool_name="weather"),
    ]
    stream = streamed([*pieces, Delta(finish_reason="tool_calls")], asked(tools=[WEATHER, PATCH]))
    found = events(stream)
    assert [item["call_id"] for item in found[-1]["response"]["output"]] == ["c1", "c2", "c3"]
    spelled = "".join(e["delta"] for e in found if e["type"].endswith("arguments.delta") and e["output_index"] == 0)
    assert spelled == '{"a":1}'
    assert [e["input"] for e in found if e["type"] == "response.custom_tool_call_input.done"] == ["x"]
    assert found[-1]["response"]["output"][2]["arguments"] == "{}"
    done = [e["output_index"] for e in found if e["type"] == "response.output_item.done"]
    assert done == [0, 1, 2]


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)
def test_an_answer_that_broke_off_says_why(reason: Any, status: str, why: str) -> None:
    body = whole(Completion(text="cut", finish_reason=reason))
    assert (body["status"], body["incomplete_details"]["reason"], body["output"][0]["status"]) == (status, why, "incomplete")
    assert events(streamed(Completion(text="cut", finish_reason=reason).unfolded()))[-1]["type"] == "response.incomplete"


def test_a_stream_that_breaks_ends_in_a_failed_response_with_what_there_was() -> None:
    last = broken([Delta(text="half"), Delta(tool_index=0, tool_id="c", tool_name="n")], ProviderUnreachable("gone"))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert [item["status"] for item in last["response"]["output"]] == ["completed", "incomplete"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContextTooLong("x", tokens=9, limit=5), "context_length_exceeded"), (ProviderRateLimited("x"), "rate_limit_exceeded"),
        (ProviderQuota("x"), "insufficient_quota"), (ProviderRejected("x"), "invalid_prompt"), (Overloaded("x"), "server_error"),
    ],
)  # fmt: skip
def test_a_failure_has_the_code_that_clients_act_on(error: RouterError, code: str) -> None:
    found = broken([], error)
    assert [event["type"] for event in found] == ["response.created", "response.in_progress", "response.failed"]
    assert found[-1]["response"]["error"]["code"] == code


def test_an_overflow_is_worded_so_that_clients_shorten() -> None:
    error = json.loads(FACE.complain(ContextTooLong("x", tokens=900, limit=500), "id1"))["error"]
    assert error["code"] == "context_length_exceeded"
    assert error["message"].startswith(
        "This model's maximum context length is 500 tokens. However, your messages resulted in 900 tokens."
    )
    assert error["request_id"] == "id1"
    unknown = json.loads(FACE.complain(ContextTooLong("no room"), "id1"))["error"]["message"]
    assert "maximum context length" in unknown
    assert not any(letter.isdigit() for letter in unknown)


def test_the_request_is_echoed_and_nothing_is_stored() -> None:
    request = asked(
        instructions="i", tools=[WEATHER], tool_choice="required", text={"verbosity": "low"}, temperature=0.2, truncation="auto"
    )
    body = whole(Completion(text="x"), request)
    assert (body["instructions"], body["tools"], body["tool_choice"], body["temperature"]) == ("i", [WEATHER], "required", 0.2)
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (body["store"], body["previous_response_id"], body["truncation"], body["metadata"]) == (False, None, "disabled", {})
    assert body["id"] == "resp_abc"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_body_of_many_lines_does_not_break_the_events(line_end: str) -> None:
    fields = {
        "model": "auto",
        "input": "x",
        "tools": [WEATHER],
        "text": {"format": {"type": "json_object"}},
        "metadata": {"a": "b"},
    }
    request = FACE.parse(json.dumps(fields, indent=2).replace("\n", line_end).encode())
    last = events(streamed(Completion(text="x", finish_reason="stop").unfolded(), request))[-1]["response"]
    assert (last["tools"], last["metadata"], last["text"]["format"]) == ([WEATHER], {"a": "b"}, {"type": "json_object"})


# --- the SDK judges


@pytest.fixture(scope="module")
def judge() -> dict[str, Callable[[Any], Any]]:
    """The openai SDK's validators of a whole Response and of an event, and its own accumulation of a stream."""
    import httpx2
    import openai
    from openai.types.responses import Response, ResponseStreamEvent
    from pydantic import TypeAdapter

    event = TypeAdapter(ResponseStreamEvent)

    def accumulate(stream: bytes) -> Any:
        def answer(_: Any) -> Any:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

        client = openai.OpenAI(
            api_key="k", base_url="http://t.test/v1", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
        )
        with client.responses.stream(model="m", input="x") as events_:
            return events_.get_final_response()

    return {"whole": Response.model_validate, "event": event.validate_python, "accumulate": accumulate}


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
THOUGHTS = st.one_of(
    st.builds(Thought, WORDS, st.just("")),
    st.builds(lambda text: Thought(text, sealed("anthropic", "s")), WORDS),
    st.just(Thought("", sealed("anthropic", "t"))),
    st.just(Thought(redacted=sealed("anthropic", "r"))),
)
CALLS = st.builds(
    ToolCall, st.just("id"), st.sampled_from(["weather", "patch", "crm__find"]), st.sampled_from(["", "{}", '{"input":"a b"}', "raw"]),
    st.sampled_from(["", sealed("gemini", "g")]),
)  # fmt: skip


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    """Answers as providers give them: unsigned thoughts are never neighbours, since nothing would part them."""
    thoughts = [thought for thought in draw(st.lists(THOUGHTS, max_size=3)) if thought.signature or thought.redacted]
    if draw(st.booleans()):
        thoughts.append(Thought(draw(WORDS)))
    calls = [ToolCall(f"c{i}", c.name, c.arguments, c.signature) for i, c in enumerate(draw(st.lists(CALLS, max_size=3)))]
    text = draw(st.one_of(st.just(""), WORDS))
    logprobs = (TokenLogprob(text, -0.5, ((text, -0.5), ("b", float("-inf")))),) if text and draw(st.booleans()) else ()
    return Completion(
        text=text,
        thoughts=tuple(thoughts),
        refusal=draw(st.one_of(st.just(""), WORDS)),
        tool_calls=tuple(calls),
        finish_reason=draw(st.sampled_from(["stop", "tool_calls", "length", "content_filter", "error"])),
        usage=draw(st.one_of(st.none(), st.just(Usage(9, 5, 3, 1, 2)))),
        model_id="m",
        logprobs=logprobs,
    )


@settings(max_examples=60, deadline=None)
@given(completion=completions())
def test_the_streamed_answer_is_the_whole_one_and_the_sdks_types_accept_both(
    judge: dict[str, Any], completion: Completion
) -> None:
    request = asked(tools=[WEATHER, PATCH, CRM], instructions="i")
    body = whole(completion, request)
    judge["whole"](body)
    found = events(streamed(completion.unfolded(), request))
    for event in found:
        judge["event"](event)
    body.pop("completed_at", None)
    assert found[-1]["response"] == body
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert sorted(done, key=lambda item: item["id"][-2:]) == body["output"]


@settings(max_examples=20, deadline=None)
@given(completion=completions())
def test_the_sdk_accumulates_our_events_into_the_answer(judge: dict[str, Any], completion: Completion) -> None:
    stream = streamed(completion.unfolded(), comment="router id=1")
    if completion.finish_reason in ("stop", "tool_calls"):
        final = judge["accumulate"](stream)
        assert final.output_text == completion.text
        assert [item.call_id for item in final.output if item.type == "function_call"] == [
            call.id for call in completion.tool_calls
        ]
    else:
        with pytest.raises(RuntimeError, match=r"response\.completed"):
            judge["accumulate"](stream)


def test_the_sdk_accepts_a_failed_response(judge: dict[str, Any]) -> None:
    for event in broken([Delta(text="half")], ProviderUnreachable("gone")):
        judge["event"](event)


def test_what_else_is_said_of_a_tool_is_named() -> None:
    """Words of this dialect alone, which change nothing of what the tool is."""
    tool = {
        "type": "function",
        "name": "f",
        "parameters": {},
        "strict": False,
        "async": True,
        "defer_loading": True,
        "output_schema": {},
    }
    inner = {"type": "custom", "name": "g", "allowed_callers": ["programmatic"]}
    request = asked(tools=[tool, {"type": "namespace", "name": "n", "description": "d", "tools": [inner]}])
    assert request.extra == ("tools.async", "tools.defer_loading", "tools.output_schema", "tools.allowed_callers")
    assert [one.name for one in request.tools] == ["f", "n__g"]
