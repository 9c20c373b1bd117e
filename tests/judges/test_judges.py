"""The judges are no softer than the providers: they take what the SDKs send, refuse what providers refuse, and speak as providers do."""

# The SDKs cost seconds to import, which no other test should pay.
# ruff: noqa: PLC0415

import json
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from pydantic import TypeAdapter

from judges.asked import Asked
from judges.said import Counts, Fault, Overflow, Said, SaidCall, proof
from judges.upstream import SAYS, WIRES, JudgedUpstream, judge

PATHS = {
    "openai": "/chat/completions",
    "llama": "/chat/completions",
    "mistral": "/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1/models/m:generateContent",
}
HEADERS = {"authorization": "Bearer key", "x-goog-api-key": "key", "anthropic-version": "2026-10-21"}
HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
PLAIN: dict[str, dict[str, Any]] = {
    "openai": HELLO,
    "llama": HELLO,
    "mistral": HELLO,
    "anthropic": {**HELLO, "max_tokens": 9},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hello."}]}]},
}
CALL = SaidCall("f", {"x": 1})
ANSWERS = {
    "text": Said(),
    "thought": Said(thought="Hm.", signed=True),
    "calls": Said(calls=(CALL, CALL)),
    "signed call": Said(thought="Hm.", calls=(SaidCall("f", {}, signed=True),)),
    "refusal": Said(refusal="No."),
    "blocked": Said(blocked=True),
    "length": Said(finish="length", counts=Counts(9, 8, 3, 2)),
    "logprobs": Said(logprobs=True),
    "usage first": Said(counted="first"),
    "usage last": Said(counted="last"),
    "crowded calls": Said(calls=(CALL, CALL), crowded=True),
}


@pytest.fixture(scope="module", autouse=True)
def sdks() -> Iterator[None]:
    """The SDKs are loaded once, and what they warn of then is theirs."""
    with JudgedUpstream() as upstream:
        for wire in WIRES:
            upstream.base_url(wire)
        yield


def asked(wire: str, body: dict[str, Any], headers: dict[str, str] = HEADERS, **changes: Any) -> Asked:
    """A request of this wire, as its provider hears it."""
    sent = {**body, **changes}
    return Asked.of(wire, PATHS[wire], headers, json.dumps(sent).encode())


def complaints(wire: str, **changes: Any) -> str:
    return "; ".join(judge(asked(wire, PLAIN[wire], **changes)).complaints)


