"""Gemini's dialect: the model in the URL, thoughts beside the answer, blocked prompts, streams without a terminator."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.clients.gemini_client import FACE, WIRE
from app.domain.answer import Completion, Delta, Thought, TokenLogprob, Usage
from app.domain.request import ChatRequest, Format, Message, Role, Text
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    ContextTooLong,
    ProviderAuth,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    RouterError,
)

SAID = Path(__file__).parent / "said" / "gemini"
SAMPLES = frozenset({"sampling"})


def target(**changes: Any) -> Target:
    facts: dict[str, Any] = {
        "name": "row",
        "provider": "gemini",
        "model_id": "gemini-2.5-flash",
        "dialect": "gemini",
        "wire": "gemini",
    }
    facts |= {"base_url": "https://generativelanguage.googleapis.com", "key_env": ("GEMINI_API_KEY",), "capabilities": SAMPLES}
    return Target(**{**facts, **changes})


def says(*turns: tuple[Role, str], **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, (Text(text),)) for role, text in turns), **wishes)


def sent(request: ChatRequest, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), False).body)
    return body


def read(body: bytes) -> list[Delta]:
    reader = WIRE.reader()
    return reader.feed(body) + reader.close()


HI = says(("user", "hi"))


def test_the_model_and_the_form_stand_in_the_url_and_the_key_does_not() -> None:
    """The verb says whether to stream; an id cannot break out of its place in the path."""
    root = "https://generativelanguage.googleapis.com/v1/models"
    assert WIRE.encode(HI, target(), False).url == f"{root}/gemini-2.5-flash:generateContent"
    assert WIRE.encode(HI, target(), True).url == f"{root}/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert WIRE.encode(HI, target(model_id="../a?b#c"), False).url == f"{root}/..%2Fa%3Fb%23c:generateContent"
    assert WIRE.encode(HI, target(), False).auth == "x-goog-api-key"
    assert sent(HI) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def test_instructions_and_turns_find_their_places() -> None:
    """One system instruction, the role `model`, equal roles merged, blank text not sent."""
    body = sent(
        says(("system", "Be kind."), ("developer", "Be brief."), ("user", "a"), ("user", ""), ("assistant", "b"), ("system", "c"))
    )
    assert body["systemInstruction"] == {"parts": [{"text": "Be kind.\n\nBe brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [{"text": "b"}]},
        {"role": "user", "parts": [{"text": "[system] c"}]},
    ]


def test_wishes_are_told_in_its_words() -> None:
    """Limits, sampling, stop sequences, seed and JSON sit in the generation config; the limit never above the model's own."""
    wishes = {
        "max_tokens": 9000,
        "temperature": 1.5,
        "top_p": 0.5,
        "stop": ("a", "b"),
        "seed": 7,
        "format": Format("json_object"),
    }
    assert sent(says(("user", "hi"), **wishes), max_output=8192)["generationConfig"] == {
        "maxOutputTokens": 8192,
        "temperature": 1.5,
        "topP": 0.5,
        "stopSequences": ["a", "b"],
        "seed": 7,
        "responseMimeType": "application/json",
    }


def test_what_it_cannot_take_is_dropped_and_named() -> None:
    """More than five stop sequences, a seed beyond 32 bits, sampling where the model has none."""
    request = says(("user", "hi"), stop=tuple("abcdef"), seed=2**40, temperature=0.0, top_p=0.1)
    call = WIRE.encode(request, target(capabilities=frozenset()), False)
    assert call.dropped == ("stop", "temperature", "top_p", "seed")
    assert json.loads(call.body)["generationConfig"] == {"stopSequences": list("abcde")}


def test_thoughts_are_billed_as_output_and_kept_apart_from_the_text() -> None:
    """Its candidates exclude thoughts; our output includes them."""
    said = WIRE.decode((SAID / "whole.json").read_bytes())
    assert said.reasoning == "Superposition first."
    assert said.usage == Usage(input_tokens=14, output_tokens=28, cached_tokens=4, reasoning_tokens=20)


