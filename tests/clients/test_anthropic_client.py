"""Anthropic's dialect: its two versions, its system prompt, its way of counting, its named events."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.clients.anthropic_client import FACE, WIRE
from app.clients.anthropic_client.request import JSON_WISH
from app.domain.answer import Completion, Delta, ToolCall, Usage
from app.domain.request import ChatRequest, Message, Role, Text
from app.domain.target import Target
from app.errors import ContextTooLong, ProviderOverloaded, ProviderQuota, ProviderRejected, RouterError

SAID = Path(__file__).parent / "said" / "anthropic"
SAMPLES = frozenset({"sampling"})


def target(**changes: Any) -> Target:
    facts = {"name": "row", "provider": "anthropic", "model_id": "claude-sonnet-4-6", "dialect": "anthropic", "wire": "anthropic"}
    return Target(**{**facts, "base_url": "https://api.anthropic.com", "key_env": ("ANTHROPIC_API_KEY",), **changes})


def says(*turns: tuple[Role, str], **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, (Text(text),)) for role, text in turns), **wishes)


def sent(request: ChatRequest, stream: bool = False, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(request, target(**changes), stream).body)
    return body


def read(body: bytes) -> list[Delta]:
    reader = WIRE.reader()
    return reader.feed(body) + reader.close()


HI = says(("user", "hi"))


def test_the_call_names_url_version_and_auth() -> None:
    """One route for both forms; the newest version; the key's header is named, the key is not there."""
    call = WIRE.encode(HI, target(), True)
    assert (call.url, call.auth) == ("https://api.anthropic.com/v1/messages", "x-api-key")
    assert dict(call.headers)["anthropic-version"] == "2026-10-21"
    assert json.loads(call.body) == {
        "model": "claude-sonnet-4-6",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
    }


def test_sampling_travels_only_to_models_that_still_sample_and_by_the_older_version() -> None:
    """The newest version refuses any sampling parameter; where they are dropped, they are named."""
    request = says(("user", "hi"), temperature=1.7, top_p=0.5, seed=3)
    call = WIRE.encode(request, target(), False)
    assert call.dropped == ("seed", "temperature", "top_p")
    assert not {"temperature", "top_p", "seed"} & set(json.loads(call.body))
    call = WIRE.encode(request, target(capabilities=SAMPLES), False)
    assert call.dropped == ("seed",)
    assert dict(call.headers)["anthropic-version"] == "2023-06-01"
    body = json.loads(call.body)
    assert (body["temperature"], body["top_p"]) == (1.0, 0.5)


def test_sampling_of_an_own_body_is_dropped_and_named_too() -> None:
    """The caller's own fields travel untouched, but for what the version would refuse."""
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "temperature": 0, "top_k": 3}
    request = FACE.parse(json.dumps(body).encode())
    call = WIRE.encode(request, target(), False)
    assert call.dropped == ("temperature", "top_k")
    assert {"temperature": 0, "top_k": 3}.items() <= sent(request, capabilities=SAMPLES).items()


@pytest.mark.parametrize(
    ("asked", "most", "told"),
    [(None, None, 4096), (None, 1000, 1000), (None, 64000, 4096), (9, 1000, 9), (5000, 1000, 1000), (0, 5, 0)],
)
def test_the_required_limit_is_filled_in_and_never_above_the_models_own(asked: int | None, most: int | None, told: int) -> None:
    """A moderate default, the caller's number, the model's ceiling; zero (warm the cache only) stays zero."""
    assert sent(says(("user", "hi"), max_tokens=asked), max_output=most)["max_tokens"] == told


