"""Google's own SDK judges Gemini's dialect: its bytes for a conversation are ours, its types take all we send and render.

And what any caller asks survives the way to Gemini and back, as any answer does.
"""

# The SDK costs seconds to import, which no other test should pay.
# ruff: noqa: PLC0415

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from app.clients.common.seal import sealed
from app.clients.gemini_client import FACE, WIRE
from app.clients.gemini_client.reply import FINISH
from app.domain.answer import Completion, Delta, Thought, TokenLogprob, ToolCall, Usage
from app.domain.request import (
    Called,
    ChatRequest,
    Format,
    Media,
    Message,
    Part,
    Reasoning,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import RouterError

SAID = Path(__file__).parent / "said" / "gemini"
PIXELS = b"\x89PNG\r\n\x1a\n\xff\xfe\xfb\xff\xfe\xfb"
PNG = base64.b64encode(PIXELS).decode()
SCHEMA = {"type": "object", "properties": {"city_name": {"type": "string"}}}
RAW_SCHEMA = Raw(json.dumps(SCHEMA).encode())
ANSWER = b'{"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}'
TARGET = Target(
    name="row",
    provider="gemini",
    model_id="gemini-3.8-flash",
    dialect="gemini",
    wire="gemini",
    base_url="https://host",
    capabilities=frozenset({"sampling", "reasoning"}),
)

CONVERSATION = ChatRequest(
    messages=(
        Message("system", (Text("Be kind."),)),
        Message(
            "user",
            (
                Text("look"),
                Media("image", "image/png", PNG, detail="high"),
                Media("file", url="https://x.test/a.pdf"),
            ),
        ),
        Message(
            "assistant",
            (
                Reasoning("hm", base64.urlsafe_b64encode(PIXELS).decode(), signer="gemini"),
                Called("c1", "weather", '{"city_name": "Oslo"}', base64.urlsafe_b64encode(PIXELS).decode(), "gemini"),
                Called("c2", "time", ""),
            ),
        ),
        Message("tool", (Result("c1", (Text('{"cold_degrees": 4}'), Media("image", "image/png", PNG))),)),
        Message("tool", (Result("c2", (Text("no clock"),), failed=True),)),
        Message("user", (Text("and?"),)),
    ),
    max_tokens=100,
    temperature=0.5,
    top_p=0.9,
    top_k=40.0,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    stop=("a", "b"),
    seed=7,
    logprobs=True,
    top_logprobs=3,
    tools=(Tool("weather", "W", RAW_SCHEMA), Tool("time", "T", Raw(b'{"type":"object","properties":{}}'))),
    tool_choice=ToolChoice("required", ("weather",)),
    format=Format("json_schema", schema=RAW_SCHEMA),
    thinking=Thinking("high"),
    tier="flex",
)


class Heard(BaseHTTPRequestHandler):
    """A provider that says `ok` and keeps what it was sent."""

    bodies: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def heard() -> Iterator[tuple[str, bytes]]:
    """(path, body) of what google-genai sends for CONVERSATION, written in the SDK's own types."""
    Heard.bodies = []
    with HTTPServer(("127.0.0.1", 0), Heard) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            _ask(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    yield Heard.bodies[0]


def _ask(base_url: str) -> None:
    from google import genai
    from google.genai import types

    blob = types.FunctionResponseBlob(mime_type="image/png", data=PIXELS)
    shot = types.FunctionResponsePart(inline_data=blob)
    weather = types.FunctionResponse(id="c1", name="weather", response={"cold_degrees": 4}, parts=[shot])
    contents = [
        types.Content(
            role="user",
            parts=[
                types.Part(text="look"),
                types.Part.from_bytes(data=PIXELS, mime_type="image/png"),
                types.Part.from_uri(file_uri="https://x.test/a.pdf"),
            ],
        ),
        types.Content(
            role="model",
            parts=[
                types.Part(text="hm", thought=True, thought_signature=PIXELS),
                types.Part(
                    function_call=types.FunctionCall(id="c1", name="weather", args={"city_name": "Oslo"}),
                    thought_signature=PIXELS,
                ),
                types.Part(function_call=types.FunctionCall(id="c2", name="time", args={})),
            ],
        ),
        types.Content(
            role="user",
            parts=[
                types.Part(function_response=weather),
                types.Part(function_response=types.FunctionResponse(id="c2", name="time", response={"error": "no clock"})),
                types.Part(text="and?"),
            ],
        ),
    ]
    config = types.GenerateContentConfig(
        system_instruction="Be kind.",
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_output_tokens=100,
        stop_sequences=["a", "b"],
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        response_logprobs=True,
        logprobs=3,
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
        thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH, include_thoughts=True),
        media_resolution=types.MediaResolution.MEDIA_RESOLUTION_HIGH,
        service_tier=types.ServiceTier.FLEX,
        tools=[
            types.Tool(
                function_declarations=[
                    types.FunctionDeclaration(name="weather", description="W", parameters_json_schema=SCHEMA),
                    types.FunctionDeclaration(
                        name="time", description="T", parameters_json_schema={"type": "object", "properties": {}}
                    ),
                ]
            )
        ],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"]
            )
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    with genai.Client(api_key="key", http_options=types.HttpOptions(base_url=base_url)) as client:
        client.models.generate_content(model="gemini-3.8-flash", contents=contents, config=config)


_CAMEL = {
    "mime_type": "mimeType", "file_uri": "fileUri", "inline_data": "inlineData", "parameters_json_schema": "parametersJsonSchema",
    "include_thoughts": "includeThoughts", "thinking_level": "thinkingLevel",
}  # fmt: skip


def plain(node: Any, key: str = "") -> Any:
    """A body without the SDK's liberties: one spelling of names, one alphabet of base64."""
    if isinstance(node, dict):
        return {_CAMEL.get(name, name): plain(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node.replace("-", "+").replace("_", "/") if key in ("data", "thoughtSignature") else node


def test_our_call_is_the_sdks_own(heard: tuple[str, bytes]) -> None:
    """The same conversation in our values and in Google's types gives the same path and the same body."""
    path, body = heard
    ours = WIRE.encode(CONVERSATION, TARGET, False)
    theirs = plain(json.loads(body))
    assert theirs["systemInstruction"].pop("role") == "user"  # which means nothing there
    assert ours.url == f"https://host{path}"
    assert plain(json.loads(ours.body)) == theirs
    assert ours.dropped == ()


def test_the_face_reads_the_sdk_as_it_reads_us(heard: tuple[str, bytes]) -> None:
    """Whoever plays Gemini with our face understands both alike, and understands what was asked."""
    theirs, ours = FACE.parse(heard[1]), FACE.parse(WIRE.encode(CONVERSATION, TARGET, False).body)
    assert meaning(theirs) == meaning(ours) == meaning(CONVERSATION)
    assert (theirs.native, theirs.extra) == (ours.native, ours.extra) == ((), ())


def judge(body: dict[str, Any]) -> None:
    """Google's types take every part of a request; they refuse fields that they do not know."""
    from google.genai import types

    assert set(body) <= {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "serviceTier"}
    for content in [*body["contents"], body.get("systemInstruction", {})]:
        types.Content.model_validate(content)
    for tool in body.get("tools", []):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerateContentConfig.model_validate(body.get("generationConfig", {}))
    assert body.get("serviceTier", "flex") in {tier.value for tier in types.ServiceTier}


def test_every_finish_reason_of_the_sdk_is_known() -> None:
    """A reason that Google adds fails here until someone says what it means."""
    from google.genai.types import BlockedReason, FinishReason

    ordinary = {"FINISH_REASON_UNSPECIFIED", "STOP", "OTHER", "LANGUAGE"}
    assert {reason.value for reason in FinishReason} - set(FINISH) == ordinary
    for reason in BlockedReason:
        body = json.dumps({"promptFeedback": {"blockReason": reason.value}}).encode()
        assert (WIRE.decode(body).finish_reason, WIRE.decode(body).refusal) == ("content_filter", reason.value)


# What a caller may say. Blank texts are not sent, so none is generated.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
JSON = st.dictionaries(WORDS, st.integers(-9, 9) | WORDS, max_size=2).map(json.dumps)
MEDIA = st.sampled_from(
    [Media("image", "image/png", PNG), Media("audio", "audio/mp3", "SUQz"), Media("file", url="https://x/a.pdf")]
)
TOOLS = ("weather", "time")


@st.composite
def steps(draw: st.DrawFn, place: int) -> list[Message]:
    """What the user says, what the model calls and gets, what it answers."""
    messages = [Message("user", tuple(draw(st.lists(WORDS.map(Text) | MEDIA, min_size=1, max_size=3))))]
    called = []
    for at in range(draw(st.integers(0, 2))):
        signature = draw(st.sampled_from(["", "UzE="]))
        called.append(
            Called(f"c{place}.{at}", draw(st.sampled_from(TOOLS)), draw(JSON), signature, "gemini" if signature else "")
        )
    said: list[Part] = [Reasoning("hm", "UzI=", signer="gemini")] if draw(st.booleans()) else []
    said += [Text(draw(WORDS))] if draw(st.booleans()) or not called else []
    messages.append(Message("assistant", (*said, *called)))
    for call in called:
        text, failed = draw(WORDS | JSON), draw(st.booleans())
        messages.append(Message("tool", (Result(call.id, (Text(text),), call.name, failed),)))
    return messages


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """A conversation with everything that this dialect can tell."""
    turns = [message for place in range(draw(st.integers(1, 3))) for message in draw(steps(place))]
    system = [
        Message(draw(st.sampled_from(["system", "developer"])), (Text(draw(WORDS)),)) for _ in range(draw(st.integers(0, 2)))
    ]
    choices = [None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("required"), ToolChoice("required", ("time",))]
    return ChatRequest(
        messages=(*system, *turns, Message("user", (Text("And then?"),))),
        tools=(Tool("weather", draw(WORDS), RAW_SCHEMA), Tool("time", "", RAW_SCHEMA)),
        tool_choice=draw(st.sampled_from(choices)),
        format=draw(st.sampled_from([None, Format("json_object"), Format("json_schema", schema=RAW_SCHEMA)])),
        thinking=draw(
            st.sampled_from([None, Thinking("low"), Thinking("none"), Thinking(budget=512), Thinking("high", shown=False)])
        ),
        stop=tuple(draw(st.lists(WORDS, max_size=3))),
        max_tokens=draw(st.none() | st.integers(1, 99)),
        tier=draw(st.sampled_from([None, "default", "flex", "priority"])),
    )


def meaning(request: ChatRequest) -> dict[str, Any]:
    """What a request asks, whatever its dialect makes of turns."""
    system: list[str] = []
    said: list[tuple[Any, ...]] = []
    for message in request.messages:
        for part in message.parts:
            if message.role in ("system", "developer"):
                system.append(part.text if isinstance(part, Text) else "")
            else:
                said.append(("assistant" if message.role == "assistant" else "user", *_meant(part)))
    schema = bytes(request.format.schema) if request.format else b""
    thinking = request.thinking
    return {
        "system": "\n\n".join(system),
        "said": said,
        "tools": [(tool.name, tool.description, json.loads(bytes(tool.parameters))) for tool in request.tools],
        "choice": request.tool_choice,
        "format": (request.format.kind if request.format else "", json.loads(schema or b"0")),
        "thinking": (thinking.effort, thinking.budget) if thinking else None,
        "limits": (request.stop, request.max_tokens, request.seed, request.top_logprobs),
        "sampling": (request.temperature, request.top_p, request.top_k, request.presence_penalty, request.frequency_penalty),
        "tier": request.tier,
    }


def _meant(part: Part) -> tuple[Any, ...]:
    if isinstance(part, Called):
        return "calls", part.id, part.name, json.loads(part.arguments or "{}")
    if isinstance(part, Result):
        text = "\n".join(inner.text for inner in part.parts if isinstance(inner, Text))
        media = [inner.data for inner in part.parts if isinstance(inner, Media)]
        return "answers", part.call_id, _value(text), part.failed, media
    if isinstance(part, Media):
        return "shows", part.kind, part.data, part.url
    if isinstance(part, Reasoning):
        return "thinks", part.text
    assert isinstance(part, Text)
    return "says", part.text


def _value(text: str) -> Any:
    return json.loads(text) if text.startswith("{") and text.endswith("}") and '"' in text else text


@settings(max_examples=60)
@given(requests())
def test_a_conversation_keeps_its_meaning_on_the_way(request: ChatRequest) -> None:
    """Roles, texts, media, calls, results, tools, choice and schema: what the other side reads is what was asked."""
    call = WIRE.encode(request, TARGET, False)
    assert call.dropped == ()
    judge(json.loads(call.body))
    assert meaning(FACE.parse(call.body)) == meaning(request)


SIGNATURES = st.sampled_from(["", sealed("gemini", "UzE="), sealed("anthropic", "UzI=")])
NUMBERS = st.floats(-9, 0)
LOGPROBS = st.builds(TokenLogprob, WORDS, NUMBERS, st.lists(st.tuples(WORDS, NUMBERS), max_size=2).map(tuple))


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    """An answer of any origin."""
    thoughts = [Thought(draw(WORDS), draw(SIGNATURES.filter(bool))) for _ in range(draw(st.integers(0, 2)))]
    thoughts += [Thought(redacted=sealed("gemini", "UzM="))] if draw(st.booleans()) else []
    calls = [ToolCall(f"c{at}", draw(WORDS), draw(JSON), draw(SIGNATURES)) for at in range(draw(st.integers(0, 2)))]
    calls = [
        msgspec.structs.replace(call, arguments=json.dumps(json.loads(call.arguments), separators=(",", ":"), ensure_ascii=False))
        for call in calls
    ]
    text = draw(WORDS)
    return Completion(
        text=text,
        thoughts=tuple(thoughts),
        tool_calls=tuple(calls),
        finish_reason="tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter", "error"])),
        usage=Usage(9, 5, cached_tokens=2, reasoning_tokens=3),
        response_id="r",
        model_id="m",
        logprobs=tuple(draw(st.lists(LOGPROBS, max_size=2))),
    )


