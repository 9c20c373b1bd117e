"""OpenAI's dialect: nothing of the caller's is lost, every answer is read, every lie is caught. The SDK's types judge."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clients.common.seal import sealed
from app.clients.llama_client import WIRE as LLAMA
from app.clients.openai_client import FACE, WIRE
from app.domain.answer import Completion, Delta, Fold, Thought, TokenLogprob, ToolCall, Usage
from app.domain.request import ChatRequest, Format, Message, Original, Text
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


def test_openai_and_llama_hosts_know_the_output_limit_by_different_names() -> None:
    """A request of another face gets the limit under the name that each host understands."""
    request = ChatRequest(
        messages=(Message("user", (Text("hi"),)),), max_tokens=7, format=Format("json_object"), stop=("x",), seed=1
    )
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


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    body = {"id": "chatcmpl-r", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices)}
    return b"data: " + json.dumps({**body, **fields}).encode() + b"\n\n"


def piece(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


def call(arguments: str = "", name: str | None = None, **fields: Any) -> dict[str, Any]:
    return {**fields, "function": {"arguments": arguments, **({"name": name} if name else {})}}


DONE = b"data: [DONE]\n\n"


def told(*chunks: bytes) -> Completion:
    return Completion.folded(read([*chunks, DONE]))


def test_a_hosts_thoughts_are_read_with_their_proofs_sealed() -> None:
    """Text told twice counts once; a signature ends its thought, an encrypted thought stands alone, both marked as this dialect's."""
    said = told((SAID / "openrouter-thinking.sse").read_bytes().removesuffix(DONE))
    assert said.thoughts == (Thought("Let me think.", sealed("openai", "c2ln")), Thought(redacted=sealed("openai", "aGlkZGVu")))
    assert (said.text, said.finish_reason, said.usage) == ("Yes.", "stop", Usage(11, 9))
    for name in ("reasoning", "reasoning_content"):
        assert told(chunk(piece(**{name: "a"})), chunk(piece(**{name: "b"})), chunk(piece(content="c"))).reasoning == "ab"


def test_usage_is_found_wherever_a_host_puts_it() -> None:
    """In Groq's own object, in the choice, before the end, in an extra chunk, beside the finish."""
    assert Completion.folded(read([(SAID / "groq.sse").read_bytes()])).usage == Usage(5, 2)
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    text, end = chunk(piece(content="x")), chunk(piece(finish="stop"))
    for chunks in (
        [chunk(piece(content="x"), usage=usage), end],
        [text, chunk(piece(finish="stop"), usage=usage)],
        [text, end, chunk(usage=usage)],
        [text, chunk({**piece(finish="stop"), "usage": usage})],
        [text, chunk(usage=usage), end],
    ):
        assert told(*chunks).usage == Usage(3, 4)


def test_usage_knows_the_hosts_own_counts() -> None:
    """Cached tokens under DeepSeek's name; reasoning that the total shows to be counted apart, as xAI does."""
    body = json.loads((SAID / "whole.json").read_bytes())
    body["usage"] = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 8}
    assert WIRE.decode(json.dumps(body).encode()).usage == Usage(10, 2, cached_tokens=8)
    body["usage"] = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 17}
    body["usage"]["completion_tokens_details"] = {"reasoning_tokens": 5}
    assert WIRE.decode(json.dumps(body).encode()).usage == Usage(10, 7, reasoning_tokens=5)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([[call("{}", "a", index=0, id="1"), call("[]", "b", index=1, id="2")]], id="two in one chunk"),
        pytest.param([[call("", "a", index=3, id="1")], [call("{}", index=3)], [call("[]", "b", index=9, id="2")]], id="gaps"),
        pytest.param([[call("{}", "a", id="1")], [call("[]", "b", id="2")]], id="no index"),
        pytest.param([[call("{}", "a", index=0, id="1")], [call("[]", "b", index=0, id="2")]], id="one index for all"),
        pytest.param([[call("", "a", id="1")], [call("{")], [call("}")], [call("[]", "b", id="2")]], id="no index, in pieces"),
        pytest.param(
            [[call("{", "a", index=0, id="1")], [call("}", "a", index=0, id="1")], [call("[]", "b", index=1, id="2")]],
            id="repeated",
        ),
    ],
)
def test_tool_calls_are_told_apart_however_a_host_numbers_them(chunks: list[list[dict[str, Any]]]) -> None:
    """Numbers are 0, 1... in order of appearance, each id and name is told once, and the finish follows from the calls."""
    events = [chunk(piece(tool_calls=calls)) for calls in chunks]
    deltas = read([*events, chunk(piece(finish="stop")), DONE])
    said = Completion.folded(deltas)
    assert said.tool_calls == (ToolCall("1", "a", "{}"), ToolCall("2", "b", "[]"))
    assert said.finish_reason == "tool_calls"
    assert [delta.tool_id for delta in deltas if delta.tool_id] == ["1", "2"]
    single = read([event[i : i + 1] for event in [*events, DONE] for i in range(len(event))])
    assert [delta.tool_index for delta in single if delta.tool_index >= 0][-1] == 1


