"""The official SDKs judge the Anthropic, Gemini and Mistral clients: their types accept what we send, render and keep."""

# The SDKs cost seconds to import, which no other test should pay.
# ruff: noqa: PLC0415

import importlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pydantic
import pytest

from app.clients.common.protocols import Face, Wire
from app.domain.answer import Completion, Thought, ToolCall, Usage
from app.domain.request import ChatRequest, Format, Message, Text
from app.domain.target import Target
from app.errors import OurBug, ProviderOverloaded, ProviderRateLimited, ProviderRejected, RouterError

SAID = Path(__file__).parent / "said"
DIALECTS = ("anthropic", "gemini", "mistral")
Judge = Callable[[Any], object]


class Judges:
    """One SDK's own validators: of a request, a whole answer, a stream's event and an error body."""

    def __init__(self, request: Judge, whole: Judge, event: Judge, error: Judge) -> None:
        self.request = request
        self.whole = whole
        self.event = event
        self.error = error


def _anthropic() -> Judges:
    from anthropic.types import Message as Whole
    from anthropic.types import RawMessageStreamEvent
    from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
    from anthropic.types.shared import ErrorResponse

    event = pydantic.TypeAdapter(RawMessageStreamEvent)

    def request(body: dict[str, Any]) -> None:
        kind = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
        pydantic.TypeAdapter(kind).validate_python(body)
        assert set(body) <= set(kind.__required_keys__ | kind.__optional_keys__)

    return Judges(request, Whole.model_validate, event.validate_python, ErrorResponse.model_validate)


def _gemini() -> Judges:
    from google.genai.types import Content, GenerateContentResponse, GenerationConfig

    def request(body: dict[str, Any]) -> None:
        assert set(body) <= {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "labels"}
        for content in [*body["contents"], body.get("systemInstruction", {})]:
            Content.model_validate(content)
        GenerationConfig.model_validate(body.get("generationConfig", {}))

    def error(body: dict[str, Any]) -> None:
        from google.genai.errors import APIError

        raised = APIError(body["error"]["code"], body)
        assert (raised.message, raised.status) == (body["error"]["message"], body["error"]["status"])

    return Judges(request, GenerateContentResponse.model_validate, GenerateContentResponse.model_validate, error)


def _mistral() -> Judges:
    from mistralai.client.models import (
        ChatCompletionRequest,
        ChatCompletionResponse,
        ChatCompletionStreamRequest,
        CompletionChunk,
    )

    def request(body: dict[str, Any]) -> None:
        kind = ChatCompletionStreamRequest if body.get("stream") else ChatCompletionRequest
        kind.model_validate(body)
        assert set(body) <= {field.alias or name for name, field in kind.model_fields.items()}

    def error(body: dict[str, Any]) -> None:
        assert body["object"] == "error"

    return Judges(request, ChatCompletionResponse.model_validate, CompletionChunk.model_validate, error)


@pytest.fixture(scope="module")
def judges() -> dict[str, Judges]:
    """Importing the SDKs costs seconds, so only here and once; what they warn of at import is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"anthropic": _anthropic(), "gemini": _gemini(), "mistral": _mistral()}


def wire(dialect: str) -> Wire:
    found: Wire = importlib.import_module(f"app.clients.{dialect}_client").WIRE
    return found


def face(dialect: str) -> Face:
    found: Face = importlib.import_module(f"app.clients.{dialect}_client").FACE
    return found


def target(dialect: str) -> Target:
    facts = {"name": "row", "provider": dialect, "model_id": "m", "dialect": dialect, "wire": dialect, "base_url": "https://host"}
    return Target(**facts, key_env=("KEY",), capabilities=frozenset() if dialect == "anthropic" else frozenset({"sampling"}))


def events(stream: bytes) -> list[Any]:
    lines = stream.decode().replace("\r\n", "\n").split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


TURNS = (
    Message("system", (Text("Be kind."),)),
    Message("user", (Text("hi"), Text("there"))),
    Message("assistant", (Text("hello"),)),
    Message("developer", (Text("Be brief."),)),
    Message("user", (Text("bye"),)),
)
REQUESTS = [
    ChatRequest(messages=TURNS),
    ChatRequest(messages=TURNS[:3], max_tokens=5),
    ChatRequest(
        messages=TURNS,
        max_tokens=5,
        temperature=0.3,
        top_p=0.9,
        stop=("a", "b"),
        seed=3,
        format=Format("json_object"),
        user="u",
        metadata={"a": "b"},
    ),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("request_", REQUESTS)
def test_every_request_is_of_the_sdks_type(judges: dict[str, Judges], dialect: str, stream: bool, request_: ChatRequest) -> None:
    """What we send is what the provider's own SDK could have sent."""
    judges[dialect].request(json.loads(wire(dialect).encode(request_, target(dialect), stream).body))


