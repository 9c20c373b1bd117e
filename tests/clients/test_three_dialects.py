"""What the Anthropic, Gemini and Mistral clients promise alike: answers survive every cut, and nothing broken passes."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.common.protocols import Face, Wire
from app.clients.common.seal import sealed
from app.domain.answer import Completion, Delta, Thought, ToolCall, Usage
from app.domain.request import ChatRequest, Foreign, Format, Message, Text
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    CallerError,
    ContextTooLong,
    DeadlineExceeded,
    Overloaded,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    RouterError,
    TruncatedAnswer,
    UnexpectedRedirect,
    UnsupportedFeature,
)

SAID = Path(__file__).parent / "said"
DIALECTS = ("anthropic", "gemini", "mistral")
ANSWER = "Qubits hold many states at once ⚛."
STREAMS = [(path.parent.name, path.name) for name in DIALECTS for path in sorted((SAID / name).glob("*.sse"))]
GOOD_STREAMS = [(dialect, name) for dialect, name in STREAMS if name != "overloaded.sse"]
BODIES = [(path.parent.name, path.name) for name in DIALECTS for path in sorted((SAID / name).glob("*.json"))]
REQUEST = ChatRequest(messages=(Message("user", (Text("hi"),)),))


def wire(dialect: str) -> Wire:
    found: Wire = importlib.import_module(f"app.clients.{dialect}_client").WIRE
    return found


def face(dialect: str) -> Face:
    found: Face = importlib.import_module(f"app.clients.{dialect}_client").FACE
    return found


def target(dialect: str, **changes: Any) -> Target:
    facts = {"name": "row", "provider": dialect, "model_id": "m", "dialect": dialect, "wire": dialect, "base_url": "https://host"}
    return Target(**{**facts, "key_env": ("KEY",), "capabilities": frozenset({"sampling"}), **changes})


def read(dialect: str, *pieces: bytes) -> list[Delta]:
    reader = wire(dialect).reader()
    deltas: list[Delta] = []
    for piece in pieces:
        deltas += reader.feed(piece)
        if reader.done:
            break
    return deltas + reader.close()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whole_and_streamed_answers_say_the_same(dialect: str) -> None:
    """Text, finish and billed tokens do not depend on the form in which an answer comes."""
    body = (SAID / dialect / "whole.json").read_bytes()
    whole = wire(dialect).decode(body)
    streamed = Completion.folded(read(dialect, (SAID / dialect / "stream.sse").read_bytes()))
    assert whole.raw == body
    assert msgspec.structs.replace(whole, raw=b"") == streamed
    assert (whole.text, whole.finish_reason) == (ANSWER, "stop")
    assert whole.usage is not None
    assert whole.response_id
    assert whole.model_id


@pytest.mark.parametrize(("dialect", "name"), GOOD_STREAMS)
def test_a_stream_reads_the_same_at_every_split(dialect: str, name: str) -> None:
    """Cut after any byte, within a character or a line end, or fed byte by byte: the deltas are those of the unsplit stream."""
    body = (SAID / dialect / name).read_bytes()
    whole = read(dialect, body)
    for cut in range(len(body)):
        assert read(dialect, body[:cut], body[cut:]) == whole
    assert read(dialect, *(body[i : i + 1] for i in range(len(body)))) == whole


@pytest.mark.parametrize(("dialect", "name"), GOOD_STREAMS)
def test_a_stream_cut_before_its_end_is_no_answer(dialect: str, name: str) -> None:
    """Every shorter stream raises TruncatedAnswer, unless what is missing says nothing of the answer any more."""
    body = (SAID / dialect / name).read_bytes()
    whole = Completion.folded(read(dialect, body))
    for cut in range(len(body)):
        try:
            short = Completion.folded(read(dialect, body[:cut]))
        except TruncatedAnswer:
            continue
        assert short == whole or name == "early_finish.sse"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_in_the_stream_comes_after_what_was_said_before_it(dialect: str) -> None:
    """Wherever the network cuts, the words before the error arrive and the error is raised, once for all."""
    body = (SAID / dialect / "overloaded.sse").read_bytes()
    for cut in range(0, len(body), 3):
        reader = wire(dialect).reader()
        said: list[Delta] = []
        with pytest.raises(ProviderOverloaded):
            for piece in (body[:cut], body[cut:]):
                said += reader.feed(piece)
            reader.close()
        assert "".join(delta.text for delta in said) == "Qubits "
        assert not reader.done
        with pytest.raises(ProviderOverloaded):
            reader.close()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("body", [b"", b": only a comment\n\n", b"data", b"\xef\xbb\xbf\n\n"])
def test_a_stream_that_says_nothing_is_truncated(dialect: str, body: bytes) -> None:
    """No event at all is not an empty answer."""
    with pytest.raises(TruncatedAnswer):
        read(dialect, body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_body_where_a_stream_was_asked_for_is_a_failure(dialect: str) -> None:
    """An error object keeps its meaning; HTML and whole answers are BadAnswer, split anywhere; endless ones are cut."""
    overloaded = face(dialect).complain(ProviderOverloaded("busy"), "r")
    for cut in range(len(overloaded)):
        with pytest.raises(ProviderOverloaded):
            read(dialect, b"\n" + overloaded[:cut], overloaded[cut:])
    for body in (b"<html>bad gateway</html>", (SAID / dialect / "whole.json").read_bytes(), b"[]", b"{"):
        with pytest.raises(BadAnswer):
            read(dialect, body)
    with pytest.raises(BadAnswer):
        wire(dialect).reader().feed(b"<" + b"x" * 2_000_000)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("data", [b"{broken", b"[1]", b"null", b'"text"', b"\xff", b"[" * 100_000])
def test_a_broken_event_is_a_bad_answer(dialect: str, data: bytes) -> None:
    """An event that is not the dialect's JSON ends the stream with an error of the tree."""
    with pytest.raises(BadAnswer):
        read(dialect, b"data: " + data + b"\n\n")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"[{}, {}]",
        b"<html>busy</html>",
        b"\xff\xfe",
        b'"text"',
        b"[" * 100_000,
        b'{"content": "text"}',
        b'{"candidates": []}',
        b'{"candidates": {}}',
        b'{"choices": []}',
        b'{"choices": [{"index": 0}]}',
    ],
)
def test_a_200_that_is_no_answer_is_a_failure(dialect: str, body: bytes) -> None:
    """Nothing, HTML, another dialect's shape: never a success."""
    with pytest.raises(BadAnswer):
        wire(dialect).decode(body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_truncated_body_is_never_an_answer(dialect: str) -> None:
    """Cut after any byte before its last brace, a whole answer is BadAnswer."""
    body = (SAID / dialect / "whole.json").read_bytes().rstrip()
    for cut in range(len(body)):
        with pytest.raises(BadAnswer):
            wire(dialect).decode(body[:cut])


@given(st.sampled_from(BODIES + STREAMS), st.integers(0, 5000), st.binary(max_size=4))
def test_a_damaged_answer_is_an_error_or_an_answer_never_a_crash(said: tuple[str, str], place: int, junk: bytes) -> None:
    """Bytes replaced anywhere give an answer or a RouterError, whole, streamed and as a failure's body."""
    dialect, name = said
    body = bytearray((SAID / dialect / name).read_bytes())
    body[place % len(body) : place % len(body) + len(junk)] = junk
    try:
        if name.endswith(".sse"):
            read(dialect, bytes(body))
        else:
            assert isinstance(wire(dialect).fault(400, {}, bytes(body)), RouterError)
            wire(dialect).decode(bytes(body))
    except RouterError:
        return


COUNTS = {"anthropic": "output_tokens", "gemini": "candidatesTokenCount", "mistral": "completion_tokens"}
USAGE = {"anthropic": "usage", "gemini": "usageMetadata", "mistral": "usage"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("count", ["-1", "1.5", '"9"', "true", str(2**31), "1e300", "1e999", str(2**64), "[]"])
def test_absurd_usage_is_not_booked(dialect: str, count: str) -> None:
    """A count that cannot be makes the usage unknown, whole and streamed; the answer itself stays."""
    word = f'"{COUNTS[dialect]}": '
    for name in ("whole.json", "stream.sse"):
        text = (SAID / dialect / name).read_text()
        for digits in ("9", "8", "1", "4"):
            text = text.replace(f"{word}{digits},", f"{word}{count},").replace(f"{word}{digits}}}", f"{word}{count}}}")
        assert f"{word}{count}" in text
        said = wire(dialect).decode(text.encode()) if name == "whole.json" else Completion.folded(read(dialect, text.encode()))
        assert (said.text, said.usage) == (ANSWER, None)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("usage", [None, {}, [], "none", 7])
def test_missing_usage_is_unknown_not_zero(dialect: str, usage: object) -> None:
    """An answer without counts is estimated later, never booked as free."""
    body = json.loads((SAID / dialect / "whole.json").read_bytes())
    body[USAGE[dialect]] = usage
    assert wire(dialect).decode(json.dumps(body).encode()).usage is None


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CALLS = st.builds(ToolCall, st.sampled_from(["call_1", "call_2"]), st.just("f"), st.sampled_from(["{}", '{"a":[1]}']))
THOUGHTS = st.sampled_from([(), (Thought("hm"),), (Thought("hm", "c2ln"),), (Thought("hm", "c2ln"), Thought("so", "c2ln"))])
COUNT = st.integers(0, 99_999)
REFUSALS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@st.composite
def completions(draw: st.DrawFn, dialect: str) -> Completion:
    """Answers that the dialect can express."""
    cached, written, plain, reasoning, spoken = (draw(COUNT) for _ in range(5))
    written = written if dialect == "anthropic" else 0
    reasons = ["stop", "length", "content_filter"] + (["error"] if dialect != "anthropic" else [])
    finish = draw(st.sampled_from(reasons))
    calls = draw(st.lists(CALLS, max_size=2, unique_by=lambda call: call.id)) if finish == "stop" else []
    return Completion(
        text=draw(TEXTS),
        thoughts=draw(THOUGHTS),
        refusal=draw(REFUSALS) if finish == "content_filter" and dialect != "mistral" else "",
        tool_calls=tuple(calls),
        finish_reason="tool_calls" if calls else finish,
        usage=Usage(cached + written + plain, reasoning + spoken, cached, written, reasoning),
        response_id="r",
        model_id="model",
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
def test_face_and_wire_are_inverses(dialect: str, data: st.DataObject) -> None:
    """What the face writes the wire reads back, whole and streamed, with signatures sealed on the way."""
    told = data.draw(completions(dialect))
    said = msgspec.structs.replace(
        told, thoughts=tuple(Thought(one.text, sealed(dialect, one.signature)) for one in told.thoughts)
    )
    whole = wire(dialect).decode(face(dialect).render(told, REQUEST, "id", 1))
    assert whole.response_id
    assert msgspec.structs.replace(whole, raw=b"", response_id="r") == said
    writer = face(dialect).writer(REQUEST, "id", 1, "model")
    stream = b"".join(writer.write(delta) for delta in told.unfolded()) + writer.finish("a comment")
    assert msgspec.structs.replace(Completion.folded(read(dialect, stream)), response_id="r") == said


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_without_a_finish_is_still_ended(dialect: str) -> None:
    """A writer that was told nothing but a text ends its stream so that it counts as whole."""
    writer = face(dialect).writer(REQUEST, "id", 1, "model")
    said = Completion.folded(read(dialect, writer.write(Delta(text="hi")) + writer.finish()))
    assert (said.text, said.finish_reason) == ("hi", "stop")
    assert wire(dialect).decode(face(dialect).render(Completion(text="hi"), REQUEST, "id", 1)).finish_reason == "stop"


@pytest.mark.parametrize(("dialect", "name"), GOOD_STREAMS)
def test_a_stream_of_the_same_dialect_passes_as_it_came(dialect: str, name: str) -> None:
    """A native writer fed with the reader's deltas gives every event back, so that nothing of the provider's is lost."""
    body = (SAID / dialect / name).read_bytes()
    writer = face(dialect).writer(REQUEST, "id", 1, "model", native=True)
    passed = b"".join(writer.write(delta) for delta in read(dialect, body)) + writer.finish()

    def events(stream: bytes) -> list[str]:
        lines = stream.decode().replace("\r\n", "\n").split("\n")
        return [line.replace('": ', '":') for line in lines if line and not line.startswith(":") and "ping" not in line]

    assert events(passed) == events(body)
    assert read(dialect, passed) == read(dialect, body)


ERRORS = [
    (ProviderRejected("no"), ProviderRejected),
    (CallerError("no"), ProviderRejected),
    (ProviderRateLimited("slow", retry_after=3.0), ProviderRateLimited),
    (ProviderOverloaded("busy"), ProviderOverloaded),
    (Overloaded("busy"), ProviderOverloaded),
    (DeadlineExceeded("late"), DeadlineExceeded),
    (ProviderError("broke"), ProviderError),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_a_complaint_keeps_its_meaning(dialect: str, error: RouterError, kind: type[RouterError]) -> None:
    """An error that we show in a dialect is read back as its like: as a failure, inside a 200, and inside a stream."""
    body = face(dialect).complain(error, "req")
    assert type(wire(dialect).fault(error.status, {}, body)) is kind
    with pytest.raises(kind) as whole:
        wire(dialect).decode(body)
    with pytest.raises(kind) as streamed:
        read(dialect, face(dialect).writer(REQUEST, "id", 1, "m").fail(error, "req"))
    assert type(whole.value) is type(streamed.value) is kind
    assert b"req" in body


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UnexpectedRedirect),
        (400, ProviderRejected),
        (401, ProviderAuth),
        (402, ProviderQuota),
        (403, ProviderAuth),
        (404, ProviderRefused),
        (413, ProviderRejected),
        (422, ProviderRejected),
        (429, ProviderRateLimited),
        (500, ProviderError),
        (503, ProviderOverloaded),
        (504, DeadlineExceeded),
        (529, ProviderOverloaded),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>sorry</html>", b'{"error": 7}', b"[]", b"[" * 100_000, b"\xff"])
def test_a_failure_without_a_readable_body_speaks_by_its_status(
    dialect: str, status: int, kind: type[RouterError], body: bytes
) -> None:
    """HTML, nothing, nonsense: the status alone decides, the body is not shown, and the wait is heeded."""
    fault = wire(dialect).fault(status, {"retry-after": "7"}, body)
    assert type(fault) is kind
    assert "html" not in fault.message
    if status in (429, 503):
        assert fault.retry_after == 7


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_providers_text_is_shown_without_its_secrets(dialect: str) -> None:
    """A key quoted by the provider never reaches the error."""
    complaint = ProviderRejected("bad header sk-ant-REDACTED")
    assert "abcdefgh" not in wire(dialect).fault(400, {}, face(dialect).complain(complaint, "r")).message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_cannot_be_carried_is_refused_never_lost(dialect: str) -> None:
    """Parts of another dialect and requests without any text are errors of the caller's kind."""
    video = Message("user", (Text("what?"), Foreign("video_url", msgspec.Raw(b"{}"))))
    with pytest.raises(UnsupportedFeature):
        wire(dialect).encode(ChatRequest(messages=(video,)), target(dialect), False)
    for empty in ((), (Message("user", (Text(" \n"),)),), (Message("system", (Text(""),)), Message("user", ()))):
        with pytest.raises(CallerError):
            wire(dialect).encode(ChatRequest(messages=empty), target(dialect), False)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_holds_no_secret_and_says_what_it_is(dialect: str, stream: bool) -> None:
    """A host without keys is called without an auth scheme; the body is JSON and says so."""
    call = wire(dialect).encode(REQUEST, target(dialect), stream)
    assert call.stream is stream
    assert call.auth in ("bearer", "x-api-key", "x-goog-api-key")
    assert dict(call.headers)["content-type"] == "application/json"
    assert wire(dialect).encode(REQUEST, target(dialect, key_env=()), stream).auth == ""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_face_reads_what_the_wire_sends(dialect: str) -> None:
    """A translated request means the same to a host that reads it with our own face."""
    request = ChatRequest(
        messages=(Message("user", (Text("hi"),)), Message("assistant", (Text("hello"),)), Message("user", (Text("bye"),))),
        max_tokens=9,
        temperature=0.5,
        top_p=None if dialect == "anthropic" else 0.9,
        stop=("END",),
        format=None if dialect == "anthropic" else Format("json_object"),
        seed=None if dialect == "anthropic" else 7,
    )
    heard = face(dialect).parse(wire(dialect).encode(request, target(dialect), False).body)
    assert heard.native == ()
    same = ("messages", "max_tokens", "temperature", "top_p", "stop", "format", "seed")
    assert [getattr(heard, name) for name in same] == [getattr(request, name) for name in same]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_callers_own_fields_travel_untouched(dialect: str) -> None:
    """A body of the same dialect goes on as it came but for the model, the stream and what is ours."""
    own = json.loads(wire(dialect).encode(REQUEST, target(dialect), False).body)
    own |= {"max_tokens": 5} if dialect == "anthropic" else {}
    sent = {**own, "router": {"mode": "fast"}, "brandNew": {"deep": [1, None, "x"]}}
    sent |= {} if dialect == "gemini" else {"stream": True}
    request = face(dialect).parse(json.dumps(sent).encode())
    assert request.extra == ("brandNew",)
    again = json.loads(wire(dialect).encode(request, target(dialect, model_id="other"), False).body)
    expected = {**own, "brandNew": sent["brandNew"]} | ({} if dialect == "gemini" else {"model": "other"})
    assert again == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_bad_body_is_refused_with_a_400(dialect: str) -> None:
    """No shape of body is a crash of the face."""
    for body in (b"", b"[]", b"{}", b'{"model": 1}', b'{"messages": [], "model": "m", "max_tokens": 1}', b'{"contents": [7]}'):
        with pytest.raises(CallerError):
            face(dialect).parse(body)
    with pytest.raises(CallerError):
        face(dialect).parse(json.dumps({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [1]}]}).encode())


def test_the_clients_know_no_socket_and_no_clock() -> None:
    """A wire is pure: importing the three brings no HTTP client, no event loop and no SDK."""
    clients = ", ".join(f"app.clients.{dialect}_client" for dialect in DIALECTS)
    code = f"import sys; import {clients}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert not {"aiohttp", "httpx", "asyncio", "socket", "ssl", "anthropic", "mistralai", "google.genai", "fastapi"} & set(loaded)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_prompt_too_long_is_recognised(dialect: str) -> None:
    """Each provider's own words for it become the one error that callers know."""
    message = {
        "anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
        "gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    }[dialect]
    body = json.loads(face(dialect).complain(ProviderRejected(message), "r"))
    assert type(wire(dialect).fault(400, {}, json.dumps(body).encode())) is ContextTooLong
