"""Mistral's dialect: like OpenAI's, but that unknown fields are refused, content comes in chunks and errors in three forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.clients.mistral_client import WIRE
from app.domain.answer import Completion, Delta, Usage
from app.domain.request import ChatRequest, Message, Role, Text
from app.domain.target import Target
from app.errors import (
    ContextTooLong,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    RouterError,
)

SAID = Path(__file__).parent / "said" / "mistral"
SAMPLES = frozenset({"sampling"})


def target(**changes: Any) -> Target:
    facts = {"name": "row", "provider": "mistral", "model_id": "mistral-small-2603", "dialect": "mistral", "wire": "mistral"}
    facts |= {"base_url": "https://api.mistral.ai/v1", "key_env": ("MISTRAL_API_KEY",), "capabilities": SAMPLES}
    return Target(**{**facts, **changes})


def says(*turns: tuple[Role, str], **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, (Text(text),)) for role, text in turns), **wishes)


def sent(request: ChatRequest, stream: bool = False, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), stream).body)
    return body


def read(body: bytes) -> list[Delta]:
    reader = WIRE.reader()
    return reader.feed(body) + reader.close()


def test_wishes_are_told_in_its_words_and_nothing_else_is() -> None:
    """`random_seed`, `max_tokens`; no stream options, no user: an unknown field would get the whole request refused."""
    wishes = {"max_tokens": 9, "temperature": 2.0, "top_p": 0.5, "stop": ("a",), "seed": 7, "json_mode": True, "user": "u"}
    request = says(("developer", "Be kind."), ("user", "hi"), **wishes, include_usage=True, metadata={"a": "b"})
    assert sent(request, stream=True) == {
        "model": "mistral-small-2603",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}],
        "max_tokens": 9,
        "temperature": 1.5,
        "top_p": 0.5,
        "stop": ["a"],
        "random_seed": 7,
        "response_format": {"type": "json_object"},
        "stream": True,
    }
    call = WIRE.encode(request, target(), True)
    assert (call.url, call.auth, call.dropped) == ("https://api.mistral.ai/v1/chat/completions", "bearer", ())


def test_what_it_cannot_take_is_dropped_and_named() -> None:
    """A negative seed, and sampling where the model has none."""
    request = says(("user", "hi"), seed=-1, temperature=0.0, top_p=1.0, max_tokens=99)
    call = WIRE.encode(request, target(capabilities=frozenset(), max_output=50), False)
    assert call.dropped == ("seed", "temperature", "top_p")
    assert json.loads(call.body)["max_tokens"] == 50


def test_a_conversation_may_end_with_the_assistant_and_hold_silence() -> None:
    """A last assistant turn is marked as the beginning to go on from; blank messages are not sent."""
    assert sent(says(("user", "hi"), ("assistant", ""), ("assistant", "Once upon")))["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Once upon", "prefix": True},
    ]


@pytest.mark.parametrize("name", ["thinking.json", "thinking.sse"])
def test_thinking_is_told_apart_from_the_answer(name: str) -> None:
    """Content in chunks: text is joined, thinking collected, what is neither is passed over."""
    body = (SAID / name).read_bytes()
    said = WIRE.decode(body) if name.endswith(".json") else Completion.folded(read(body))
    assert (said.text, said.reasoning) == ("Qubits hold many states at once ⚛.", "Superposition first.")
    assert said.usage == Usage(14, 8, cached_tokens=4)


def test_calls_come_whole_with_text_or_an_object_as_arguments() -> None:
    """An id that says null is none."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    streamed = Completion.folded(read((SAID / "tools.sse").read_bytes()))
    assert whole.tool_calls == streamed.tool_calls
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    assert [(call.id, call.name, json.loads(call.arguments)) for call in whole.tool_calls] == [
        ("D681PevKs", "weather", {"city": "Oslo"}),
        ("", "time", {}),
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("stop", "stop"), ("length", "length"), ("model_length", "length"), ("error", "error"), ("brand_new", "stop"), (None, None)],
)
def test_every_finish_reason_has_its_word(word: str | None, reason: str | None) -> None:
    """The list is open: unknown reasons are ordinary stops."""
    body = json.loads((SAID / "whole.json").read_bytes())
    body["choices"][0]["finish_reason"] = word
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason


def test_a_second_answer_in_a_stream_does_not_mix_into_the_first() -> None:
    """Chunks of other choices pass with their bytes and say nothing."""
    other = {"id": "x", "model": "m", "choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "length"}]}
    body = (SAID / "stream.sse").read_bytes()
    mixed = Completion.folded(read(b"data: " + json.dumps(other).encode() + b"\n\n" + body))
    assert (mixed.text, mixed.finish_reason) == ("Qubits hold many states at once ⚛.", "stop")


def flat(message: object, kind: str = "x") -> dict[str, object]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": "1500"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"detail": "Unauthorized"}, ProviderAuth),
        (400, flat("Invalid model: mistral-large-2411", "invalid_model"), ProviderRefused),
        (400, flat("Invalid model: mistral-large-2411"), ProviderRefused),
        (400, flat({"detail": [{"type": "missing"}]}, "invalid_request_error"), ProviderRejected),
        (422, {"error": {"message": "Too large for model with 8192 maximum context length"}}, ContextTooLong),
        (503, flat("Service tier capacity exceeded for this model."), ProviderOverloaded),
        (500, flat("Internal"), ProviderError),
    ],
)
def test_each_failure_gets_its_meaning(status: int, body: object, kind: type[RouterError]) -> None:
    """A retired model is a 400 here, which another provider does not share."""
    assert type(WIRE.fault(status, {}, json.dumps(body).encode())) is kind


def test_a_rejected_field_is_named() -> None:
    """The 422 lists what is wrong, and the error says it; inside a 200 it means the same."""
    body = (SAID / "rejected.json").read_bytes()
    fault = WIRE.fault(422, {}, body)
    assert type(fault) is ProviderRejected
    assert "body.user: Extra inputs are not permitted" in fault.message
    with pytest.raises(ProviderRejected):
        WIRE.decode(body)


def test_a_rate_limit_is_heeded() -> None:
    """As a failure with its wait, and as an object inside a 200."""
    body = (SAID / "rate_limited.json").read_bytes()
    fault = WIRE.fault(429, {"retry-after": "2.5"}, body)
    assert (type(fault), fault.retry_after) == (ProviderRateLimited, 2.5)
    with pytest.raises(ProviderRateLimited):
        WIRE.decode(body)
