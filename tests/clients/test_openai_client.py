"""OpenAI's dialect: nothing of the caller's is lost, every answer is read, every lie is caught. The SDK's types judge."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.llama_client import WIRE as LLAMA
from app.clients.openai_client import FACE, WIRE
from app.domain.answer import Completion, Delta, FinishReason, ToolCall, Usage
from app.domain.request import ChatRequest, Message, Text
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    CallerError,
    ContentFiltered,
    ContextTooLong,
    OurBug,
    ProviderAuth,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    RouterError,
    TruncatedAnswer,
    UnexpectedRedirect,
)

SAID = Path(__file__).parent / "said" / "openai"
SAMPLING = frozenset({"sampling", "streaming"})


def target(**changes: Any) -> Target:
    facts = {
        "name": "row",
        "provider": "openai",
        "model_id": "gpt-4o-mini",
        "dialect": "openai",
        "wire": "openai",
        "base_url": "https://api.openai.com/v1",
        "key_env": ("OPENAI_API_KEY",),
        "capabilities": SAMPLING,
    }
    return Target(**{**facts, **changes})


def ask(**fields: Any) -> ChatRequest:
    return FACE.parse(json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}).encode())


def sent(request: ChatRequest, stream: bool = False, **changes: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), stream).body)
    return decoded


def test_the_callers_own_fields_travel_untouched() -> None:
    """Unknown fields, tools and odd values go upstream as they came; only model and router fields change."""
    fields = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "api_key": 1}}}],
        "brand_new_field": {"deep": [1, None, "x"]},
        "temperature": 0.25,
        "metadata": {"api_key": "data, not a wish"},
    }
    body = sent(ask(router={"mode": "fast"}, **fields))
    assert body == {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], **fields}


def test_a_stream_is_always_asked_for_its_usage() -> None:
    """The usage chunk is forced beside whatever stream options the caller set."""
    assert sent(ask(stream=True), stream=True)["stream_options"] == {"include_usage": True}
    options = sent(ask(stream=True, stream_options={"include_obfuscation": False}), stream=True)["stream_options"]
    assert options == {"include_obfuscation": False, "include_usage": True}
    assert "stream_options" not in sent(ask(stream=False, stream_options={"include_usage": True}))


def test_sampling_is_dropped_and_reported_where_the_model_refuses_it() -> None:
    """A model without the sampling capability gets no temperature, and the drop has a name."""
    call = WIRE.encode(ask(temperature=0, top_p=0.5), target(capabilities=frozenset()), False)
    assert call.dropped == ("temperature", "top_p")
    assert not {"temperature", "top_p"} & set(json.loads(call.body))


def test_openai_and_llama_hosts_know_the_output_limit_by_different_names() -> None:
    """A request of another face gets the limit under the name that each host understands."""
    request = ChatRequest(messages=(Message("user", (Text("hi"),)),), max_tokens=7, json_mode=True, stop=("x",), seed=1)
    openai = json.loads(WIRE.encode(request, target(), False).body)
    llama = json.loads(LLAMA.encode(request, target(), False).body)
    assert openai["max_completion_tokens"] == 7
    assert llama["max_tokens"] == 7
    assert openai["response_format"] == {"type": "json_object"}
    assert (openai["stop"], openai["seed"]) == (["x"], 1)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "x"}, "messages"),
        ({"model": "x", "messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": 1, "messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": "x", "messages": [{"role": "bot", "content": "x"}]}, "messages[0].role"),
        ({"model": "x", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "x", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"model": "x", "messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}, "max_tokens"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "max_tokens": 10**18}, "max_tokens"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "n": True}, "n"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}, "stream"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "router": {"mode": "slow"}}, "router.mode"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "router": {"moode": "fast"}}, "router.moode"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "base_url": "http://x"}, "base_url"),
        ({"model": "x", "messages": [{"role": "user", "content": "x"}], "a": [{"extra_headers": {}}]}, "extra_headers"),
        ({"model": "x", "prompt": "hi"}, "prompt"),
        ({"model": "x", "input": "hi"}, "input"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_to_change(body: dict[str, Any], param: str) -> None:
    """Every fault is a 400 that names its field; no value of the body is repeated."""
    with pytest.raises(CallerError) as caught:
        FACE.parse(json.dumps(body).encode())
    assert caught.value.status == 400
    assert caught.value.param == param


def test_an_escaped_host_field_is_found_too() -> None:
    """Spelling `api_key` with a unicode escape does not smuggle it through."""
    with pytest.raises(CallerError):
        FACE.parse(b'{"model":"x","messages":[{"role":"user","content":"x"}],"a":{"api\\u005fkey":"k"}}')


def test_what_only_this_dialect_carries_is_named() -> None:
    """Tools, images, schemas and unknown fields bind the request to hosts of the same dialect, with the needs they imply."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    request = ask(messages=[{"role": "user", "content": [{"type": "text", "text": "what?"}, image]}], logit_bias={"1": 2})
    assert request.needs == {"vision"}
    assert set(request.native) == {"messages[0].content[1]", "logit_bias"}
    assert ask(tools=[]).needs == {"tools"}
    assert ask(response_format={"type": "json_schema", "json_schema": {}}).needs == {"json_schema"}
    assert ask(seed=1, temperature=0, user="u", n=1, logit_bias=None).native == ()