@settings(max_examples=60)
@given(completions())
def test_an_answer_is_the_same_on_both_sides(said: Completion) -> None:
    """Rendered or streamed by the face and read by the wire; Google's types take both. A signature is of this dialect here."""
    from google.genai.types import GenerateContentResponse

    request = ChatRequest(messages=(Message("user", (Text("hi"),)),))
    body = FACE.render(said, request, "r", 0)
    GenerateContentResponse.model_validate(json.loads(body))
    whole = msgspec.structs.replace(WIRE.decode(body), raw=b"")
    writer = FACE.writer(request, "r", 0, "m")
    events = [writer.write(delta) for delta in said.unfolded()] + [writer.finish()]
    for event in filter(None, events):
        GenerateContentResponse.model_validate(json.loads(event.removeprefix(b"data: ")))
    reader = WIRE.reader()
    streamed = Completion.folded(reader.feed(b"".join(events)) + reader.close())
    assert seen(whole) == seen(streamed) == seen(said)


def seen(said: Completion) -> Completion:
    """An answer whose signatures are those that a caller of this dialect sends back, and whose refusal is only its finish."""

    def back(signature: str) -> str:
        return (
            signature.removeprefix("lr1.gemini.")
            if signature.startswith("lr1.gemini.")
            else base64.b64encode(signature.encode()).decode()
        )

    return msgspec.structs.replace(
        said,
        refusal="",
        thoughts=tuple(Thought(t.text, back(t.signature), back(t.redacted)) for t in said.thoughts),
        tool_calls=tuple(ToolCall(c.id, c.name, c.arguments, back(c.signature)) for c in said.tool_calls),
    )


BODIES = sorted(path for path in SAID.iterdir() if path.suffix in (".json", ".sse"))


@settings(max_examples=150)
@given(st.sampled_from(BODIES), st.integers(0, 3000), st.binary(max_size=3), st.integers(0, 3))
def test_nothing_that_a_host_may_say_breaks_the_readers(path: Path, at: int, noise: bytes, gone: int) -> None:
    """A fixture with bytes replaced anywhere is an answer or an error of ours, whole, streamed and as a failure."""
    body = path.read_bytes()
    at %= len(body)
    body = body[:at] + noise + body[at + gone :]
    with suppress(RouterError):
        assert isinstance(WIRE.decode(body), Completion)
    reader = WIRE.reader()
    with suppress(RouterError):
        assert all(isinstance(delta, Delta) for delta in reader.feed(body) + reader.close())
    assert isinstance(WIRE.fault(400, {}, body), RouterError)
    with suppress(RouterError):
        assert isinstance(FACE.parse(body), ChatRequest)
