"""What Mistral takes and understands of a chat request. Replies stand elsewhere."""

# The SDK costs seconds to import, which only those who play this dialect should pay.
# ruff: noqa: PLC0415

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from . import openai_asked
from .asked import Asked
from .strict import Strict
from .wish import SeenCall, SeenResult, Turn, Wish

_ID = re.compile(r"[a-zA-Z0-9]{9}")


@cache
def types() -> tuple[Strict, Strict, Strict]:
    """A whole and a streamed chat request, and an embeddings request."""
    from mistralai.client.models import (
        ChatCompletionRequestTypedDict,
        ChatCompletionStreamRequestTypedDict,
        EmbeddingRequestTypedDict,
    )

    return Strict(ChatCompletionRequestTypedDict), Strict(ChatCompletionStreamRequestTypedDict), Strict(EmbeddingRequestTypedDict)


def complaints(asked: Asked) -> list[str]:
    """Why the provider would refuse this request; empty = it would not."""
    found = [] if asked.headers.get("authorization", "").startswith("Bearer ") else ["no bearer key"]
    whole, streamed, embeddings = types()
    if asked.path.endswith("/embeddings"):
        body = dict(asked.body)
        # the typed dict has the SDK's own name for this field, the wire another
        return found + embeddings.faults({"inputs": body.pop("input", None), **body})
    if asked.path != "/chat/completions":
        return [*found, f"no such path: {asked.path}"]
    found += (streamed if asked.streams else whole).faults(_typed(asked))
    return found or list(_untyped(asked.body))


def _typed(asked: Asked) -> dict[str, Any]:
    """The body under the SDK's names where they differ from the wire's."""
    body = asked.known
    wished = body.get("response_format")
    if isinstance(wished, dict) and "schema" in (wished.get("json_schema") or {}):
        schema = dict(wished["json_schema"])
        body["response_format"] = {**wished, "json_schema": {"schema_definition": schema.pop("schema"), **schema}}
    return body


def _untyped(body: dict[str, Any]) -> Iterator[str]:
    """What the API refuses though its types allow it."""
    roles = [turn["role"] for turn in body["messages"]]
    if roles[-1] == "assistant" and not body["messages"][-1].get("prefix"):
        yield "messages: the last turn is the assistant's without prefix"
    for turn in body["messages"]:
        ids = [call.get("id", "") for call in turn.get("tool_calls") or []]
        ids += [turn["tool_call_id"]] if turn.get("tool_call_id") else []
        yield from (f"messages: the call id {call_id!r}" for call_id in ids if not _ID.fullmatch(call_id))
        if turn["role"] == "assistant" and not turn.get("content") and not turn.get("tool_calls"):
            yield "messages: an assistant's turn without content and calls"


def wish(asked: Asked) -> Wish:
    """What this request wishes."""
    body = asked.body
    metadata = body.get("metadata") or {}
    found = Wish(
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        seed=body.get("random_seed"),
        presence=body.get("presence_penalty"),
        frequency=body.get("frequency_penalty"),
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        n=body.get("n") or 1,
        effort=body.get("reasoning_effort") or "",
        thoughts_wanted=True,  # a thinking model always tells them
        parallel=body.get("parallel_tool_calls"),
        user=metadata.get("user") or metadata.get("user_id") or "",
        metadata=metadata,
        choice=openai_asked.choice_of(body.get("tool_choice")),
        tier={"standard_only": "default"}.get(body.get("service_tier"), ""),
        cache_key=body.get("prompt_cache_key") or "",
    )
    stop = body.get("stop")
    found.stop = [stop] if isinstance(stop, str) else stop or []
    openai_asked.read_format(body.get("response_format"), found)
    openai_asked.read_tools(body.get("tools"), found)
    found.turns = [_turn(turn, found) for turn in body["messages"]]
    return found


def _turn(turn: dict[str, Any], found: Wish) -> Turn:
    text = openai_asked.text_of(turn.get("content"), found)
    if turn["role"] == "tool":
        return Turn("tool", results=[SeenResult(turn["tool_call_id"], text)])
    calls = [
        SeenCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in turn.get("tool_calls") or []
    ]
    parts = turn["content"] if isinstance(turn.get("content"), list) else []
    thoughts = [
        ("".join(piece["text"] for piece in part["thinking"]), part.get("signature") or "")
        for part in parts
        if part.get("type") == "thinking"
    ]
    return Turn(turn["role"], text, calls=calls, thoughts=thoughts)
