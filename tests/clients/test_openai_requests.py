"""OpenAI's dialect, requests: every field of a chat body becomes a value, and every value of any face a field again."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clients.common.seal import sealed
from app.clients.llama_client import WIRE as LLAMA
from app.clients.openai_client import FACE, WIRE
from app.domain.request import (
    NOTHING,
    Called,
    ChatRequest,
    Foreign,
    Format,
    Media,
    Message,
    Original,
    Reasoning,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import CallerError, UnsupportedFeature

SAID = Path(__file__).parent / "said" / "openai"
ABLE = frozenset({"sampling", "streaming", "tools", "vision", "reasoning", "json_schema"})
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
USER = {"role": "user", "content": "hi"}


def target(**changes: Any) -> Target:
    facts = {
        "name": "row",
        "provider": "openai",
        "model_id": "gpt-5",
        "dialect": "openai",
        "wire": "openai",
        "base_url": "https://api.openai.com/v1",
        "key_env": ("OPENAI_API_KEY",),
        "capabilities": ABLE,
    }
    return Target(**{**facts, **changes})


def ask(**fields: Any) -> ChatRequest:
    return FACE.parse(json.dumps({"model": "auto", "messages": [USER], **fields}).encode())


def typed(request: ChatRequest) -> ChatRequest:
    """The request as another face would have made it: its values without the body of this dialect."""
    return msgspec.structs.replace(request, original=None)


def sent(request: ChatRequest, wire: Any = WIRE, stream: bool = False, **changes: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(wire.encode(request, target(**changes), stream).body)
    return decoded


def dropped(request: ChatRequest, wire: Any = WIRE, **changes: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = wire.encode(request, target(**changes), False).dropped
    return names


@pytest.mark.parametrize("name", ["sdk-conversation", "sdk-schema", "sdk-allowed-tools"])
def test_values_become_the_very_body_that_the_sdk_sends(name: str) -> None:
    """The SDK's captured bytes, read into values and written again without a look at them, are the same body."""
    captured = json.loads((SAID / f"{name}.json").read_bytes())
    body = sent(typed(FACE.parse((SAID / f"{name}.json").read_bytes())))
    captured.pop("stream", None)
    assert body == {**captured, "model": "gpt-5"}


def test_what_we_write_is_of_the_sdks_own_type() -> None:
    """Every translated body validates as the SDK's CompletionCreateParams, with no field beyond them."""
    from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as Params  # noqa: PLC0415

    judge = pydantic.TypeAdapter(Params)
    for name in ("sdk-conversation", "sdk-schema", "sdk-allowed-tools", "sdk-functions"):
        body = sent(typed(FACE.parse((SAID / f"{name}.json").read_bytes())))
        judge.validate_python(body)
        assert set(body) <= set(Params.__required_keys__ | Params.__optional_keys__)


def test_every_field_of_a_body_is_read() -> None:
    """The SDK's captured conversation, value by value."""
    request = FACE.parse((SAID / "sdk-conversation.json").read_bytes())
    system, developer, user, calls, first, second, said, last = request.messages
    assert (system.role, developer.role) == ("system", "developer")
    assert user.name == "ann"
    marked, image, linked, audio, file = user.parts
    assert marked == Text("What is on these?", marker="5m")
    assert isinstance(image, Media) and (image.kind, image.media_type, image.detail) == ("image", "image/png", "low")
    assert linked == Media("image", url="https://example.com/a.png")
    assert isinstance(audio, Media) and (audio.kind, audio.media_type) == ("audio", "audio/wav")
    assert isinstance(file, Media) and (file.kind, file.media_type, file.name) == ("file", "application/pdf", "a.pdf")
    assert calls.parts == (Called("call_1", "weather", '{"city":"Oslo"}'), Called("call_2", "clock", "{}"))
    assert first == Message("tool", (Result("call_1", (Text("3 degrees"),)),))
    assert second.parts == (Result("call_2", (Text("12:00"), Text("UTC"))),)
    assert (said.text, last.text) == ("It is 3 degrees at noon.", "And tomorrow?")
    weather, clock = request.tools
    assert (weather.name, weather.strict, clock.description) == ("weather", True, "")
    assert request.tool_choice == ToolChoice("required", ("weather",))
    assert (request.parallel_tools, request.max_tokens, request.stop) == (False, 500, ("END", "STOP"))
    assert (request.n, request.logprobs, request.top_logprobs, request.seed) == (2, True, 3, 7)
    assert (request.presence_penalty, request.frequency_penalty) == (0.1, 0.2)
    assert (request.thinking, request.tier, request.user) == (Thinking("low"), "flex", "u-1")
    assert request.needs == {"tools", "vision", "audio", "pdf", "logprobs", "n"}
    assert (request.native, request.extra) == ((), ())