def test_a_whole_answer_is_read_and_kept_as_it_came() -> None:
    """Text, finish, ids and all three token kinds; the body itself stays beside them."""
    body = (SAID / "whole.json").read_bytes()
    said = WIRE.decode(body)
    assert said.text == "Qubits hold many states at once."
    assert said.usage == Usage(input_tokens=14, output_tokens=8, cached_tokens=4, reasoning_tokens=3)
    assert (said.finish_reason, said.model_id, said.raw) == ("stop", "gpt-4o-mini-2024-07-18", body)


def test_tool_calls_make_the_finish_reason_whatever_the_host_says() -> None:
    """A host that says `stop` beside tool calls is corrected, whole and streamed alike."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    streamed = Completion.folded(read([(SAID / "tools.sse").read_bytes()]))
    calls = (ToolCall("call_1", "weather", '{"city":"Oslo"}'), ToolCall("call_2", "time", "{}"))
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    assert whole.tool_calls == streamed.tool_calls == calls


def read(pieces: list[bytes]) -> list[Delta]:
    reader = WIRE.reader()
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    return deltas + reader.close()


@pytest.mark.parametrize("name", ["stream.sse", "tools.sse", "azure-first-chunk.sse"])
def test_a_stream_reads_the_same_at_every_split(name: str) -> None:
    """Cut after any byte, the deltas are those of the unsplit stream."""
    body = (SAID / name).read_bytes()
    whole = read([body])
    for cut in range(len(body)):
        assert read([body[:cut], body[cut:]]) == whole


def test_a_stream_without_its_terminator_is_no_answer() -> None:
    """Cut anywhere before `[DONE]`, closing raises; what follows `[DONE]` is not read."""
    body = (SAID / "stream.sse").read_bytes()
    end = body.index(b"data: [DONE]")
    for cut in range(0, end, 7):
        reader = WIRE.reader()
        reader.feed(body[:cut])
        with pytest.raises(TruncatedAnswer):
            reader.close()
    assert read([body + b"data: {broken\n\n"]) == read([body])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", BadAnswer),
        (b"<html>busy</html>", BadAnswer),
        (b'{"choices": [{"index": 0, "mess', BadAnswer),
        (b'{"choices": []}', BadAnswer),
        (b'{"choices": [{"index": 0}]}', BadAnswer),
        (b'{"choices": "none"}', BadAnswer),
        (b'{"error": {"message": "slow down", "type": "rate_limit_error", "code": null}}', ProviderRateLimited),
        (b'{"error": {"message": "busy", "code": 503}}', ProviderOverloaded),
        (b'{"error": "it broke"}', RouterError),
    ],
)
def test_a_200_that_is_no_answer_is_a_failure(body: bytes, kind: type[RouterError]) -> None:
    """HTML, truncated JSON, an error object: never a success."""
    with pytest.raises(kind):
        WIRE.decode(body)


@pytest.mark.parametrize("count", [-1, 1.5, "9", True, 2**31, 1e300])
def test_absurd_usage_is_not_booked(count: object) -> None:
    """A count that cannot be makes the usage unknown, so that it is estimated instead of billed."""
    body = json.loads((SAID / "whole.json").read_bytes())
    body["usage"]["completion_tokens"] = count
    assert WIRE.decode(json.dumps(body).encode()).usage is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}, ContextTooLong),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens", "code": None}}, ContextTooLong),
        (400, {"error": {"message": "no", "type": "exceed_context_size_error", "code": 400}}, ContextTooLong),
        (400, {"error": {"message": "policy", "code": "content_policy_violation"}}, ContentFiltered),
        (400, {"error": {"message": "bad temperature"}}, ProviderRejected),
        (401, {"error": {"message": "Incorrect API key sk-abcdefghijklmnopqrst"}}, ProviderAuth),
        (429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, ProviderRateLimited),
        (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, ProviderQuota),
        (429, {"error": {"message": "pay", "type": "insufficient_quota"}}, ProviderQuota),
        (503, {"object": "error", "message": "busy", "code": 503}, ProviderOverloaded),
        (307, None, UnexpectedRedirect),
    ],
)
def test_each_failure_gets_its_meaning(status: int, body: object, kind: type[RouterError]) -> None:
    """Status and code word decide; no credential of the provider's text is repeated."""
    fault = WIRE.fault(status, {"retry-after": "7"}, json.dumps(body).encode() if body else b"<html>")
    assert type(fault) is kind
    assert "sk-abc" not in fault.message
    if kind is ProviderRateLimited:
        assert fault.retry_after == 7