def test_a_call_without_an_id_gets_one_that_stays() -> None:
    """A missing or empty id is minted from the answer and the call's place, whole and streamed, the same every time."""
    body = (SAID / "gemini-calls.sse").read_bytes()
    first, second = Completion.folded(read([body])).tool_calls
    assert first.id.startswith("call_") and second.id.startswith("call_") and first.id != second.id
    assert (first.name, first.signature, second.arguments) == ("weather", sealed("openai", "c2ln"), "{}")
    assert Completion.folded(read([body])).tool_calls == (first, second)
    message = {"role": "assistant", "content": None, "tool_calls": [call("{}", "f")]}
    (whole,) = WIRE.decode(json.dumps({"id": "x", "choices": [{"message": message}]}).encode()).tool_calls
    assert whole.id.startswith("call_")


def test_arguments_that_are_an_object_are_told_as_text() -> None:
    """Some hosts give the object itself; a free-form call's input stands for its arguments."""
    message = {"content": "", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]}
    assert WIRE.decode(json.dumps({"choices": [{"message": message}]}).encode()).tool_calls == (ToolCall("1", "f", '{"a":1}'),)
    message = {"content": "", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "sql", "input": "select"}}]}
    assert WIRE.decode(json.dumps({"choices": [{"message": message}]}).encode()).tool_calls == (ToolCall("1", "sql", "select"),)


def test_the_older_function_call_is_a_tool_call() -> None:
    """Whole and in pieces."""
    said = told(
        chunk(piece(function_call={"name": "f", "arguments": ""})),
        chunk(piece(function_call={"arguments": "{}"})),
        chunk(piece(finish="function_call")),
    )
    (streamed,) = said.tool_calls
    assert (streamed.name, streamed.arguments, said.finish_reason) == ("f", "{}", "tool_calls")
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    whole = WIRE.decode(json.dumps({"choices": [{"message": message, "finish_reason": "function_call"}]}).encode())
    assert (whole.tool_calls[0].name, whole.finish_reason) == ("f", "tool_calls")