def test_the_older_functions_are_tools_with_one_call_at_a_time() -> None:
    """`functions`, `function_call` and `function` turns become tools, a forced choice and a result of the call before."""
    request = FACE.parse((SAID / "sdk-functions.json").read_bytes())
    _, called, answered = request.messages
    (call,), (result,) = called.parts, answered.parts
    assert isinstance(call, Called) and isinstance(result, Result)
    assert (call.name, result.call_id, result.name) == ("weather", call.id, "weather")
    assert [tool.name for tool in request.tools] == ["weather"]
    assert (request.tool_choice, request.parallel_tools) == (ToolChoice("required", ("weather",)), False)
    assert request.native == request.extra == ()


def test_what_only_this_dialect_carries_binds_to_it_and_the_rest_is_named() -> None:
    """Wishes whose loss would change the answer are native; advice and unknown fields are extra; null fields are absent."""
    file = {"type": "file", "file": {"file_id": "file-1"}}
    custom = {"type": "custom", "custom": {"name": "sql"}}
    request = ask(
        messages=[{"role": "user", "content": [file]}],
        tools=[custom],
        audio={"voice": "alloy"},
        modalities=["text", "audio"],
        web_search_options={},
        logit_bias={"1": 2},
        verbosity="low",
        store=False,
        brand_new=1,
        prediction=None,
    )
    assert set(request.native) == {"messages[0].content[0]", "tools[0]", "audio", "modalities", "web_search_options"}
    assert set(request.extra) == {"logit_bias", "store", "brand_new"}
    assert isinstance(request.messages[0].parts[0], Foreign)
    assert request.verbosity == "low" == sent(typed(ask(verbosity="low")))["verbosity"]
    with pytest.raises(UnsupportedFeature):
        WIRE.encode(typed(request), target(), False)
    assert ask(seed=1, n=1, modalities=["text"], logit_bias=None, stream_options=None).native == ()


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({"reasoning_effort": "xhigh"}, Thinking("xhigh")),
        ({"reasoning": {"effort": "high", "exclude": True}}, Thinking("high", shown=False)),
        ({"reasoning": {"max_tokens": 2000}}, Thinking(budget=2000)),
        ({"reasoning": {"enabled": False}}, Thinking("none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, Thinking(budget=4096)),
        ({"thinking": {"type": "disabled"}}, Thinking("none")),
    ],
)
def test_the_ways_of_saying_how_much_to_think_are_one_wish(fields: dict[str, Any], wish: Thinking) -> None:
    """OpenAI's, OpenRouter's and Anthropic's spelling; a host's own word under these names is an unknown field."""
    assert (ask(**fields).thinking, ask(**fields).extra) == (wish, ())
    odd = ask(reasoning_effort="default", thinking=True)
    assert (odd.thinking, set(odd.extra)) == (None, {"reasoning_effort", "thinking"})


