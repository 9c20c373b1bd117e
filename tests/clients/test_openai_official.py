"""What our chat face takes and OpenAI itself refuses goes to OpenAI in its own words, or is left out and told; else byte for byte."""

import json
from typing import Any

import pytest

from app.clients.llama_client import WIRE as LLAMA
from app.clients.openai_client import FACE, WIRE
from app.domain.target import Target
from judges import openai_asked
from judges.asked import Asked

USER = {"role": "user", "content": "hi"}
KEPT = {"type": "ephemeral"}
BREAKPOINT = {"mode": "explicit"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
LIMITS = ("max_tokens", "max_completion_tokens")
THINKER = frozenset({"tools", "reasoning", "json_schema"})
PLAIN = frozenset({"tools", "sampling", "json_schema"})


def target(able: frozenset[str]) -> Target:
    model = "gpt-6.2-sol" if able is THINKER else "gpt-4o"
    return Target(
        name="row", provider="openai", model_id=model, dialect="openai", wire="openai", base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",), capabilities=able, efforts=("low", "medium", "high") if able is THINKER else (),
    )  # fmt: skip


def sent(fields: dict[str, Any], able: frozenset[str], wire: Any = WIRE) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(the body that goes out, the names of what was left out)."""
    call = wire.encode(FACE.parse(json.dumps({"model": "auto", "messages": [USER], **fields}).encode()), target(able), False)
    return json.loads(call.body), call.dropped


def history(**said: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": "yo", **said}, USER]}


CASES: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...], tuple[str, ...]]] = [
    # the caller's fields, what of them a thinking model gets, what is told of it, what is told of one that does not think
    (history(reasoning_content="hm"), history(), ("thinking",), ("thinking",)),
    (history(reasoning="hm", reasoning_content="hm"), history(), ("thinking",), ("thinking",)),
    (history(reasoning_content=None, reasoning_details=[]), history(), (), ()),
    (
        history(reasoning_content="hm", reasoning_details=[{"type": "reasoning.text", "text": "hm", "signature": None}]),
        history(),
        ("thinking",),
        ("thinking",),
    ),
    (
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [{**CALL, "extra_content": {"google": {}}}]}]},
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        ("thinking",),
        ("thinking",),
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": KEPT}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "prompt_cache_breakpoint": BREAKPOINT}]}]},
        (),
        ("cache_control",),
    ),
    (
        {"messages": [{**USER, "cache_control": {**KEPT, "ttl": "1h"}}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi", "prompt_cache_breakpoint": {**BREAKPOINT, "ttl": "12h"}},
                    ],
                }
            ]
        },
        (),
        ("cache_control",),
    ),
    (
        {"cache_control": KEPT},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "prompt_cache_breakpoint": BREAKPOINT}]}]},
        (),
        ("cache_control",),
    ),
    ({"tools": [{**TOOL, "cache_control": KEPT}]}, {"tools": [TOOL]}, ("cache_control",), ("cache_control",)),
    ({"top_k": 5}, {}, ("top_k",), ("top_k",)),
    ({"top_k": None, "cache_control": None}, {}, (), ()),
    ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, {"reasoning_effort": "low"}, ("thinking",), ("reasoning_effort",)),
    ({"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}, (), ("reasoning_effort",)),
    ({"reasoning": {"effort": "high"}, "reasoning_effort": "low"}, {"reasoning_effort": "low"}, (), ("reasoning_effort",)),
    ({"max_tokens": 50}, {"max_completion_tokens": 50}, (), ()),
    ({"max_tokens": 50, "max_completion_tokens": 60}, {"max_completion_tokens": 60}, (), ()),
    ({"tools": [], "tool_choice": "auto"}, {}, (), ()),
]


@pytest.mark.parametrize(("fields", "expected", "told", "_"), CASES)
def test_a_thinking_model_gets_it_in_openais_words(
    fields: dict[str, Any], expected: dict[str, Any], told: tuple[str, ...], _: Any
) -> None:
    """Exactly these edits, all losses named, and a body that the SDK's own types accept."""
    body, dropped = sent(fields, THINKER)
    assert body == {"messages": [USER], **expected, "model": "gpt-6.2-sol"}
    assert dropped == told
    assert complaints(body) == []


@pytest.mark.parametrize(("fields", "_expected", "_told", "told"), CASES)
def test_a_model_that_does_not_think_is_told_of_too(
    fields: dict[str, Any], _expected: Any, _told: Any, told: tuple[str, ...]
) -> None:
    """The same for one that has neither thoughts nor breakpoints; its output limit keeps its name."""
    body, dropped = sent(fields, PLAIN)
    assert dropped == told
    assert [body.get(name) for name in LIMITS] == [fields.get(name) for name in LIMITS]
    assert complaints(body) == []


@pytest.mark.parametrize("able", [THINKER, PLAIN])
def test_what_is_openais_own_or_unheard_of_stays_byte_for_byte(able: frozenset[str]) -> None:
    """Words that only look like such fields, OpenAI's breakpoints, and fields of tomorrow."""
    messages = (
        b'[ {"role": "user","content": "is \\"reasoning_content\\" : or \\"cache_control\\" a field?"}, {"role":"assistant","content":'
        b' "\\u0022extra_content\\u0022"},{"role":"user", "content":[{"type":"text","text":"x","prompt_cache_breakpoint":{}}]}]'
    )
    data = b'{"model":"auto","messages":' + messages + b',"tomorrow":{"a" : [1]}}'
    body = WIRE.encode(FACE.parse(data), target(able), False).body
    assert b'"messages":' + messages in body
    assert b'"tomorrow":{"a" : [1]}' in body


@pytest.mark.parametrize("fields", [case[0] for case in CASES[:5]])
def test_other_hosts_of_the_dialect_get_what_came(fields: dict[str, Any]) -> None:
    """They know such fields, or overlook them; what a single host refuses is a quirk."""
    assert sent(fields, THINKER, LLAMA) == ({"messages": [USER], **fields, "model": "gpt-6.2-sol"}, ())


def complaints(body: dict[str, Any]) -> list[str]:
    """What the SDK's types have against this body."""
    asked = Asked.of("openai", "/chat/completions", {"authorization": "Bearer k"}, json.dumps(body).encode())
    return openai_asked.complaints(asked)
