"""Mistral's own SDK judges Mistral's dialect: its bytes for a conversation are ours, its types take all we send and render."""

# The SDK costs seconds to import, which no other test should pay.
# ruff: noqa: PLC0415

import json
import warnings
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from msgspec import Raw
from msgspec.structs import replace

from app.clients.mistral_client import FACE, WIRE
from app.domain.answer import Completion, Thought, TokenLogprob, ToolCall, Usage
from app.domain.request import (
    Called,
    ChatRequest,
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
from judges import mistral_asked
from judges.asked import Asked

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
SCHEMA_RAW = Raw(json.dumps(SCHEMA).encode())
TARGET = Target(
    name="row",
    provider="mistral",
    model_id="mistral-small-2603",
    dialect="mistral",
    wire="mistral",
    base_url="https://api.mistral.ai/v1",
    key_env=("MISTRAL_API_KEY",),
    capabilities=frozenset({"sampling", "reasoning"}),
)

# one conversation, as the SDK's callers say it and as ours
SAID: dict[str, Any] = {
    "model": TARGET.model_id,
    "messages": [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                {"type": "document_url", "document_url": "https://a.b/c.pdf", "document_name": "c.pdf"},
                {"type": "input_audio", "input_audio": "UklG"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "sig"},
                {"type": "text", "text": "Wait."},
            ],
            "tool_calls": [{"id": "aB3dE5gH7", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}],
        },
        {"role": "tool", "tool_call_id": "aB3dE5gH7", "name": "weather", "content": "3 degrees"},
        {"role": "assistant", "content": "It is", "prefix": True},
    ],
    "tools": [
        {"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": SCHEMA, "strict": True}}
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "city", "schema": SCHEMA, "description": "It.", "strict": True},
    },
    "max_tokens": 99,
    "temperature": 0.3,
    "top_p": 0.9,
    "top_k": 40,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "stop": ["END"],
    "random_seed": 7,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "reasoning_effort": "high",
    "service_tier": "standard_only",
    "metadata": {"team": "a", "user_id": "u"},
    "prompt_cache_key": "k",
    "prediction": {"type": "content", "content": "It is"},
    "safe_prompt": True,
}
EXTRA = {
    "prompt_cache_key": Raw(b'"k"'),
    "prediction": Raw(b'{"type":"content","content":"It is"}'),
    "safe_prompt": Raw(b"true"),
}
REQUEST = ChatRequest(
    messages=(
        Message("system", (Text("Be kind."),)),
        Message(
            "user",
            (
                Text("Look."),
                Media("image", "image/png", PNG, detail="low"),
                Media("file", url="https://a.b/c.pdf", name="c.pdf"),
                Media("audio", "audio/wav", "UklG"),
            ),
        ),
        Message(
            "assistant",
            (Reasoning("hm", "sig", signer="mistral"), Text("Wait."), Called("aB3dE5gH7", "weather", '{"city":"Oslo"}')),
        ),
        Message("tool", (Result("aB3dE5gH7", (Text("3 degrees"),), name="weather"),)),
        Message("assistant", (Text("It is"),)),
    ),
    tools=(Tool("weather", "Of a city.", SCHEMA_RAW, True),),
    tool_choice=ToolChoice("required", ("weather",)),
    parallel_tools=False,
    format=Format("json_schema", "city", SCHEMA_RAW, True, "It."),
    max_tokens=99,
    temperature=0.3,
    top_p=0.9,
    top_k=40.0,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    stop=("END",),
    seed=7,
    n=2,
    logprobs=True,
    top_logprobs=3,
    thinking=Thinking("high"),
    tier="default",
    user="u",
    metadata={"team": "a"},
    extra=tuple(EXTRA),
    original=Original("openai", EXTRA),
)


@pytest.fixture(scope="module")
def sdk() -> Any:
    """Imported once; what the SDK warns of at import is its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mistralai.client

        mistral_asked.types()
        return mistralai.client


def captured(sdk: Any, stream: bool) -> tuple[str, dict[str, str], dict[str, Any]]:
    """(path, headers, body) that the SDK puts on the wire for the conversation."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        said = Completion(text="hi", finish_reason="stop", usage=Usage(1, 1), response_id="r", model_id="m")
        if not stream:
            return httpx2.Response(200, json=json.loads(FACE.render(said, REQUEST, "id", 1)))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"data: [DONE]\n\n")

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        chat = sdk.Mistral(api_key="k", client=http).chat
        if stream:
            with chat.stream(**SAID) as events:
                list(events)
        else:
            chat.complete(**SAID)
    return seen[0].url.path, dict(seen[0].headers), json.loads(seen[0].content)


@pytest.mark.parametrize("stream", [False, True])
def test_the_sdks_bytes_for_a_conversation_are_ours(sdk: Any, stream: bool) -> None:
    """The same path, scheme and fields, but for defaults that the SDK spells out."""
    path, headers, body = captured(sdk, stream)
    for message in body["messages"]:
        if message.get("prefix") is False:
            del message["prefix"]
    if not stream:
        assert body.pop("stream") is False
    call = WIRE.encode(REQUEST, TARGET, stream)
    assert json.loads(call.body) == body
    assert call.url == f"https://api.mistral.ai{path}"
    assert headers["authorization"] == "Bearer k"
    assert (call.auth, call.dropped) == ("bearer", ())