def test_tool_choices_and_formats_are_read() -> None:
    """Words, named tools, allowed tools, and the three answer formats."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}
    assert ask(tools=tools, tool_choice=allowed).tool_choice == ToolChoice("auto", ("a", "b"))
    assert ask(tools=tools, tool_choice="none").tool_choice == ToolChoice("none")
    assert ask(tools=tools, tool_choice="any").tool_choice == ToolChoice("required")
    assert ask(tools=tools).tools == (Tool("a"), Tool("b"))
    assert ask(tools=tools).tools[0].parameters == NOTHING
    assert ask(response_format={"type": "text"}).format is None
    assert ask(response_format={"type": "json_object"}).format == Format("json_object")
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    read = ask(response_format={"type": "json_schema", "json_schema": schema}).format
    assert read is not None
    assert (read.name, bytes(read.schema), read.strict, read.description) == ("n", b'{"type": "object"}', True, "d")


@pytest.mark.parametrize(
    ("body", "route"),
    [
        ({"model": "x", "input": "hi"}, "POST /v1/responses"),
        ({"model": "x", "input": "hi"}, "POST /v1/embeddings"),
        ({"model": "x", "prompt": "hi"}, "POST /query"),
        ({"model": "x", "system": "s", "messages": [USER]}, "POST /v1/messages"),
        ({"model": "x", "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "POST /v1/messages"),
        ({"model": "x", "messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "POST /v1/messages"),
        ({"model": "x", "messages": [USER], "tools": [{"name": "f", "input_schema": {}}]}, "POST /v1/messages"),
        ({"model": "x", "messages": [USER], "stop_sequences": ["a"]}, "POST /v1/messages"),
        ({"model": "x", "messages": [USER], "output_config": {"effort": "low"}}, "POST /v1/messages"),
        ({"model": "x", "messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "POST /v1/messages"),
        ({"messages": [USER], "mode": "fast"}, "POST /query"),
        ({"contents": []}, "Gemini"),
    ],
)
def test_a_body_of_another_face_is_told_its_route(body: dict[str, Any], route: str) -> None:
    """A body sent to the wrong route is a 400 that names the right one."""
    with pytest.raises(CallerError) as caught:
        FACE.parse(json.dumps(body).encode())
    assert route in caught.value.message


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "tool", "tool_call_id": "c"}, "messages[0].content"),
        ({"role": "assistant", "tool_calls": [{"type": "function", "id": "c"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}, "messages[0].tool_calls[0].id"),
        ({"role": "assistant", "content": None}, "messages[0].content"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]},
            "messages[0].content[0].image_url.url",
        ),
    ],
)
def test_a_broken_turn_is_refused_with_its_place(message: dict[str, Any], param: str) -> None:
    """What is missing is named where it is missing."""
    with pytest.raises(CallerError) as caught:
        ask(messages=[message])
    assert caught.value.param == param


def test_a_wrong_image_type_is_mended_from_the_bytes() -> None:
    """A PNG that calls itself JPEG goes on as PNG, in the values and in the caller's own messages, which change in nothing else."""
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PNG}"}}]
    body = sent(ask(messages=[{"role": "user", "content": parts, "odd": 1}]))
    assert body["messages"][0]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert (body["messages"][0]["odd"], body["messages"][0]["content"][0]) == (1, parts[0])