def test_calls_without_any_finish_reason_are_calls_all_the_same() -> None:
    """A host that never says why it finished: whole, streamed, in each of several answers. Text alone stays without a reason."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    streamed = told(chunk(piece(tool_calls=[call])), chunk(piece(1, content="x")), chunk(piece(2, tool_calls=[call])))
    assert (streamed.finish_reason, [other.finish_reason for other in streamed.others]) == ("tool_calls", [None, "tool_calls"])
    whole = WIRE.decode(json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}).encode())
    assert whole.finish_reason == "tool_calls"
    assert told(chunk(piece(content="x"))).finish_reason is None


def test_a_finish_reason_without_calls_is_no_call() -> None:
    """What was streamed decides: a host that says `tool_calls` and made none has simply stopped."""
    assert told(chunk(piece(content="x")), chunk(piece(finish="tool_calls"))).finish_reason == "stop"
    assert told(chunk(piece(content="x")), chunk(piece(finish="length"))).finish_reason == "length"


def test_several_answers_come_apart() -> None:
    """With `n`, each answer has its own text, calls and finish, whole and streamed, in any order."""
    said = told(
        chunk(piece(1, content="b")),
        chunk(piece(0, content="a"), piece(2, tool_calls=[call("{}", "f", index=0, id="1")])),
        chunk(piece(1, finish="length"), piece(0, finish="stop"), piece(2, finish="stop")),
    )
    assert (said.text, said.finish_reason) == ("a", "stop")
    assert [(other.text, other.finish_reason) for other in said.others] == [("b", "length"), ("", "tool_calls")]
    choices = [{"index": i, "message": {"content": text}, "finish_reason": "stop"} for i, text in ((1, "b"), (0, "a"))]
    whole = WIRE.decode(json.dumps({"choices": choices}).encode())
    assert (whole.text, [other.text for other in whole.others]) == ("a", ["b"])


def test_logprobs_are_read_in_both_shapes() -> None:
    """OpenAI's list of tokens with their rivals, Together's two parallel lists; what is neither is absent."""
    rival = {"token": "no", "logprob": -2, "bytes": None}
    content = {"content": [{"token": "yes", "logprob": -0.5, "bytes": [1], "top_logprobs": [rival]}], "refusal": None}
    token = TokenLogprob("yes", -0.5, (("no", -2.0),))
    assert told(chunk({**piece(content="yes"), "logprobs": content})).logprobs == (token,)
    together = {"tokens": ["yes"], "token_logprobs": [-0.5], "token_ids": [7]}
    assert told(chunk({**piece(content="yes"), "logprobs": together})).logprobs == (TokenLogprob("yes", -0.5),)
    for odd in (5, [], {"content": [1, {"token": 1}]}, {"tokens": ["a"], "token_logprobs": [None]}):
        assert told(chunk({**piece(content="yes"), "logprobs": odd})).logprobs == ()


@pytest.mark.parametrize(
    "event",
    [
        chunk(error={"message": "busy", "code": 503}),
        chunk({**piece(), "error": {"message": "busy", "code": 503}}),
        chunk(x_groq={"id": "r", "error": {"message": "busy", "code": "503"}}),
        b'data: {"error": {"message": "busy", "type": "overloaded_error"}}\n\n',
        b'event: error\ndata: {"message": "busy", "code": 503}\n\n',
        b'data: {"object": "error", "message": "busy", "code": 503}\n\n',
    ],
)
def test_an_error_is_found_wherever_it_stands(event: bytes) -> None:
    """At the top, in a choice, in Groq's object, as an event of its own: the deltas before it come first, then it is raised."""
    reader = WIRE.reader()
    deltas = reader.feed(chunk(piece(content="x")) + event + DONE)
    assert Completion.folded(deltas).text == "x"
    with pytest.raises(ProviderOverloaded):
        reader.feed(DONE)
    with pytest.raises(ProviderOverloaded):
        reader.close()
    with pytest.raises(RouterError):
        WIRE.reader().feed(event)


def test_every_event_passes_as_it_goes_on_the_wire() -> None:
    """The deltas' `raw` joined are the provider's stream, and a native writer adds nothing but the end."""
    body = (SAID / "tools.sse").read_bytes()
    deltas = read([body])
    events = b"".join(delta.raw for delta in deltas)
    assert events + DONE == body
    writer = FACE.writer(ChatRequest(messages=(), include_usage=True), "id", 1, "m", True)
    assert b"".join(writer.write(delta) for delta in deltas) + writer.finish() == body