@pytest.mark.parametrize(
    ("name", "finish", "refusal", "usage"),
    [
        ("blocked.json", "content_filter", "PROHIBITED_CONTENT", Usage(9, 0)),
        ("thoughts_only.json", "length", "", Usage(9, 16, reasoning_tokens=16)),
        ("withheld.json", "content_filter", "Withheld for safety.", Usage(9, 0)),
    ],
)
def test_an_answer_without_text_is_an_answer(name: str, finish: str, refusal: str, usage: Usage) -> None:
    """A blocked prompt, tokens spent on thoughts alone, withheld content: empty, explained, billed; whole and streamed."""
    body = (SAID / name).read_bytes()
    event = b"data: " + json.dumps(json.loads(body)).encode() + b"\n\n"
    for said in (WIRE.decode(body), Completion.folded(read(event))):
        assert (said.text, said.finish_reason, said.refusal, said.usage) == ("", finish, refusal, usage)


def test_calls_make_the_finish_reason_and_always_have_an_id() -> None:
    """There is no reason for calls here, and often no id: the same answer always gets the same one."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    streamed = Completion.folded(read((SAID / "tools.sse").read_bytes()))
    assert whole.tool_calls == streamed.tool_calls
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"
    weather, time = whole.tool_calls
    assert (weather.id, weather.name, json.loads(weather.arguments)) == ("fc_1", "weather", {"city": "Oslo"})
    assert (time.name, time.arguments, time.id[:5], len(time.id)) == ("time", "{}", "call_", 29)


def test_only_the_bodys_end_is_the_end() -> None:
    """A finish reason in every event does not cut the answer, and the finish and the last usage are told once, at the end."""
    reader = WIRE.reader()
    deltas = reader.feed((SAID / "early_finish.sse").read_bytes())
    assert not reader.done
    assert all(delta.finish_reason is None and delta.usage is None for delta in deltas)
    assert reader.close() == [Delta(finish_reason="stop", usage=Usage(14, 8))]
    assert "".join(delta.text for delta in deltas) == "Qubits hold many states at once ⚛."


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("OTHER", "stop"),
        ("BRAND_NEW", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("RECITATION", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "error"),
    ],
)
def test_every_finish_reason_has_its_word(word: str, reason: str) -> None:
    """Unknown reasons are ordinary stops; withheld content and broken generations are told apart."""
    body = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": word}]}
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason


def test_tokens_of_tool_results_count_as_input() -> None:
    """They are billed as prompt tokens but counted apart."""
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": None}
    body = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}
    assert WIRE.decode(json.dumps(body).encode()).usage == Usage(15, 1)


def test_usage_that_contradicts_itself_is_not_believed() -> None:
    """More cached tokens than prompt tokens cannot be."""
    usage = {"promptTokenCount": 10, "cachedContentTokenCount": 11, "candidatesTokenCount": 1}
    assert WIRE.decode(json.dumps({"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}).encode()).usage is None


def test_a_rate_limit_says_how_long_in_its_details() -> None:
    """RetryInfo is read, in the array of a stream too; a wait that is no plain number of seconds is none."""
    body = (SAID / "rate_limited.json").read_bytes()
    fault = WIRE.fault(429, {}, body)
    assert (type(fault), fault.retry_after) == (ProviderRateLimited, 17.5)
    with pytest.raises(ProviderRateLimited):
        read(body)
    with pytest.raises(ProviderRateLimited):
        WIRE.decode(body)
    for delay in ("-1s", "١٧s", "1e9s", "17", "1.5.5s", ""):
        assert WIRE.fault(429, {}, body.replace(b"17.5s", delay.encode())).retry_after is None
    assert WIRE.fault(429, {}, body.replace(b"17.5s", b"999999s")).retry_after == 3600


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"status": "INVALID_ARGUMENT", "message": "API key expired. Please renew the API key."}, ProviderAuth),
        (400, {"status": "FAILED_PRECONDITION", "message": "User location is not supported for the API use."}, ProviderRefused),
        (400, {"status": "INVALID_ARGUMENT", "message": "Unknown name"}, ProviderRejected),
        (403, {"status": "PERMISSION_DENIED", "details": [{"@type": "x", "reason": "BILLING_DISABLED"}]}, ProviderQuota),
        (403, {"status": "PERMISSION_DENIED", "message": "no"}, ProviderAuth),
        (404, {"status": "NOT_FOUND", "message": "models/x is not found"}, ProviderRefused),
    ],
)
def test_each_failure_gets_its_meaning(status: int, error: dict[str, Any], kind: type[RouterError]) -> None:
    """A bad key is a 400 here; region and plan are refusals that another provider does not share."""
    assert type(WIRE.fault(status, {}, json.dumps({"error": {"code": status, **error}}).encode())) is kind
    assert type(WIRE.fault(400, {}, (SAID / "bad_key.json").read_bytes())) is ProviderAuth


@pytest.mark.parametrize(("tokens", "limit"), [(1_200_000, 1_048_576), (None, None)])
def test_an_overflow_keeps_its_numbers_and_its_wording(tokens: int | None, limit: int | None) -> None:
    """In Google's words both ways, so that clients shorten instead of giving up; no numbers are invented."""
    fault = WIRE.fault(400, {}, FACE.complain(ContextTooLong("too long", tokens=tokens, limit=limit), "r"))
    assert isinstance(fault, ContextTooLong)
    assert (fault.tokens, fault.limit) == (tokens, limit)