def test_a_history_with_broken_arguments_passes_in_the_same_dialect() -> None:
    """Arguments that are no JSON are the caller's and the model's matter here; other dialects refuse them."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{broken"}}
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]
    assert sent(ask(messages=messages))["messages"] == messages


def test_thoughts_in_the_history_come_back_with_their_signer() -> None:
    """`reasoning_details` and a call's signature are opened: what we sealed names its dialect, the rest is this dialect's."""
    details = [
        {"type": "reasoning.text", "text": "a", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": sealed("anthropic", "sig"), "index": 0},
        {"type": "reasoning.encrypted", "data": "own", "index": 1},
    ]
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": sealed("gemini", "g")}},
    }
    turn = {"role": "assistant", "content": "", "reasoning_content": "ab", "reasoning_details": details, "tool_calls": [call]}
    parts = ask(messages=[turn]).messages[0].parts
    assert parts == (
        Reasoning("ab", "sig", signer="anthropic"),
        Reasoning(redacted="own", signer="openai"),
        Called("c", "f", "{}", "g", "gemini"),
    )
    plain = ask(messages=[{"role": "assistant", "content": "x", "reasoning": "why"}]).messages[0].parts
    assert plain == (Reasoning("why"), Text("x"))


def test_seals_never_reach_a_provider() -> None:
    """In the same dialect our seals are opened for whose they are, and another model's thoughts are left out and reported.

    OpenAI itself takes no thoughts back, whoever signed them.
    """
    own = {"type": "reasoning.text", "text": "a", "signature": sealed("openai", "mine")}
    other = {"type": "reasoning.text", "text": "b", "signature": sealed("anthropic", "theirs")}
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": sealed("gemini", "g")}},
    }
    turns = [
        {"role": "assistant", "content": "x", "reasoning_content": "a", "reasoning_details": [own]},
        {"role": "assistant", "content": "y", "reasoning_content": "b", "reasoning_details": [other], "tool_calls": [call]},
    ]
    request = ask(messages=[*turns, USER])
    assert sent(request)["messages"][0] == {"role": "assistant", "content": "x"}
    first, second, _ = sent(request, LLAMA)["messages"]
    assert first == {**turns[0], "reasoning_details": [{**own, "signature": "mine"}]}
    assert second == {
        "role": "assistant",
        "content": "y",
        "tool_calls": [{k: v for k, v in call.items() if k != "extra_content"}],
    }
    assert dropped(request) == ("thinking",)
    assert dropped(ask(messages=[turns[0], USER])) == ("thinking",)
    assert dropped(ask(messages=[turns[0], USER]), LLAMA) == ()


def test_a_text_that_looks_like_a_seal_changes_nothing() -> None:
    """Only signatures are opened, never what somebody wrote."""
    messages = [{"role": "user", "content": "lr1.openai.x"}, {"role": "assistant", "content": "lr1.anthropic.y"}]
    assert sent(ask(messages=messages))["messages"] == messages


def conversation(*messages: Message, **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=messages, original=Original("anthropic", {}), **wishes)


def test_images_of_a_tool_go_into_the_user_message_that_follows() -> None:
    """Tool messages take text only, so the image waits until all results are told, and says whose it is."""
    image = Media("image", "image/png", PNG)
    body = sent(
        conversation(
            Message("user", (Text("look"),)),
            Message("assistant", (Called("a", "shot", "{}"), Called("b", "time", "{}"))),
            Message("tool", (Result("a", (Text("done"), image)), Result("b", (Text("no"),), failed=True))),
            Message("user", (Text("and?"),)),
        )
    )
    _, _, first, second, last = body["messages"]
    assert first == {"role": "tool", "tool_call_id": "a", "content": [
        {"type": "text", "text": "done"}, {"type": "text", "text": "(see the next user message)"}]}  # fmt: skip
    assert second["content"][0]["text"] == "Error:" and second["content"][1]["text"] == "no"
    assert [part["type"] for part in last["content"]] == ["text", "image_url", "text"]


def test_call_ids_beyond_the_limit_are_mapped_with_their_results() -> None:
    """An id longer than 40 characters gets a short one, the same for its result; the others stay."""
    long = "x" * 64
    calls = Message("assistant", (Called(long, "f", "{}"), Called("short", "f", "{}")))
    body = sent(conversation(calls, Message("tool", (Result(long, (Text("1"),)), Result("short", (Text("2"),))))))
    first, second = body["messages"][0]["tool_calls"]
    assert len(first["id"]) <= 40 and second["id"] == "short"
    assert [message["tool_call_id"] for message in body["messages"][1:]] == [first["id"], "short"]


def test_thoughts_go_only_to_the_model_that_had_them() -> None:
    """A foreign thought is left out and reported, its call goes on unsigned; a thought of this dialect keeps its proof."""
    foreign = conversation(Message("assistant", (Reasoning("t", "s", signer="anthropic"), Called("a", "f", "{}", "g", "gemini"))))
    body = sent(foreign)
    assert "reasoning_content" not in body["messages"][0] and "extra_content" not in body["messages"][0]["tool_calls"][0]
    assert dropped(foreign) == ("thinking",)
    own = conversation(Message("assistant", (Reasoning("t", "s", signer="openai"), Text("x"))), Message("user", (Text("y"),)))
    assert sent(own, LLAMA)["messages"][0]["reasoning_details"][0]["signature"] == "s"
    assert dropped(own, LLAMA) == ()


def test_markers_become_breakpoints_at_openai_and_are_reported_elsewhere() -> None:
    """Parts and results are marked; a tool has no place for a marker; other hosts are not told."""
    request = conversation(
        Message("system", (Text("s", marker="1h"),)),
        Message("user", (Text("u", marker="5m"),)),
        tools=(Tool("f"),),
    )
    body = sent(request)
    assert body["messages"][0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit", "ttl": "12h"}
    assert body["messages"][1]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert dropped(request) == ()
    assert sent(request, LLAMA, provider="llama")["messages"][0] == {"role": "system", "content": "s"}
    assert dropped(request, LLAMA, provider="llama") == ("cache_control",)
    assert dropped(conversation(Message("user", (Text("u"),)), tools=(Tool("f", marker="5m"),))) == ("cache_control",)


@pytest.mark.parametrize(
    ("thinking", "facts", "sent_word", "report"),
    [
        (Thinking("low"), {}, "low", ()),
        (Thinking("max"), {"efforts": ("low", "medium", "high")}, "high", ("reasoning_effort",)),
        (Thinking(budget=1024), {}, "low", ("thinking",)),
        (Thinking(budget=5000), {}, "medium", ("thinking",)),
        (Thinking(budget=60000), {}, "high", ("thinking",)),
        (Thinking("low", 60000), {}, "low", ("thinking",)),
        (Thinking(budget=0), {}, "none", ()),
        (Thinking(), {}, None, ()),
        (Thinking("high"), {"capabilities": frozenset({"sampling"})}, None, ("reasoning_effort",)),
        (Thinking("none"), {"capabilities": frozenset({"sampling"})}, None, ()),
        (Thinking("high"), {"capabilities": frozenset(), "known": False}, "high", ()),
    ],
)
def test_a_wish_to_think_becomes_the_nearest_effort(
    thinking: Thinking, facts: dict[str, Any], sent_word: str | None, report: tuple[str, ...]
) -> None:
    """Budgets become efforts, which are no budgets, words the model's own; what is changed or left out is reported."""
    request = conversation(Message("user", (Text("x"),)), thinking=thinking)
    assert sent(request, **facts).get("reasoning_effort") == sent_word
    assert dropped(request, **facts) == report
    if thinking.effort is not None and thinking.budget is None:
        own = ask(reasoning_effort=thinking.effort)
        assert sent(own, **facts).get("reasoning_effort") == sent_word
        assert dropped(own, **facts) == report