CALLS = (ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", "{}"))
ANSWERS = [
    Completion(text="hi", finish_reason=reason, usage=Usage(9, 5, 3, 1, 2), response_id="r", model_id="m")
    for reason in ("stop", "length", "content_filter", "error", None)
] + [
    Completion(),
    Completion(refusal="no", finish_reason="content_filter", usage=Usage(9, 5)),
    Completion(text="hi", thoughts=(Thought("hm"),), tool_calls=CALLS, finish_reason="tool_calls", usage=Usage(9, 5)),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("said", ANSWERS)
def test_every_answer_is_of_the_sdks_type(judges: dict[str, Judges], dialect: str, said: Completion) -> None:
    """Whole answers and each event of streams, for every finish, with calls, without anything."""
    request = REQUESTS[0]
    judges[dialect].whole(json.loads(face(dialect).render(said, request, "id", 1)))
    writer = face(dialect).writer(request, "id", 1, "m")
    for event in events(b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish()):
        judges[dialect].event(event)


ERRORS = [
    ProviderRejected("no", param="x"),
    ProviderRateLimited("slow", retry_after=2.0),
    ProviderOverloaded("busy"),
    OurBug("oh"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_of_the_sdks_type(judges: dict[str, Judges], dialect: str, error: RouterError) -> None:
    """What we complain with is what the SDK raises from."""
    judges[dialect].error(json.loads(face(dialect).complain(error, "req")))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_fixture_is_of_the_sdks_type(judges: dict[str, Judges], dialect: str) -> None:
    """The fixtures that the other tests trust are answers that the SDK accepts."""
    for path in sorted((SAID / dialect).glob("*.sse")):
        for event in filter(_speaks, events(path.read_bytes())):
            judges[dialect].event(event)
    for path in sorted((SAID / dialect).glob("*.json")):
        body = json.loads(path.read_bytes())
        if _speaks(body):
            judges[dialect].whole(body)


def _speaks(body: Any) -> bool:
    """Whether a body is an answer at all: no error in any form, no ping, no event of a later version."""
    if not isinstance(body, dict) or "error" in body or "detail" in body:
        return False
    return body.get("object") != "error" and body.get("type") not in ("ping", "a_later_event")


def played(stream: bytes) -> httpx2.MockTransport:
    """A provider that answers every call with this stream."""
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream))


def spoken(dialect: str, said: Completion) -> bytes:
    writer = face(dialect).writer(REQUESTS[0], "id", 1, "m")
    return b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish()


def test_the_anthropic_sdk_gathers_our_stream(judges: dict[str, Judges]) -> None:
    """The real client makes of our events the message that we would have rendered whole."""
    from anthropic import Anthropic

    with (
        httpx2.Client(transport=played(spoken("anthropic", ANSWERS[-1]))) as http,
        Anthropic(api_key="k", http_client=http).messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert [getattr(block, "input", None) for block in message.content] == [None, None, {"a": 1}, {}]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 9, 5)


def test_the_gemini_sdk_gathers_our_stream(judges: dict[str, Judges]) -> None:
    """The real client reads every event, and finds the finish and the usage in the last."""
    from google.genai import Client
    from google.genai.types import HttpOptions

    with httpx2.Client(transport=played(spoken("gemini", ANSWERS[0]))) as http:
        client = Client(api_key="k", http_options=HttpOptions(httpx_client=http))
        chunks = list(client.models.generate_content_stream(model="m", contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == "hi"
    last = chunks[-1]
    assert last.candidates is not None
    assert last.usage_metadata is not None
    assert (last.candidates[0].finish_reason, last.usage_metadata.total_token_count) == ("STOP", 14)


def test_the_mistral_sdk_gathers_our_stream(judges: dict[str, Judges]) -> None:
    """The real client reads every chunk up to the terminator, and finds the finish and the usage in the last."""
    from mistralai.client import Mistral

    with (
        httpx2.Client(transport=played(spoken("mistral", ANSWERS[0]))) as http,
        Mistral(api_key="k", client=http).chat.stream(model="m", messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        chunks = [event.data for event in stream]
    assert "".join(str(chunk.choices[0].delta.content or "") for chunk in chunks) == "hi"
    assert chunks[-1].usage is not None
    assert (chunks[-1].choices[0].finish_reason, chunks[-1].usage.total_tokens) == ("stop", 14)