def test_a_usage_chunk_nobody_asked_for_is_kept_back() -> None:
    """Only the chunk that holds nothing else; usage beside content passes with it."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    chunks = [chunk(piece(content="x"), usage=usage), chunk(piece(finish="stop"), usage=usage), chunk(usage=usage)]
    writer = FACE.writer(ChatRequest(messages=()), "id", 1, "m", True)
    assert b"".join(writer.write(delta) for delta in read([*chunks, DONE])) == b"".join(chunks[:2])


def test_an_event_of_several_lines_stays_one_event() -> None:
    """A host that breaks its JSON into lines gets each line marked again."""
    body = b'data: {"choices": [{"index": 0,\ndata: "delta": {"content": "x"}}]}\n\n'
    (_, delta) = WIRE.reader().feed(body)
    assert delta.text == "x"
    assert WIRE.reader().feed(body)[0].raw == body


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PROOFS = st.text("abc", min_size=1, max_size=3).map(lambda proof: sealed("anthropic", proof))
THOUGHTS = st.one_of(
    st.builds(Thought, TEXTS.filter(bool)), st.builds(Thought, TEXTS.filter(bool), PROOFS), st.builds(Thought, redacted=PROOFS)
)
CALLS = st.lists(st.builds(ToolCall, st.text("abc", min_size=1), st.just("f"), st.just("{}")), max_size=2)
PROBS = st.builds(TokenLogprob, TEXTS, st.floats(-50, 0), st.just((("x", -1.0),)))
ANSWERS = st.builds(
    Completion,
    text=TEXTS,
    thoughts=st.lists(THOUGHTS, max_size=3).map(tuple),
    refusal=TEXTS,
    tool_calls=CALLS.map(tuple),
    finish_reason=st.sampled_from(["stop", "length", "content_filter"]),
    logprobs=st.lists(PROBS, max_size=2).map(tuple),
)
COMPLETIONS = st.builds(
    lambda first, others, usage: msgspec.structs.replace(
        first, others=tuple(others), usage=usage, model_id="m", response_id="chatcmpl-r"
    ),
    ANSWERS,
    st.lists(ANSWERS, max_size=2),
    st.builds(Usage, input_tokens=st.integers(0, 9999), output_tokens=st.integers(0, 9999)),
)


def as_read(said: Completion) -> Completion:
    """The answer as our own wire gives it back: seals sealed again, the finish as the calls say, thoughts as they fold."""
    fold = Fold()
    for thought in said.thoughts:
        fold.add(Delta(reasoning=thought.text, signature=thought.signature, redacted=thought.redacted))
    return msgspec.structs.replace(
        said,
        thoughts=tuple(
            Thought(thought.text, sealed("openai", thought.signature), sealed("openai", thought.redacted))
            for thought in fold.completion().thoughts
        ),
        finish_reason="tool_calls" if said.tool_calls and said.finish_reason == "stop" else said.finish_reason,
        others=tuple(as_read(other) for other in said.others),
    )


@settings(max_examples=60)
@given(COMPLETIONS)
def test_face_and_wire_are_inverses(said: Completion) -> None:
    """What the face writes the wire reads back, whole and streamed: answers, thoughts with proofs, calls, probabilities."""
    request = ChatRequest(messages=(), include_usage=True)
    whole = WIRE.decode(FACE.render(said, request, "id", 1))
    assert msgspec.structs.replace(whole, raw=b"") == as_read(said)
    writer = FACE.writer(request, "r", 1, "m")
    stream = b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish("a comment")
    assert Completion.folded(read([stream])) == as_read(said)


@given(st.integers(0, 2000), st.binary(max_size=4))
def test_a_damaged_answer_is_an_error_or_an_answer_never_a_crash(place: int, junk: bytes) -> None:
    """Bytes replaced anywhere give a Completion or a RouterError, whole, streamed and as a fault."""
    for path in sorted(SAID.glob("*.*s*")):
        body = bytearray(path.read_bytes())
        body[place % len(body) : place % len(body) + len(junk)] = junk
        with contextlib.suppress(RouterError):
            WIRE.decode(bytes(body)) if path.suffix == ".json" else read([bytes(body)])
        assert isinstance(WIRE.fault(400, {}, bytes(body)), RouterError)


def test_a_stream_is_written_as_the_sdk_expects_it() -> None:
    """The role first, id and name once, then arguments alone; the finish before the usage; the end."""
    writer = FACE.writer(ChatRequest(messages=(), include_usage=True), "id", 1, "gpt")
    deltas = [
        Delta(usage=Usage(5, 0)),
        Delta(tool_index=0, tool_id="c", tool_name="f", signature="s"),
        Delta(tool_index=0, tool_arguments="{}"),
        Delta(finish_reason="tool_calls"),
        Delta(usage=Usage(5, 6)),
    ]
    body = b"".join(writer.write(delta) for delta in deltas) + writer.finish("cost")
    *chunks, end = [event for event in body.decode().split("\n\n") if event.startswith("data: ")]
    said = [json.loads(event[6:]) for event in chunks]
    assert end == "data: [DONE]"
    assert said[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    function = {"name": "f", "arguments": ""}
    signed = {"google": {"thought_signature": "s"}}
    assert said[1]["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "id": "c", "type": "function", "function": function, "extra_content": signed}
    ]
    assert said[2]["choices"][0]["delta"]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]
    assert said[3]["choices"][0]["finish_reason"] == "tool_calls"
    assert (said[4]["choices"], said[4]["usage"]["completion_tokens"]) == ([], 6)
    assert [event["usage"] for event in said[:4]] == [None] * 4


def test_who_speaks_of_functions_gets_a_function_call() -> None:
    """The deprecated request has the deprecated answer, whole and streamed."""
    request = ChatRequest(messages=(), original=Original("openai", {"functions": msgspec.Raw(b"[]")}))
    said = Completion(tool_calls=(ToolCall("c", "f", "{}"),), finish_reason="tool_calls")
    (choice,) = json.loads(FACE.render(said, request, "id", 1))["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert ("tool_calls" in choice["message"], choice["finish_reason"]) == (False, "function_call")
    writer = FACE.writer(request, "id", 1, "m")
    stream = b"".join(writer.write(delta) for delta in said.unfolded())
    assert b'"function_call":{"name":"f","arguments":"{}"}' in stream and b"tool_calls" not in stream


def test_the_sdk_reads_what_we_render() -> None:
    """Whole answers and chunks of everything validate strictly as the official SDK's own types; so does what hosts send."""
    from openai.types.chat import ChatCompletion, ChatCompletionChunk  # noqa: PLC0415 - a second of import that one test needs

    said = Completion(
        text="hi",
        thoughts=(Thought("t", "s"), Thought(redacted="r")),
        finish_reason="stop",
        usage=Usage(3, 4, 1, 1, 2),
        tool_calls=(ToolCall("c", "f", "{}", "s"),),
        logprobs=(TokenLogprob("hi", float("-inf"), (("ho", -1.0),)),),
        others=(Completion(text="ho", finish_reason="error"),),
    )
    request = ChatRequest(messages=(), include_usage=True)
    whole = ChatCompletion.model_validate_json(FACE.render(said, request, "id", 1), strict=True)
    assert [choice.finish_reason for choice in whole.choices] == ["stop", "length"]
    writer = FACE.writer(request, "id", 1, "gpt")
    stream = b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish()
    for body in [stream, *[path.read_bytes() for path in SAID.glob("*.sse") if path.stem != "gemini-calls"]]:
        for event in body.split(b"\n\n"):
            if event.startswith(b"data: {"):
                ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: "))
    ChatCompletion.model_validate_json((SAID / "whole.json").read_bytes(), strict=True)
    error = json.loads(FACE.complain(OurBug("x"), "req"))["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id"}