def test_sampling_is_left_out_only_where_it_is_known_to_be_refused() -> None:
    """All sampling fields go and are reported, null ones silently; a model nobody knows gets everything."""
    request = ask(temperature=0, top_p=None, presence_penalty=1, logit_bias={"1": 1})
    assert dropped(request, capabilities=frozenset()) == ("logit_bias", "presence_penalty", "temperature")
    assert not {"temperature", "top_p", "logit_bias"} & set(sent(request, capabilities=frozenset()))
    assert dropped(request, capabilities=frozenset(), known=False) == ()
    assert sent(request, capabilities=frozenset(), known=False)["temperature"] == 0


def test_the_output_limit_goes_under_the_models_own_name() -> None:
    """The catalogue's name wins in both directions; without one OpenAI's models that think get the newer one, all others what came."""
    assert sent(ask(max_tokens=5), max_tokens_field="max_completion_tokens")["max_completion_tokens"] == 5
    assert "max_tokens" not in sent(ask(max_tokens=5), max_tokens_field="max_completion_tokens")
    assert sent(ask(max_tokens=5))["max_completion_tokens"] == 5
    assert sent(ask(max_tokens=5), capabilities=frozenset())["max_tokens"] == 5
    assert sent(ask(max_tokens=5), LLAMA)["max_tokens"] == 5
    assert sent(conversation(Message("user", (Text("x"),)), max_tokens=5), max_tokens_field="max_tokens")["max_tokens"] == 5


def test_what_has_no_place_is_reported_by_name() -> None:
    """Unknown fields of the caller, top_k at OpenAI, a fifth stop sequence, metadata: named, the rest is sent."""
    request = conversation(
        Message("user", (Text("x"),)),
        top_k=5,
        stop=("a", "b", "c", "d", "e"),
        metadata={"a": "b"},
        extra=("container_hint",),
    )
    assert dropped(request) == ("container_hint", "metadata", "stop", "top_k")
    assert sent(request)["stop"] == ["a", "b", "c", "d"]
    assert sent(request, LLAMA)["top_k"] == 5
    assert dropped(request, LLAMA) == ("container_hint", "metadata")