@pytest.mark.parametrize("stream", [False, True])
def test_the_face_understands_what_the_sdk_sends(sdk: Any, stream: bool) -> None:
    """All of it, so that the mock plays every part."""
    _, _, body = captured(sdk, stream)
    heard = FACE.parse(json.dumps(body).encode())
    assert replace(heard, model="auto", stream=False, include_usage=False, messages=(), tools=(), format=None) == replace(
        REQUEST, messages=(), tools=(), format=None, extra=heard.extra
    )
    assert set(heard.extra) == set(REQUEST.extra)
    assert [message.role for message in heard.messages] == [message.role for message in REQUEST.messages]
    assert [message.parts for message in heard.messages[2:]] == [message.parts for message in REQUEST.messages[2:]]
    assert heard.messages[1].parts[:3] == REQUEST.messages[1].parts[:3]
    assert json.loads(bytes(heard.tools[0].parameters)) == SCHEMA
    assert heard.format is not None
    assert json.loads(bytes(heard.format.schema)) == SCHEMA


REQUESTS = [
    REQUEST,
    ChatRequest(messages=(Message("developer", (Text("x"), Text("y"))), Message("user", (Text("hi"),)))),
    replace(
        REQUEST,
        tools=(Tool("a"), Tool("b", parameters=Raw(b"{}"))),
        tool_choice=ToolChoice("auto", ("b",)),
        format=Format("json_object"),
    ),
    replace(REQUEST, tool_choice=ToolChoice("required"), format=Format("json_schema"), thinking=Thinking(budget=5000)),
    ChatRequest(
        messages=(
            Message("user", (Text("hi"), Media("image", url="https://a.b/c", detail="original"))),
            Message("assistant", (Called("call_1", "f", ""), Called("call_1", "g", " {} "))),
            Message("tool", (Result("call_1", ()), Result("call_1", (Text("x"), Media("image", "image/png", PNG)), failed=True))),
            Message("system", (Text("be brief"),)),
            Message("user", (Text("go on"),)),
        ),
        user="u",
        tier="priority",
    ),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("request_", REQUESTS)
def test_every_call_is_one_that_the_provider_takes(sdk: Any, request_: ChatRequest, stream: bool) -> None:
    """By the SDK's types, no field unknown at any depth, and by what the API refuses beyond them."""
    call = WIRE.encode(request_, TARGET, stream)
    path = call.url.removeprefix("https://api.mistral.ai/v1")
    assert mistral_asked.complaints(Asked.of("mistral", path, {"authorization": "Bearer k"}, call.body)) == []
    assert list(order_faults(json.loads(call.body)["messages"])) == []


def order_faults(messages: list[dict[str, Any]]) -> list[str]:
    """The API's rule for who speaks after whom (error 3230), as its own open validator has it."""
    after = {
        "system": {"user", "assistant", "system"},
        "user": {"assistant", "system", "user"},
        "assistant": {"assistant", "user", "tool"},
        "tool": {"assistant", "tool"},
    }
    roles = [message["role"] for message in messages]
    return [f"{role} after {before}" for before, role in pairwise(roles) if role not in after[before]]


CALLS = (ToolCall("aB3dE5gH7", "f", '{"a":1}'), ToolCall("null", "g", "{}"))
TOKENS = (TokenLogprob("é", -0.5, (("é", -0.5), ("e", -1.5))),)
ANSWERS = [
    Completion(),
    Completion(text="hi", finish_reason="stop", usage=Usage(9, 5, 3, 0, 2), response_id="r", model_id="m", logprobs=TOKENS),
    Completion(
        thoughts=(Thought("hm", "sig"), Thought(redacted="x"), Thought("so")), tool_calls=CALLS, finish_reason="tool_calls"
    ),
    Completion(text="a", finish_reason="length", others=(Completion(text="b", logprobs=TOKENS), Completion(tool_calls=CALLS))),
    Completion(refusal="no", finish_reason="content_filter"),
]


@pytest.mark.parametrize("said", ANSWERS)
def test_every_answer_is_of_the_sdks_type(sdk: Any, said: Completion) -> None:
    """Whole, and each event of the stream; nothing falls into a kind that the SDK does not know."""
    from mistralai.client.models import ChatCompletionResponse, CompletionChunk

    whole = ChatCompletionResponse.model_validate(json.loads(FACE.render(said, REQUEST, "id", 1)))
    assert "Unknown" not in repr(whole)
    writer = FACE.writer(REQUEST, "id", 1, "m")
    stream = b"".join(writer.write(delta) for delta in said.unfolded()) + writer.finish()
    for line in stream.split(b"\n\n")[:-2]:
        chunk = CompletionChunk.model_validate(json.loads(line.removeprefix(b"data: ")))
        assert "Unknown" not in repr(chunk)