def test_tokens_are_told_with_their_probabilities() -> None:
    """A logarithm of zero is left out by the host, and a token may come without alternatives."""
    said = WIRE.decode((SAID / "logprobs.json").read_bytes())
    assert said.logprobs == (TokenLogprob("No", -0.25, (("No", -0.25), ("Yes", -1.5))), TokenLogprob(" way", 0.0))


def test_calls_of_one_step_are_told_apart_and_signatures_are_sealed() -> None:
    """Two calls in one event; the text's own signature is a thought without words; each is marked as this dialect's."""
    said = Completion.folded(read((SAID / "parallel_calls.sse").read_bytes()))
    first, second = said.tool_calls
    assert (first.arguments, second.arguments) == ('{"city":"Oslo"}', '{"city":"Bern"}')
    assert first.id != second.id
    assert (first.signature, second.signature) == ("lr1.gemini.CiQB", "")
    assert said.thoughts == (Thought("Both at once."), Thought(redacted="lr1.gemini.CiQC"))
    assert said.finish_reason == "tool_calls"


def test_a_call_that_nobody_can_read_is_no_answer() -> None:
    """No text, no call, and the finish says why: the next candidate is asked, whole and streamed."""
    body = (SAID / "malformed_call.json").read_bytes()
    with pytest.raises(BadAnswer, match="broke off"):
        WIRE.decode(body)
    reader = WIRE.reader()
    reader.feed(b"data: " + json.dumps(json.loads(body)).encode() + b"\n\n")
    with pytest.raises(BadAnswer, match="broke off"):
        reader.close()


def test_content_withheld_without_a_message_names_the_reason() -> None:
    """The refusal is never empty."""
    assert WIRE.decode(b'{"candidates": [{"finishReason": "SPII"}]}').refusal == "SPII"


def test_every_event_is_kept_as_it_goes_on_the_wire() -> None:
    """What a caller of this dialect would get: the event whole, once, also when its data came in two lines."""
    event = b'data: {"candidates": [{"content": {"parts": [{"text": "a"},\ndata: {"text": "b"}]}}]}\n\n'
    deltas = WIRE.reader().feed(event)
    assert [delta.raw for delta in deltas] == [event, b""]
    assert "".join(delta.text for delta in deltas) == "ab"
    writer = FACE.writer(HI, "id", 0, "m", native=True)
    assert b"".join(writer.write(delta) for delta in deltas) + writer.finish() == event