COMPLETIONS = st.builds(
    Completion,
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    reasoning=st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    tool_calls=st.lists(st.builds(ToolCall, st.just("call_1"), st.just("f"), st.just("{}")), max_size=2).map(tuple),
    finish_reason=st.sampled_from(["stop", "length", "content_filter"]),
    usage=st.builds(Usage, input_tokens=st.integers(0, 9999), output_tokens=st.integers(0, 9999)),
    model_id=st.just("m"),
    response_id=st.just("chatcmpl-r"),
)


@given(COMPLETIONS)
def test_face_and_wire_are_inverses(said: Completion) -> None:
    """What the face writes the wire reads back, whole and streamed."""
    reason: FinishReason | None = "tool_calls" if said.tool_calls and said.finish_reason == "stop" else said.finish_reason
    said = msgspec.structs.replace(said, finish_reason=reason)
    request = ChatRequest(messages=(), include_usage=True)
    whole = WIRE.decode(FACE.render(said, request, "id", 1))
    assert msgspec.structs.replace(whole, raw=b"") == said
    writer = FACE.writer(request, "r", 1, "m")
    stream = b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish("a comment")
    folded = Completion.folded(read([stream]))
    assert folded == said


@given(st.integers(0, 2000), st.binary(max_size=4))
def test_a_damaged_answer_is_an_error_or_an_answer_never_a_crash(place: int, junk: bytes) -> None:
    """Bytes replaced anywhere give a Completion or a RouterError."""
    for name in ("whole.json", "tools.json"):
        body = bytearray((SAID / name).read_bytes())
        body[place % len(body) : place % len(body) + len(junk)] = junk
        try:
            WIRE.decode(bytes(body))
        except RouterError:
            continue


def test_the_sdk_reads_what_we_render() -> None:
    """Whole answers, chunks and errors validate with the official SDK's own types."""
    from openai.types.chat import ChatCompletion, ChatCompletionChunk  # noqa: PLC0415 - a second of import that one test needs

    said = Completion(text="hi", finish_reason="stop", usage=Usage(3, 4, 1, 0, 2), tool_calls=(ToolCall("c", "f", "{}"),))
    request = ChatRequest(messages=(), include_usage=True)
    ChatCompletion.model_validate_json(FACE.render(said, request, "id", 1), strict=True)
    writer = FACE.writer(request, "id", 1, "gpt")
    for delta in said.unfolded():
        event = writer.write(delta)
        if event:
            ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: ").strip(), strict=True)
    error = json.loads(FACE.complain(OurBug("x"), "req"))["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id"}