@cache
def types(wire: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The SDK's own types of a whole answer and of a streamed event."""
    if wire == "anthropic":
        from anthropic.types import Message, RawMessageStreamEvent

        return Message.model_validate, TypeAdapter[Any](RawMessageStreamEvent).validate_python
    if wire == "gemini":
        from google.genai.types import GenerateContentResponse

        return GenerateContentResponse.model_validate, GenerateContentResponse.model_validate
    if wire == "mistral":
        from mistralai.client.models import ChatCompletionResponse, CompletionChunk

        return ChatCompletionResponse.model_validate, CompletionChunk.model_validate
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    return ChatCompletion.model_validate, ChatCompletionChunk.model_validate


@pytest.mark.parametrize(("wire", "answer"), list(product(WIRES, ANSWERS)))
def test_every_reply_is_one_that_the_sdk_reads(wire: str, answer: str) -> None:
    whole, event = types(wire)
    request = asked(wire, PLAIN[wire])
    whole(json.loads(SAYS[wire].whole(ANSWERS[answer], request)))
    for said in SAYS[wire].events(ANSWERS[answer], request):
        data = said.decode().partition("data: ")[2].strip()
        if data not in ("[DONE]", '{"type": "ping"}'):
            event(json.loads(data))


@pytest.mark.parametrize("wire", WIRES)
def test_a_plain_request_is_taken_and_understood(wire: str) -> None:
    judged = judge(asked(wire, PLAIN[wire]))
    assert judged.complaints == ()
    assert judged.wish.said_by("user") == "Hello."


@pytest.mark.parametrize("wire", WIRES)
def test_a_field_that_no_type_knows_is_refused_unless_the_script_says_otherwise(wire: str) -> None:
    assert "news" in complaints(wire, news=1)
    request = asked(wire, PLAIN[wire], news=1)
    assert judge(Asked(wire, request.path, HEADERS, request.sent, request.body, frozenset({"news"}))).complaints == ()


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_without_its_key_is_refused(wire: str) -> None:
    assert judge(asked(wire, PLAIN[wire], {"anthropic-version": "2026-10-21"})).complaints


@pytest.mark.parametrize(
    ("wire", "changes", "complaint"),
    [
        (
            "openai",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]},
            "cache_control",
        ),
        ("openai", {"messages": [{"role": "assistant", "content": "x", "reasoning_content": "y"}]}, "reasoning_content"),
        ("openai", {"tools": []}, "empty"),
        ("openai", {"model": "gpt-6.2-sol", "temperature": 1}, "not with this model"),
        ("openai", {"stream_options": {"include_usage": True}}, "without stream"),
        ("mistral", {"stream_options": {"include_usage": True}}, "stream_options"),
        ("mistral", {"max_completion_tokens": 5}, "max_completion_tokens"),
        ("mistral", {"messages": [{"role": "user", "content": "x", "name": "y"}]}, "name"),
        ("anthropic", {"temperature": 1}, "temperature"),
        ("anthropic", {"max_tokens": None}, "max_tokens"),
        ("anthropic", {"system": ""}, "empty"),
        ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024}, "budget"),
        ("anthropic", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "continue"),
        (
            "anthropic",
            {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y "}]},
            "trailing whitespace",
        ),
        ("gemini", {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "role"),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "x", "news": 1}]}]}, "news"),
        ("gemini", {"contents": [{"role": "user", "parts": [{"text": "x"}]}] * 2}, "in a row"),
        ("gemini", {"generationConfig": {"responseJsonSchema": {}}}, "responseMimeType"),
    ],
)
def test_what_the_provider_refuses_is_refused(wire: str, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints(wire, **changes)


def test_older_claude_goes_on_with_a_beginning_of_its_answer() -> None:
    begun = [*HELLO["messages"], {"role": "assistant", "content": "Once"}]
    assert complaints("anthropic", model="claude-haiku-4-5", messages=begun) == ""


def test_sampling_goes_to_claude_only_under_the_previous_version_and_to_older_models() -> None:
    before = {**HEADERS, "anthropic-version": "2023-06-01"}
    plain = PLAIN["anthropic"]
    assert judge(asked("anthropic", plain, before, model="claude-haiku-4-5", temperature=0.5)).complaints == ()
    assert judge(asked("anthropic", plain, before, model="claude-sonnet-5-5", temperature=0.5)).complaints
    assert judge(asked("anthropic", plain, model="claude-haiku-4-5", temperature=0.5)).complaints


def called(call_id: str, *answered: str) -> list[dict[str, Any]]:
    """A history with one call and results for these ids."""
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    results = [{"role": "tool", "tool_call_id": answer, "content": "y"} for answer in answered]
    return [*HELLO["messages"], {"role": "assistant", "content": "", "tool_calls": [call]}, *results]


def test_calls_and_results_must_pair_up() -> None:
    assert complaints("openai", messages=called("a", "a")) == ""
    assert "without a result" in complaints("openai", messages=called("a"))
    assert "no call" in complaints("openai", messages=called("a", "b"))
    assert "46 characters" in complaints("openai", messages=called("a" * 46, "a" * 46))
    assert complaints("llama", messages=called("a" * 46, "a" * 46)) == ""
    assert "the call id" in complaints("mistral", messages=called("call_0123456789", "call_0123456789"))


def test_an_image_must_be_what_it_is_called() -> None:
    url = {"url": "data:image/png;base64,/9j/4AAQ"}
    assert "called image/png" in complaints(
        "openai", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]
    )


@pytest.mark.parametrize("signature", [proof("anthropic", "other"), proof("gemini", "m"), "lr1.anthropic.x"])
def test_a_signature_of_somebody_else_is_refused(signature: str) -> None:
    thought = {"type": "thinking", "thinking": "x", "signature": signature}
    spoken = [*HELLO["messages"], {"role": "assistant", "content": [thought]}, *HELLO["messages"]]
    assert "signature" in complaints("anthropic", messages=spoken)


def test_a_signature_of_its_own_is_taken() -> None:
    thought = {"type": "thinking", "thinking": "x", "signature": proof("anthropic", "m")}
    spoken = [*HELLO["messages"], {"role": "assistant", "content": [thought]}, *HELLO["messages"]]
    assert complaints("anthropic", messages=spoken) == ""


@pytest.mark.parametrize(("wire", "failure"), list(product(WIRES, [Overflow(9, 8), Fault()])))
def test_failures_name_their_numbers_or_their_status(wire: str, failure: Overflow | Fault) -> None:
    status, body = SAYS[wire].fault(Said(failure=failure))
    assert status == (400 if isinstance(failure, Overflow) else 503)
    assert json.loads(body)
    assert isinstance(failure, Fault) or ("9" in body.decode() and "8" in body.decode())


def test_the_openai_sdk_talks_to_the_upstream() -> None:
    """Scripts answer in order, marked ones to their own requests; every request is heard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openai import OpenAI
    with JudgedUpstream() as upstream:
        upstream.script(Said(text="One."), Said(text="Two."))
        upstream.script(Said(text="Marked."), mark="(7)")
        with OpenAI(base_url=upstream.base_url("openai"), api_key="key", max_retries=0) as client:
            said = [
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}]).choices[0].message.content
                for text in ("a", "b (7)", "c", "d")
            ]
        assert said == ["One.", "Marked.", "Two.", "Hello from upstream."]
        assert upstream.complaints == []
        assert [judged.wish.said_by("user") for judged in upstream.heard] == ["a", "b (7)", "c", "d"]
        upstream.forget()
        assert upstream.heard == []
