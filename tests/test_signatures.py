"""Two workers and callers who keep no signatures: a result that reaches the other worker finds what the model signed."""

from pathlib import Path
from typing import Any

import pytest

from judged_service import ROWS, configured
from judges.said import Said, SaidCall, is_proof
from judges.upstream import JudgedUpstream
from support import Answer, Service, running

TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]
ROUNDS = 4
MOST_TRIES = 40


def ask(service: Service, wire: str, messages: list[dict[str, Any]], stream: bool) -> Answer:
    body = {"model": ROWS[wire], "messages": messages, "tools": TOOLS, "reasoning_effort": "high", "stream": stream}
    return service.request("/v1/chat/completions", body)


def worker(answer: Answer) -> str:
    """The part of our id that every process has of its own."""
    return answer.headers["x-request-id"][12:20]


@pytest.mark.parametrize(("wire", "stream"), [("anthropic", False), ("gemini", True)])
def test_the_other_worker_knows_what_was_signed_at_once(tmp_path: Path, wire: str, stream: bool) -> None:
    """The first result that another worker gets, milliseconds after the call, goes on with the proofs of the model."""
    keys = {f"{name.upper()}_API_KEY": f"key-of-{name}" for name in ROWS}
    with JudgedUpstream() as upstream:
        config = configured(upstream).replace("backend: none ", "backend: local ")
        with running(tmp_path, config, workers=2, **keys) as service:
            for number in range(ROUNDS):
                call = SaidCall("add", {"n": number}, id=f"call_{number}", signed=True)
                upstream.script(Said(text="", thought="hm", signed=True, calls=(call,)))
                first = ask(service, wire, [{"role": "user", "content": "add"}], stream)
                assert first.status == 200
                told = {"id": call.id, "type": "function", "function": {"name": "add", "arguments": call.text}}
                history: list[dict[str, Any]] = [
                    {"role": "user", "content": "add"},
                    {"role": "assistant", "content": None, "tool_calls": [told]},
                    {"role": "tool", "tool_call_id": call.id, "content": "3"},
                ]
                for _ in range(MOST_TRIES):
                    second = ask(service, wire, history, stream)
                    heard = upstream.heard[-1]
                    signatures = heard.wish.signatures
                    assert second.status == 200
                    assert signatures, heard.asked.sent
                    assert all(is_proof(signature, wire, heard.asked.model) for signature in signatures)
                    if worker(second) != worker(first):
                        break
        assert upstream.complaints == []