def test_hosts_other_than_openai_get_the_narrowed_tools_themselves() -> None:
    """Allowed tools are OpenAI's word; elsewhere the list is narrowed and the mode is said."""
    request = conversation(
        Message("user", (Text("x"),)), tools=(Tool("a"), Tool("b"), Tool("c")), tool_choice=ToolChoice("required", ("a", "b"))
    )
    assert sent(request)["tool_choice"]["allowed_tools"]["mode"] == "required"
    body = sent(request, LLAMA)
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (["a", "b"], "required")


def test_media_that_the_dialect_cannot_say_is_refused() -> None:
    """A sound by URL, a sound of an odd kind, a file by URL: a 400, never a silent loss."""
    for media in (
        Media("audio", url="https://example.com/a.wav"),
        Media("audio", "audio/ogg", "AAAA"),
        Media("file", url="https://example.com/a.pdf"),
    ):
        with pytest.raises(UnsupportedFeature):
            WIRE.encode(conversation(Message("user", (media,))), target(), False)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
PARTS = st.one_of(
    st.builds(Text, WORDS, st.sampled_from(["", "5m", "1h"])),
    st.builds(lambda detail: Media("image", "image/png", PNG, detail=detail), st.sampled_from(["", "low"])),
)
USERS = st.builds(lambda parts: [Message("user", tuple(parts))], st.lists(PARTS, min_size=1, max_size=3))
LOOPS = st.builds(
    lambda text, name, result: [
        Message("assistant", (*([Text(text)] if text else []), Called("call_a", name, "{}"))),
        Message("tool", (Result("call_a", (Text(result),)),)),
    ],
    st.one_of(st.just(""), WORDS),
    WORDS,
    WORDS,
)


@settings(max_examples=40)
@given(st.lists(st.one_of(USERS, LOOPS), min_size=1, max_size=4))
def test_a_conversation_written_and_read_again_is_the_same(turns: list[list[Message]]) -> None:
    """Values to body to values: nothing of a conversation is lost or moved (ids of a repeated call apart)."""
    messages = tuple([message for turn in turns for message in turn])
    body = WIRE.encode(ChatRequest(messages=messages), target(), False).body
    again = FACE.parse(body).messages
    assert [_without_ids(message) for message in again] == [_without_ids(message) for message in messages]


def _without_ids(message: Message) -> Message:
    parts = []
    for part in message.parts:
        if isinstance(part, Called):
            parts.append(msgspec.structs.replace(part, id=""))
        elif isinstance(part, Result):
            parts.append(msgspec.structs.replace(part, call_id=""))
        else:
            parts.append(part)
    return Message(message.role, tuple(parts), message.name)


LONG = "chatcmpl-tool-" + "a" * 32


