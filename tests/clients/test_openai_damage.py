"""OpenAI's dialect, damaged: whatever a host or a caller gets wrong, the outcome is a value or one of our errors."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clients.llama_client import WIRE as LLAMA
from app.clients.openai_client import FACE, WIRE
from app.clients.openai_client.quirks import QUIRKS
from app.domain.answer import Completion
from app.domain.target import Target
from app.errors import CallerError, RouterError

SAID = Path(__file__).parent / "said" / "openai"
WIRES = (WIRE, LLAMA.suited(tuple(QUIRKS)))
TARGET = Target(
    name="row",
    provider="openai",
    model_id="m",
    dialect="openai",
    wire="openai",
    base_url="https://host.example/v1",
    efforts=("low",),
    max_tokens_field="max_tokens",
)
THOUGHTFUL = {
    "role": "assistant",
    "content": "x",
    "reasoning_content": "a",
    "reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "lr1.openai.x"}, {"data": "lr1.gemini.y"}],
    "tool_calls": [
        {
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "lr1.gemini.x"}},
        }
    ],
}
MISLABELLED = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"}}
BODIES = [json.loads(path.read_bytes()) for path in sorted(SAID.glob("sdk-*.json"))] + [
    {
        "model": "m",
        "messages": [THOUGHTFUL, {"role": "user", "content": [MISLABELLED]}],
        "reasoning": {"effort": "low"},
        "thinking": {"type": "enabled", "budget_tokens": 3},
        "stream_options": {"include_usage": False},
        "tool_choice": "none",
        "tools": [],
    }
]
LOGPROBS = {"content": [{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}]}
ANSWERS = [json.loads((SAID / name).read_bytes()) for name in ("whole.json", "tools.json")] + [
    {"choices": [{"index": 1, "message": THOUGHTFUL, "logprobs": LOGPROBS, "finish_reason": "stop"}], "x_groq": {"usage": {}}}
]
CHUNKS = [
    json.loads(event.removeprefix(b"data: "))
    for path in sorted(SAID.glob("*.sse"))
    for event in path.read_bytes().split(b"\n\n")
    if event.startswith(b"data: {")
]
JUNK = st.sampled_from([None, 1, -1, 1.5, "x", "", [], {}, [None], [1], [{}], {"a": 1}, True, "lr1.openai.q", ["lr1.x.y"]])


@st.composite
def damaged(draw: st.DrawFn, sound: list[Any]) -> Any:
    """One of the sound bodies with up to three values replaced or taken away, at any depth."""
    tree = json.loads(json.dumps(draw(st.sampled_from(sound))))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = tree
        while isinstance(node, dict | list) and node:
            keys = sorted(node) if isinstance(node, dict) else range(len(node))
            key = draw(st.sampled_from(keys))
            below = node[key]
            if not (isinstance(below, dict | list) and below) or draw(st.booleans()):
                if draw(st.booleans()):
                    node[key] = json.loads(json.dumps(draw(JUNK)))
                else:
                    del node[key]
                break
            node = below
    return tree


@settings(max_examples=300)
@given(damaged(BODIES))
def test_a_damaged_request_is_a_request_or_a_fault_of_the_caller(body: Any) -> None:
    """What is accepted can also be sent, by every wire, as the caller wrote it and translated."""
    try:
        request = FACE.parse(json.dumps(body).encode())
    except CallerError:
        return
    for wire in WIRES:
        for asked in (request, msgspec.structs.replace(request, original=None)):
            with contextlib.suppress(CallerError):
                wire.encode(asked, TARGET, True)


@settings(max_examples=300)
@given(damaged(ANSWERS), st.lists(damaged(CHUNKS), max_size=3))
def test_a_damaged_answer_is_an_answer_or_a_failure(whole: Any, chunks: list[Any]) -> None:
    """Whole, streamed and as a fault, with every repair on and with none."""
    body = json.dumps(whole).encode()
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    for wire in WIRES:
        with contextlib.suppress(RouterError):
            wire.decode(body)
        reader = wire.reader()
        with contextlib.suppress(RouterError):
            Completion.folded(reader.feed(stream) + reader.close())
        assert isinstance(wire.fault(400, {}, body), RouterError)