@pytest.mark.parametrize(
    ("tokens", "limit", "wording"),
    [
        (9000, 8192, "maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."),
        (None, 8192, "maximum context length is 8192 tokens. Please"),
        (None, None, "maximum context length is exceeded"),
    ],
)
def test_an_overflow_is_worded_so_that_clients_shorten(tokens: int | None, limit: int | None, wording: str) -> None:
    """OpenAI's code and wording with the numbers that are known, and no invented ones."""
    error = json.loads(FACE.complain(ContextTooLong("too long", param="messages", tokens=tokens, limit=limit), "r"))["error"]
    assert (error["code"], error["type"], error["param"]) == ("context_length_exceeded", "invalid_request_error", "messages")
    assert wording in error["message"]


def test_an_overflow_of_any_host_keeps_its_numbers() -> None:
    """vLLM's and llama.cpp's wording under a plain 400 are an overflow, with both counts."""
    text = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages)."
    fault = WIRE.fault(400, {}, json.dumps({"object": "error", "message": text, "code": 400}).encode())
    assert isinstance(fault, ContextTooLong) and (fault.tokens, fault.limit) == (9000, 8192)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("model_length", "length"), ("eos", "stop"), ("insufficient_system_resource", "error"), ("brand_new", "stop")],
)
def test_hosts_words_for_the_end_are_understood(word: str, reason: str) -> None:
    """Mistral's and DeepSeek's by way of this dialect; a new word is an ordinary stop."""
    body = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": word}]}
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason
