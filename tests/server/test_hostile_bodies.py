"""Hostile values in every field of every body, and JSON that is none: typed refusals or answers, never a 5xx, nothing repeated."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clients.anthropic_client.parse import CountBody, MessagesBody
from app.clients.embedding.parse import EmbeddingsBody
from app.clients.openai_client.parse import ChatBody
from app.clients.responses_client.body import ResponsesBody
from app.endpoints.query_body import Query
from support import Service, running, shipped

from .corpus import ROUTES

HOT = {path: json.loads(body) for path, (method, body) in ROUTES.items() if method == b"POST"}
SHAPES: dict[str, Any] = {
    "/query": Query,
    "/route": Query,
    "/v1/chat/completions": ChatBody,
    "/v1/responses": ResponsesBody,
    "/v1/messages": MessagesBody,
    "/v1/messages/count_tokens": CountBody,
    "/v1/embeddings": EmbeddingsBody,
}
DEEP: Any = "x"
for _ in range(100):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**18, -(10**18), 1.5, -0.0, 1e308, 5e-324, "", "x", "\0", "\u202e\u2066", "\U0001f984",
    "data: [DONE]\n\n", "../../etc/passwd", "\u212a", "x" * 10_000, [], [None], [[]], [1], ["x"], [{}], {}, {"a": None}, {"": {}},
    {"type": "x"}, {"type": None}, [{"role": "user", "content": None}], [{"role": "user", "content": [{"type": "text"}]}], DEEP,
    {"__class__": "x"}, {"$ref": "#"}, "\r\nx-evil: 1", "NaN", "http://169.254.169.254/",
]  # fmt: skip
SURFACES = ["response_format", "tools", "tool_choice", "reasoning", "thinking", "text", "router", "stream_options", "metadata"]


class Talk:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self.fields: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self._connection.request("POST", path, body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        self.fields = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("hostile"), shipped()) as here:
        yield here
        assert "Traceback" not in here.log(), here.log()[-3000:]
        assert here.records(), "each line of the journal is one JSON document, whatever was sent"


@pytest.fixture
def talk(service: Service) -> Iterator[Talk]:
    with contextlib.closing(Talk(service.port)) as made:
        yield made


def sound(path: str, status: int, answer: bytes, sent: object) -> None:
    shown = str(sent)[:300]
    assert status < 500, (path, shown, answer[:500])
    if status >= 400:
        assert json.loads(answer)["error"]["message"], (path, shown)


@pytest.mark.parametrize("path", HOT)
def test_no_value_of_any_field_is_a_500(talk: Talk, path: str) -> None:
    names = {field.encode_name for field in msgspec.structs.fields(SHAPES[path])} | set(SURFACES)
    for name in sorted(names):
        for value in VALUES:
            sent = {**HOT[path], name: value}
            status, answer = talk.post(path, json.dumps(sent).encode())
            sound(path, status, answer, {name: value})


@pytest.mark.parametrize("path", HOT)
def test_no_value_within_a_field_is_a_500(talk: Talk, path: str) -> None:
    """One level down: the fields of messages, parts, tools, formats."""
    frames: list[tuple[str, Any]] = [
        (key, frame)
        for key in ("messages", "input")
        for frame in (
            lambda v: [{"role": v, "content": "x"}],
            lambda v: [{"role": "user", "content": v}],
            lambda v: [{"role": "user", "content": [v]}],
            lambda v: [{"role": "user", "content": [{"type": v, "text": "x"}]}],
            lambda v: [{"role": "user", "content": [{"type": "text", "text": v}]}],
            lambda v: [{"role": "user", "content": [{"type": "image_url", "image_url": v}]}],
            lambda v: [{"role": "user", "content": [{"type": "image", "source": v}]}],
            lambda v: [{"role": "user", "content": [{"type": "input_text", "text": v}]}],
            lambda v: [{"role": "assistant", "content": None, "tool_calls": v}],
            lambda v: [{"role": "assistant", "content": "x", "tool_calls": [{"id": v, "type": "function", "function": v}]}],
            lambda v: [{"role": "tool", "tool_call_id": v, "content": v}],
            lambda v: [{"type": "function_call_output", "call_id": v, "output": v}],
        )
    ]
    frames += [
        ("tools", lambda v: [{"type": "function", "function": v}]),
        ("tools", lambda v: [{"type": "function", "function": {"name": v, "parameters": v}}]),
        ("tools", lambda v: [{"name": v, "input_schema": v}]),
        ("response_format", lambda v: {"type": "json_schema", "json_schema": v}),
        ("constraints", lambda v: {"max_cost_usd": v}),
        ("constraints", lambda v: {"providers": v}),
        ("router", lambda v: {"mode": v}),
        ("router", lambda v: {"constraints": v}),
    ]
    for name, frame in frames:
        for value in VALUES:
            sent = {**HOT[path], name: frame(value)}
            status, answer = talk.post(path, json.dumps(sent).encode())
            sound(path, status, answer, {name: frame(value)})


NAMES = [
    "x\r\nset-cookie: a=b",
    "\0",
    "\x7f",
    "\u2028",
    "\u00e9",
    "\U0001f984",
    "a" * 5_000,
    "a,b",
    "",
    "__class__",
    "\x1b[31m",
    "a\nb",
]
# one of each dialect
MODELS = ["auto", "openai_gpt4o_mini", "anthropic_claude_haiku", "gemini_flash", "mistral_small", "llama3_3_70b"]


@pytest.mark.parametrize("path", [path for path in HOT if path != "/v1/embeddings"])
@pytest.mark.parametrize("model", MODELS)
def test_no_name_of_a_field_becomes_a_header_or_a_500(talk: Talk, path: str, model: str) -> None:
    """Fields that a model does not take are named in a header."""
    for name in NAMES:
        for stream in (False, True):
            sent = {**HOT[path], "model": model, "metadata": {name: "v"}, "user": name, "tools": [], name: "v", "stream": stream}
            for body in (sent, {**HOT[path], "model": model, name: "v", "stream": stream}):
                status, answer = talk.post(path, json.dumps(body).encode())
                if status == 404:
                    raise AssertionError(answer)
                if not answer.startswith((b"data:", b"event:", b":")):
                    sound(path, status, answer, body)
                assert talk.fields.get("set-cookie") is None


FORGED = [
    "data: [DONE]\n\n",
    "\n\ndata: [DONE]\n\n",
    "x\r\n\r\nevent: done\ndata: {}\n\n",
    "\u2028data: x\u2028\u2028",
    ": ping\n\n",
]


@pytest.mark.parametrize("text", FORGED)
def test_no_text_forges_an_event(service: Service, text: str) -> None:
    for stream in (service.query(text, stream=True, cache="off"), service.chat(text, stream=True)):
        names = [event.name for event in stream.events()]
        ends = [event for event in stream.events() if event.data == "[DONE]" or event.name == "done"]
        assert len(ends) == 1 and names[-1] in ("done", "message"), names


DEPTH = 100_000
NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t",
    "NaN": b'{"a":NaN,%b',
    "Infinity": b'{"a":Infinity,%b',
    "-Infinity": b'{"a":[-Infinity],%b',
    "1e999": b'{"a":1e999,%b',
    "a number of 5000 digits": b'{"a":' + b"9" * 5_000 + b",%b",
    "a fraction of 5000 digits": b'{"a":0.' + b"9" * 5_000 + b",%b",
    "an exponent of 5000 digits": b'{"a":1e' + b"9" * 5_000 + b",%b",
    "a lone surrogate": b'{"a":"\\ud800",%b',
    "a lone surrogate as a key": b'{"\\udfff":1,%b',
    "surrogates the wrong way round": b'{"a":"\\udc00\\ud800",%b',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80",%b',
    "too long a UTF-8 form": b'{"a":"\xc0\xaf",%b',
    "bytes that are no UTF-8": b'{"a":"\xff\xfe",%b',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "a byte-order mark": b"\xef\xbb\xbf{%b",
    "lists within lists": b"[" * DEPTH,
    "lists within lists, closed": b'{"a":' + b"[" * DEPTH + b"]" * DEPTH + b",%b",
    "objects within objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "equal keys": b'{"a":1,"a":2,%b',
    "equal keys in two spellings": b'{"a":1,"\\u0061":2,%b',
    "equal keys deep down": b'{"metadata":{"x":{"b":1,"b":2}},%b',
    "a NUL byte": b'{"a":"\x00",%b',
    "an escape that is none": b'{"a":"\\x41",%b',
    "single quotes": b"{'a':1,%b",
    "a comment": b'{/*x*/"a":1,%b',
    "a comma too many": b'{"a":1,,%b',
    "two documents": b"{}{%b",
    "words": b"prompt=x",
}


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize("name", NO_JSON)
def test_what_is_no_strict_json_is_400_on_every_route(talk: Talk, path: str, name: str) -> None:
    sound_rest = json.dumps(HOT[path])[1:].encode()
    body = NO_JSON[name].replace(b"%b", sound_rest)
    status, answer = talk.post(path, body)
    if "fraction" in name:  # it is a number, only a long one
        assert status in (200, 400)
        return
    error = json.loads(answer)["error"]
    assert status == 400 and error.get("code", "invalid_json") in ("invalid_json", "duplicate_key"), (name, answer)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(sorted(HOT)), data=st.data())
def test_any_json_at_any_field_is_answered_or_refused(talk: Talk, path: str, data: st.DataObject) -> None:
    body = dict(HOT[path])
    fields = sorted(field.encode_name for field in msgspec.structs.fields(SHAPES[path]))
    for name in data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3, unique=True)):
        body[name] = data.draw(ANY_JSON)
    raw = json.dumps(body).encode()
    status, answer = talk.post(path, raw)
    sound(path, status, answer, body)