def test_instructions_turns_and_blanks_find_their_places() -> None:
    """Leading instructions become the system prompt, later ones a marked text; equal roles merge; blank text is not sent."""
    body = sent(
        says(
            ("system", "Be kind."), ("developer", "Be brief."), ("user", "a"), ("user", "b"), ("assistant", " "),
            ("system", "Now in French."), ("assistant", "c"), ("assistant", "d"), ("user", "e"),
        )
    )  # fmt: skip
    assert body["system"] == "Be kind.\n\nBe brief."
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]] == [
        ("user", ["a", "b", "[system] Now in French."]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_instructions_alone_are_the_users_turn() -> None:
    """What is a conversation elsewhere is one here too; the wish for JSON stays an instruction."""
    body = sent(says(("system", "Write a poem."), json_mode=True))
    assert body["system"] == JSON_WISH
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Write a poem."}]}]


def test_stop_sequences_user_and_json_are_told_in_its_words() -> None:
    """Blank stop sequences would get the request refused: they are dropped and named."""
    request = says(("system", "Be kind."), ("user", "hi"), stop=("\n", "END"), user="u-1", json_mode=True)
    body = sent(request)
    assert body["stop_sequences"] == ["END"]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["system"] == f"Be kind.\n\n{JSON_WISH}"
    assert WIRE.encode(request, target(), False).dropped == ("stop",)
    assert "stop_sequences" not in sent(says(("user", "hi"), stop=(" ",)))


def test_the_input_includes_what_was_cached() -> None:
    """Its own count excludes cache reads and writes; ours includes both and names them."""
    usage = WIRE.decode((SAID / "whole.json").read_bytes()).usage
    assert usage == Usage(input_tokens=1052, output_tokens=9, cached_tokens=1000, cache_write_tokens=40)
    assert Completion.folded(read((SAID / "stream.sse").read_bytes())).usage == usage


def test_thoughts_and_calls_are_read_whole_and_streamed() -> None:
    """Calls count among themselves, whatever blocks lie between; one without input has an empty object."""
    whole = WIRE.decode((SAID / "tools.json").read_bytes())
    streamed = Completion.folded(read((SAID / "tools.sse").read_bytes()))
    for said in (whole, streamed):
        assert (said.reasoning, said.text, said.finish_reason) == ("Two calls.", "Let me look.", "tool_calls")
        assert [(call.id, call.name, json.loads(call.arguments)) for call in said.tool_calls] == [
            ("toolu_01A", "weather", {"city": "Oslo"}),
            ("toolu_01B", "time", {}),
        ]
        assert said.usage == Usage(input_tokens=30, output_tokens=50, reasoning_tokens=5)


def test_a_refusal_and_silence_are_answers() -> None:
    """A refusal says why; an empty answer is empty and still billed."""
    refusal = WIRE.decode((SAID / "refusal.json").read_bytes())
    assert (refusal.finish_reason, refusal.refusal) == ("content_filter", "This could enable biological harm.")
    empty = WIRE.decode((SAID / "empty.json").read_bytes())
    assert (empty.text, empty.finish_reason, empty.usage) == ("", "stop", Usage(8, 2))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("brand_new", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        (None, None),
    ],
)
def test_every_stop_reason_has_its_word(word: str | None, reason: str | None) -> None:
    """Unknown reasons, which may be added within a version, are ordinary stops."""
    body = {**json.loads((SAID / "empty.json").read_bytes()), "stop_reason": word}
    assert WIRE.decode(json.dumps(body).encode()).finish_reason == reason


def test_usage_is_told_once_with_the_finish() -> None:
    """The small counts at the start are not booked; pings are not even seen."""
    deltas = read((SAID / "stream.sse").read_bytes())
    assert [delta.finish_reason for delta in deltas if delta.usage] == ["stop"]
    assert not any(b"ping" in delta.raw for delta in deltas)
    assert deltas[0].raw.startswith(b"event: message_start\ndata: {")


def test_a_tools_input_given_at_its_start_is_not_lost() -> None:
    """Some hosts tell the whole input in the block's start and send no pieces."""
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    }
    events = [start, {"type": "content_block_stop", "index": 0}, {"type": "message_stop"}]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    assert Completion.folded(read(body)).tool_calls == (ToolCall("t", "f", '{"a":1}'),)


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
            ContextTooLong,
        ),
        (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", ProviderQuota),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", ProviderQuota),
        (402, "billing_error", "pay", ProviderQuota),
        (400, "invalid_request_error", "temperature: extra inputs are not permitted", ProviderRejected),
        (413, "request_too_large", "Request exceeds the maximum size", ProviderRejected),
        (529, "overloaded_error", "Overloaded", ProviderOverloaded),
        (429, "rate_limit_error", "spend", ProviderQuota),
    ],
)
def test_each_failure_gets_its_meaning(status: int, kind: str, message: str, error: type[RouterError]) -> None:
    """Types, code words of the details, and the few verdicts that have only a text."""
    details = {"error_code": "enforced_spend_limit_reached"} if message == "spend" else None
    body = {"type": "error", "error": {"type": kind, "message": message, "details": details}, "request_id": "req_1"}
    assert type(WIRE.fault(status, {}, json.dumps(body).encode())) is error


def test_a_broken_answer_is_never_shown_as_complete() -> None:
    """There is no stop reason for an answer that broke; callers see one that was cut short."""
    body = json.loads(FACE.render(Completion(text="a", finish_reason="error"), HI, "id", 1))
    assert body["stop_reason"] == "max_tokens"


def test_a_calls_arguments_are_shown_as_an_object_whatever_the_model_wrote() -> None:
    """Arguments that are no JSON object cannot be shown as one and must not break the body."""
    for text in ("{broken", "[1]", "", '{"a":' + "[" * 100_000):
        body = json.loads(FACE.render(Completion(tool_calls=(ToolCall("t", "f", text),)), HI, "id", 1))
        assert body["content"][0]["input"] == {}