def test_ids_too_long_for_openai_are_shortened_in_its_own_dialect_too() -> None:
    """A history that vLLM made goes on at OpenAI; other hosts get it as it is."""
    call = {"id": LONG, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [USER, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": LONG, "content": "1"}]
    request = ask(messages=history)
    sent = json.loads(WIRE.encode(request, target(), False).body)["messages"]
    shortened = sent[1]["tool_calls"][0]["id"]
    assert len(shortened) <= 40
    assert sent[2]["tool_call_id"] == shortened
    assert json.loads(LLAMA.encode(request, target(), False).body)["messages"] == history


def test_what_openais_two_apis_share_goes_over() -> None:
    """A Responses body's prompt cache key is no loss at a host of chat's dialect; a field of chance is."""
    original = Original("responses", {"prompt_cache_key": msgspec.Raw(b'"k"'), "odd": msgspec.Raw(b"1")})
    request = ChatRequest(
        messages=(Message("user", (Text("hi"),)),), extra=("prompt_cache_key", "odd"), verbosity="low", original=original
    )
    call = WIRE.encode(request, target(), False)
    sent = json.loads(call.body)
    assert (sent["prompt_cache_key"], sent["verbosity"], call.dropped) == ("k", "low", ("odd",))


def test_breakpoints_go_only_to_models_that_know_them() -> None:
    """The SDK names gpt-5.6 and later; an older model would refuse the field."""
    request = ChatRequest(messages=(Message("user", (Text("hi", marker="5m"),)),))
    older = WIRE.encode(request, target(capabilities=ABLE - {"reasoning"}), False)
    assert b"prompt_cache_breakpoint" not in older.body
    assert older.dropped == ("cache_control",)


@pytest.mark.parametrize("wire", [WIRE, LLAMA])
def test_stop_sequences_go_to_models_that_take_them(wire: Any) -> None:
    """OpenAI's own models that always think refuse them, in whatever dialect they were wished; nobody else does."""
    for request in (ask(stop=["END"]), conversation(Message("user", (Text("x"),)), stop=("END",))):
        for skills, refused in (({"reasoning"}, wire is WIRE), ({"reasoning", "sampling"}, False), ({"sampling"}, False)):
            facts = {"capabilities": frozenset(skills)}
            assert ("stop" in sent(request, wire, **facts)) is not refused
            assert dropped(request, wire, **facts) == (("stop",) if refused else ())
        assert sent(request, wire, capabilities=frozenset({"reasoning"}), known=False)["stop"]


@pytest.mark.parametrize(
    ("skills", "wire", "report"),
    [
        ({"reasoning"}, WIRE, ("thinking",)),
        ({"reasoning"}, LLAMA, ()),
        (set(), LLAMA, ("thinking",)),
    ],
)
def test_thoughts_that_nobody_will_tell_are_named(skills: set[str], wire: Any, report: tuple[str, ...]) -> None:
    """OpenAI tells no thoughts; hosts of open models tell those that there are."""
    request = conversation(Message("user", (Text("x"),)), thinking=Thinking(shown=True))
    assert dropped(request, wire, capabilities=frozenset(skills)) == report


def test_a_breakpoint_at_the_end_of_the_prompt_stands_on_its_last_part() -> None:
    """Anthropic's callers set one for the whole prompt; models that know breakpoints get it, for others it is named."""
    request = conversation(Message("system", (Text("s"),)), Message("user", (Text("x"),)), marker="1h")
    facts = {"capabilities": frozenset({"reasoning"})}
    assert sent(request, **facts)["messages"] == [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}],
        },
    ]
    assert dropped(request, **facts) == ()
    assert dropped(request, capabilities=frozenset({"sampling"})) == ("cache_control",)


def test_the_beginning_of_an_answer_is_not_gone_on_with() -> None:
    """It is a turn like others here: callers of dialects that go on from it are told, OpenAI's own know."""
    turns = (Message("user", (Text("x"),)), Message("assistant", (Text("Once"),)))
    assert dropped(conversation(*turns)) == ("prefill",)
    assert sent(conversation(*turns))["messages"][-1] == {"role": "assistant", "content": "Once"}
    assert dropped(FACE.parse(json.dumps({"model": "m", "messages": [{"role": "assistant", "content": "Once"}]}).encode())) == ()


def test_a_stop_sequence_too_many_is_left_out_of_an_own_body_too() -> None:
    """OpenAI refuses more than four; other hosts of its dialect get what their caller wrote."""
    request = ask(stop=["a", "b", "c", "d", "e"])
    assert (sent(request)["stop"], dropped(request)) == (["a", "b", "c", "d"], ("stop",))
    assert (sent(request, LLAMA)["stop"], dropped(request, LLAMA)) == (["a", "b", "c", "d", "e"], ())


@pytest.mark.parametrize(("told", "read"), [(5, 5), (1, 1), (0, None), (True, None), (False, None), (99, 20)])
def test_probabilities_may_be_asked_for_by_number(told: Any, read: int | None) -> None:
    """As Together's callers do; the number is how many likely tokens are wished in each place."""
    request = ask(logprobs=told)
    assert (request.logprobs, request.top_logprobs) == (bool(told), read)
    assert ask(logprobs=True, top_logprobs=3).top_logprobs == 3
