"""Anthropic's own SDK judges its client: as a caller of our face, as the reference for our calls, and by its types."""

# The SDK costs seconds to import, which no other test should pay.
# ruff: noqa: PLC0415

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pydantic
import pytest

from app.clients.anthropic_client import FACE, WIRE, encode_count, parse_count, render_count
from app.clients.anthropic_client.schema import enforceable
from app.clients.common.protocols import Call
from app.domain.answer import Completion, Thought, ToolCall, Usage
from app.domain.request import (
    Called,
    ChatRequest,
    Format,
    Media,
    Message,
    Raw,
    Reasoning,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import (
    ContextTooLong,
    OurBug,
    Overloaded,
    ProviderRateLimited,
    RouterError,
    ThreadUnsupported,
    Unauthorized,
    UnknownModel,
)

SAID = Path(__file__).parent / "said" / "anthropic"
MODEL = "claude-opus-5-5"
TARGET = Target(
    name="row", provider="anthropic", model_id=MODEL, dialect="anthropic", wire="anthropic", base_url="http://host",
    key_env=("KEY",), capabilities=frozenset({"tools", "vision", "pdf", "json_schema", "reasoning"}),
    efforts=("low", "medium", "high", "xhigh", "max"), thinking=("adaptive", "disabled"),
)  # fmt: skip
PNG = "iVBORw0KGgoAAAANSUhEUgAA"
Answer = Callable[[str, bytes], tuple[int, str, bytes]]


class Upstream(ThreadingHTTPServer):
    """A local host that keeps what it was sent and answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Asked(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        host = cast("Upstream", self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        host.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, kind, said = host.answer(self.path, body)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name is inherited
        """Nothing on the terminal."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(faced) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sdk() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import anthropic
        import anthropic.lib._parse._transform
        import anthropic.lib.threads
        import anthropic.types.shared

        return anthropic


ANSWER = Completion(
    thoughts=(Thought("Two calls.", "lr1.anthropic.c2ln"), Thought(redacted="lr1.anthropic.ZW5j")),
    text="Let me look.",
    tool_calls=(ToolCall("toolu_1", "weather", '{"city":"Oslo"}'), ToolCall("toolu_2", "now", "")),
    finish_reason="tool_calls",
    usage=Usage(40, 12, 8, 2, 5),
)
PLAIN = Completion(text="Rain.", finish_reason="stop", usage=Usage(9, 2))


def faced(path: str, body: bytes) -> tuple[int, str, bytes]:
    """Our face, as an endpoint would use it: tools are called once, then there is an answer."""
    try:
        if path.startswith("/v1/messages/count_tokens"):
            return 200, "application/json", render_count(len(parse_count(body).messages))
        request = FACE.parse(body)
    except RouterError as error:
        return error.status, "application/json", FACE.complain(error, "req_1")
    said = ANSWER if request.tools and not any(message.role == "tool" for message in request.messages) else PLAIN
    if not request.stream:
        return 200, "application/json", FACE.render(said, request, "id", 1)
    writer = FACE.writer(request, "id", 1, MODEL)
    return 200, "text/event-stream", b"".join([writer.write(delta) for delta in said.unfolded()]) + writer.finish("c")


def client(sdk: Any, upstream: Upstream) -> Any:
    return sdk.Anthropic(api_key="k" * 40, base_url=upstream.url, max_retries=0)


def judge_request(sdk: Any, body: dict[str, Any]) -> None:
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

    kind: Any = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
    pydantic.TypeAdapter(kind).validate_python(body)
    assert set(body) <= set(kind.__required_keys__ | kind.__optional_keys__)


# as the reference

TOOL = {"name": "weather", "description": "d", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
WEATHER = Tool("weather", "d", Raw(json.dumps(TOOL["input_schema"]).encode()))


def user(*parts: Any) -> Message:
    return Message("user", parts)


SAME = {
    "a word": (
        {"max_tokens": 4096, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
        ChatRequest(messages=(user(Text("hi")),)),
    ),
    "instructions with a breakpoint, options": (
        {
            "max_tokens": 9,
            "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u"},
            "service_tier": "standard_only",
            "cache_control": {"type": "ephemeral"},
        },
        ChatRequest(
            messages=(Message("system", (Text("Be kind.", "1h"),)), user(Text("hi"))),
            max_tokens=9, stop=("END",), user="u", tier="default", marker="5m",
        ),
    ),
    "an image and a file": (
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                        {
                            "type": "document",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                            "title": "t",
                        },
                    ],
                }
            ],
        },
        ChatRequest(
            messages=(
                user(
                    Media("image", "image/png", PNG),
                    Media("image", url="https://x/y.png"),
                    Media("file", "application/pdf", "JVBERi0=", name="t"),
                ),
            ),
            max_tokens=9,
        ),
    ),
    "a loop of tools with a thought": (
        {
            "max_tokens": 20000,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                        {"type": "redacted_thinking", "data": "ZW5j"},
                        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [{"type": "text", "text": "rain"}],
                            "is_error": True,
                        },
                        {"type": "text", "text": "go on"},
                    ],
                },
            ],
            "tools": [TOOL],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": "high"},
        },
        ChatRequest(
            messages=(
                user(Text("weather?")),
                Message(
                    "assistant",
                    (
                        Reasoning("hm", "c2ln", signer="anthropic"),
                        Reasoning(redacted="ZW5j", signer="anthropic"),
                        Called("toolu_1", "weather", '{"city":"Oslo"}'),
                    ),
                ),
                Message("tool", (Result("toolu_1", (Text("rain"),), failed=True),)),
                user(Text("go on")),
            ),
            max_tokens=20000, tools=(WEATHER,), tool_choice=ToolChoice(), parallel_tools=False,
            thinking=Thinking("high", shown=True),
        ),
    ),
    "a forced tool and a schema": (
        {
            "max_tokens": 9,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            "tools": [TOOL],
            "tool_choice": {"type": "tool", "name": "weather"},
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {"type": "object", "properties": {}, "additionalProperties": False},
                }
            },
        },
        ChatRequest(
            messages=(user(Text("hi")),), max_tokens=9, tools=(WEATHER,), tool_choice=ToolChoice("required", ("weather",)),
            format=Format("json_schema", schema=Raw(b'{"type":"object","properties":{}}')),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("stream", [False, True])
def test_our_call_is_what_the_sdk_sends_for_the_same_conversation(sdk: Any, upstream: Upstream, name: str, stream: bool) -> None:
    """Path, version and body are those that the SDK put on the wire; from its body we read the conversation again."""
    fields, request = SAME[name]
    with client(sdk, upstream) as caller:
        answer = caller.messages.create(model=MODEL, stream=stream, **fields)
        if stream:
            list(answer)
    path, headers, body = upstream.asked[0]
    call = WIRE.encode(request, TARGET, stream)
    assert call.url == f"http://host{path}"
    assert dict(call.headers)["anthropic-version"] == headers["anthropic-version"]
    assert _without_whole(json.loads(body)) == json.loads(call.body)
    assert call.dropped == ()
    judge_request(sdk, json.loads(call.body))
    again = FACE.parse(body)
    assert again.native == ()
    assert json.loads(WIRE.encode(again, TARGET, stream).body) == json.loads(call.body)


def _without_whole(body: dict[str, Any]) -> dict[str, Any]:
    """The SDK spells out that a whole answer is wished, which is what an absent field means."""
    return {name: value for name, value in body.items() if (name, value) != ("stream", False)}


def test_our_count_is_what_the_sdk_asks(sdk: Any, upstream: Upstream) -> None:
    """The same route and body; the count that our face gives is read."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    with client(sdk, upstream) as caller:
        assert caller.messages.count_tokens(model=MODEL, messages=messages, system="s", tools=[TOOL]).input_tokens == 2
    path, headers, body = upstream.asked[0]
    call: Call = encode_count(ChatRequest(messages=(Message("system", (Text("s"),)), user(Text("hi"))), tools=(WEATHER,)), TARGET)
    assert (call.url, json.loads(call.body)) == (f"http://host{path}", json.loads(body))
    assert dict(call.headers)["anthropic-version"] == headers["anthropic-version"]


def test_schemas_are_made_what_the_sdk_makes_of_them(sdk: Any) -> None:
    """Where the SDK knows an answer at all, ours is the same."""
    for schema in (
        {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1, "description": "d"}}, "required": ["a"]},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "array", "items": {"type": "string", "pattern": "x"}, "minItems": 1}}},
        {"anyOf": [{"type": "string", "format": "uri"}, {"type": "string", "format": "other"}], "title": "t"},
        {"type": "object", "properties": {"e": {"enum": ["a", None]}, "c": {"const": 1, "type": "integer", "default": 1}}},
        {"type": "array", "items": {"oneOf": [{"type": "null"}, {"type": "boolean"}]}, "maxItems": 3, "minItems": 2},
    ):
        assert enforceable(Raw(json.dumps(schema).encode())) == sdk.lib._parse._transform.transform_schema(schema)


# as a caller


def test_the_sdk_reads_our_answers_whole_and_streamed(sdk: Any, upstream: Upstream) -> None:
    """Its own accumulation of our events is the message that we give whole: blocks, signatures, inputs, counts."""
    fields = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL]}
    with client(sdk, upstream) as caller:
        whole = caller.messages.create(**fields)
        with caller.messages.stream(**fields) as stream:
            gathered = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert [block.input for block in whole.content[3:]] == [{"city": "Oslo"}, {}]
    assert (whole.content[0].signature, whole.content[1].data) == ("lr1.anthropic.c2ln", "lr1.anthropic.ZW5j")
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.stop_reason) == (30, 8, "tool_use")
    told = [message.model_dump(exclude={"parsed_output"}, exclude_none=True) for message in (whole, gathered)]
    for message in told:
        message["content"] = [{k: v for k, v in block.items() if k != "parsed_output"} for block in message["content"]]
    assert told[0] == told[1]


def test_the_sdks_tool_runner_runs_to_its_end(sdk: Any, upstream: Upstream) -> None:
    """It calls its tools, gives back the thoughts and results as it got them, and finds the answer."""

    def weather(city: str) -> str:
        """d"""
        return f"rain in {city}"

    def now() -> str:
        """d"""
        return "noon"

    tools = [sdk.beta_tool(weather), sdk.beta_tool(now)]
    with client(sdk, upstream) as caller:
        last = caller.beta.messages.tool_runner(
            model=MODEL, max_tokens=9, tools=tools, messages=[{"role": "user", "content": "weather?"}]
        ).until_done()
    assert last.content[0].text == "Rain."
    given = FACE.parse(upstream.asked[-1][2])
    assert [message.role for message in given.messages] == ["user", "assistant", "tool"]
    assert ["thread" in json.loads(body) for _, _, body in upstream.asked] == [True, False, False]
    assert given.messages[1].parts[:2] == (
        Reasoning("Two calls.", "c2ln", signer="anthropic"),
        Reasoning(redacted="ZW5j", signer="anthropic"),
    )
    assert given.messages[2].parts[0] == Result("toolu_1", (Text("rain in Oslo"),))


def test_a_thread_goes_on_with_whole_messages(sdk: Any, upstream: Upstream) -> None:
    """Our refusal makes an SDK that may do so leave out `thread` and send the conversation whole, now and later."""
    with client(sdk, upstream) as caller:
        thread = caller.beta.messages.thread(model=MODEL, max_tokens=9, unsupported_request_behavior="continue_unthreaded")
        for word in ("hi", "and?"):
            assert thread.send({"role": "user", "content": word}).content[0].text == "Rain."
    bodies = [json.loads(body) for _, _, body in upstream.asked]
    assert ["thread" in body for body in bodies] == [True, False, False]
    assert [message["role"] for message in bodies[-1]["messages"]] == ["user", "assistant", "user"]


def test_the_sdk_raises_what_we_mean(sdk: Any, upstream: Upstream) -> None:
    """Its error classes follow from our statuses; the details of a refused thread are typed."""
    with client(sdk, upstream) as caller:
        with pytest.raises(sdk.BadRequestError) as caught:
            caller.messages.create(model=MODEL, max_tokens=9, messages=[])
        assert caught.value.body["error"]["param"] == "messages"
        with pytest.raises(sdk.types.ThreadUnsupportedRequestError):
            caller.beta.messages.thread(model=MODEL, max_tokens=9).send({"role": "user", "content": "hi"})


# by its types

ANSWERS = [
    *[Completion(text="hi", finish_reason=reason, usage=Usage(9, 5, 3, 1, 2)) for reason in
      ("stop", "length", "content_filter", "error", None)],
    Completion(),
    Completion(refusal="no", finish_reason="content_filter", usage=Usage(9, 5)),
    ANSWER,
]  # fmt: skip


@pytest.mark.parametrize("said", ANSWERS)
def test_every_answer_is_of_the_sdks_types(sdk: Any, said: Completion) -> None:
    """Whole answers and each event of streams, for every finish, with calls and thoughts, without anything."""
    request = ChatRequest(messages=())
    sdk.types.Message.model_validate_json(FACE.render(said, request, "id", 1))
    writer = FACE.writer(request, "id", 1, "m")
    stream = b"".join([writer.write(delta) for delta in said.unfolded()]) + writer.finish()
    event: Any = pydantic.TypeAdapter(sdk.types.RawMessageStreamEvent)
    for line in stream.decode().split("\n"):
        if line.startswith("data: "):
            event.validate_json(line[6:])


@pytest.mark.parametrize(
    "error",
    [
        ThreadUnsupported("no"), ContextTooLong("no", tokens=9, limit=5), Unauthorized("no"), UnknownModel("no"),
        ProviderRateLimited("slow"), Overloaded("busy"), OurBug("oh"),
    ],
)  # fmt: skip
def test_every_complaint_is_of_the_sdks_type(sdk: Any, error: RouterError) -> None:
    """What it raises from, with details where there are any."""
    said = sdk.types.shared.ErrorResponse.model_validate_json(FACE.complain(error, "req_1"))
    assert said.request_id == "req_1"
    details = getattr(said.error, "details", None)
    if details is not None:
        typed = sdk.types.ThreadUnsupportedRequestErrorDetails.model_validate(details)
        assert typed.unsupported == []


def test_every_fixture_is_of_the_sdks_types(sdk: Any) -> None:
    """The answers that the other tests trust are answers that the SDK accepts."""
    event: Any = pydantic.TypeAdapter(sdk.types.RawMessageStreamEvent)
    for path in sorted(SAID.glob("*.json")):
        sdk.types.Message.model_validate_json(path.read_bytes())
    for path in sorted(SAID.glob("*.sse")):
        for line in path.read_text().split("\n"):
            if line.startswith("data: ") and not any(word in line for word in ('"ping"', '"a_later_event"', '"error"')):
                event.validate_json(line[6:])
