"""What Anthropic takes and understands of a messages request. Replies stand elsewhere."""

# The SDK costs seconds to import, which only those who play this dialect should pay.
# ruff: noqa: PLC0415

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from .asked import Asked
from .strict import Strict
from .wish import Seen, SeenCall, SeenResult, Turn, Wish

NOW, BEFORE = "2026-10-21", "2023-06-01"
_SAMPLING = ("temperature", "top_p", "top_k")
_SAMPLES = re.compile(r"claude-(3|haiku-4-[0-6]|sonnet-4-[0-6]|opus-4-[0-6])")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


@cache
def types(beta: bool = False) -> tuple[Strict, Strict]:
    """A messages request and a count of tokens, with what beta headers open if they are there."""
    if beta:
        from anthropic.types.beta.message_count_tokens_params import MessageCountTokensParams as Counted
        from anthropic.types.beta.message_create_params import MessageCreateParams as Created
    else:
        from anthropic.types import MessageCountTokensParams as Counted
        from anthropic.types.message_create_params import MessageCreateParams as Created

    return Strict(Created), Strict(Counted)


def complaints(asked: Asked) -> list[str]:
    """Why the provider would refuse this request; empty = it would not."""
    found = list(_headers(asked))
    messages, count = types("anthropic-beta" in asked.headers)
    if asked.path == "/v1/messages/count_tokens":
        return found + count.faults(asked.known)
    if asked.path != "/v1/messages":
        return [*found, f"no such path: {asked.path}"]
    typed = dict(asked.known)
    if asked.headers.get("anthropic-version") == BEFORE and _SAMPLES.match(asked.model):
        typed = {name: value for name, value in typed.items() if name not in _SAMPLING}
    found += messages.faults(typed)
    return found or [*_limits(asked.body), *_turns(asked.body, bool(_SAMPLES.match(asked.model)))]


def _headers(asked: Asked) -> Iterator[str]:
    if not asked.headers.get("authorization", "").startswith("Bearer ") and not asked.headers.get("x-api-key"):
        yield "no key"
    if asked.headers.get("anthropic-version") not in (NOW, BEFORE):
        yield f"anthropic-version: {asked.headers.get('anthropic-version')!r}"


def _limits(body: dict[str, Any]) -> Iterator[str]:
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        yield f"thinking: a budget of {thinking['budget_tokens']} with max_tokens {body['max_tokens']}"
    if any(not 0 <= body.get(name, 0) <= 1 for name in ("temperature", "top_p")):
        yield "temperature and top_p go to 1"
    if any(not stop.strip() for stop in body.get("stop_sequences") or []):
        yield "stop_sequences: only whitespace"


def _turns(body: dict[str, Any], goes_on: bool) -> Iterator[str]:
    spoken = [turn for turn in body["messages"] if turn["role"] != "system"]
    if spoken and spoken[-1]["role"] == "assistant":
        said = _blocks(spoken[-1]["content"])
        if not goes_on or (body.get("thinking") or {}).get("type", "disabled") != "disabled":
            yield "messages: this model does not continue an assistant's turn"
        elif said and said[-1]["type"] == "text" and said[-1]["text"] != said[-1]["text"].rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
    for turn in [{"role": "system", "content": body.get("system", "-")}, *body["messages"]]:
        if not turn["content"]:
            yield f"messages: an empty {turn['role']} turn"
        for block in _blocks(turn["content"]):
            yield from _block(block, turn["role"])
    for turn, following in zip(spoken, [*spoken[1:], {"role": "", "content": []}], strict=True):
        yield from _results(turn, following)


def _block(block: dict[str, Any], role: str) -> Iterator[str]:
    kind = block["type"]
    if kind == "text" and not block["text"].strip():
        yield "messages: text content blocks must be non-empty"
    if kind == "document" and role == "assistant":
        yield "messages: a document in an assistant's turn"
    if kind == "image" and block["source"].get("media_type", _IMAGES[0]) not in _IMAGES:
        yield f"messages: an image of {block['source']['media_type']}"
    call_id = block.get("id") if kind == "tool_use" else block.get("tool_use_id", "a")
    if call_id is not None and not _ID.fullmatch(call_id):
        yield f"messages: the call id {call_id!r}"


def _results(turn: dict[str, Any], following: dict[str, Any]) -> Iterator[str]:
    """All results of one assistant turn stand first in the one user turn after it."""
    calls = {block["id"] for block in _blocks(turn["content"]) if block["type"] == "tool_use"}
    blocks = _blocks(following["content"])
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if calls - set(results):
        yield "messages: tool_use without a tool_result immediately after"
    if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
        yield "messages: tool_result blocks must come first"


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def wish(asked: Asked) -> Wish:
    """What this request wishes."""
    body = asked.body
    output = body.get("output_config") or {}
    thinking = body.get("thinking") or {}
    found = Wish(
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        stop=body.get("stop_sequences") or [],
        budget=thinking.get("budget_tokens"),
        effort="none" if thinking.get("type") == "disabled" else output.get("effort") or "",
        thoughts_wanted=thinking.get("type") in ("enabled", "adaptive", "between_tools") and thinking.get("display") != "omitted",
        user=(body.get("metadata") or {}).get("user_id") or "",
        markers=asked.sent.count('"cache_control"'),
        tier="fast" if body.get("speed") == "fast" else {"standard_only": "default"}.get(body.get("service_tier"), ""),
        strict=[tool["name"] for tool in body.get("tools") or [] if tool.get("strict")],
    )
    if output.get("format"):
        found.format, found.schema = "schema", output["format"]["schema"]
    for tool in body.get("tools") or []:
        found.tools[tool["name"]] = tool.get("input_schema")
        found.descriptions[tool["name"]] = tool.get("description", "")
    _read_choice(body.get("tool_choice") or {}, found)
    turns = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    for turn in [*turns, *body["messages"]]:
        found.turns += _seen_turns(turn, found)
    return found


def _read_choice(choice: dict[str, Any], found: Wish) -> None:
    kind = choice.get("type", "")
    found.choice = "=" + choice["name"] if kind == "tool" else {"any": "required"}.get(kind, kind)
    if "disable_parallel_tool_use" in choice:
        found.parallel = not choice["disable_parallel_tool_use"]


def _seen_turns(turn: dict[str, Any], found: Wish) -> list[Turn]:
    """The turn; a user's turn that holds results counts as two."""
    seen, results = Turn(turn["role"]), Turn("tool")
    texts: list[str] = []
    for block in _blocks(turn["content"]):
        kind = block["type"]
        if kind == "text":
            texts.append(block["text"])
        elif kind in ("image", "document"):
            found.media.append(_seen(block))
        elif kind == "tool_use":
            seen.calls.append(SeenCall(block["id"], block["name"], block["input"]))
        elif kind == "tool_result":
            results.results.append(_result(block, found))
        elif kind in ("thinking", "redacted_thinking"):
            seen.thoughts.append((block.get("thinking", ""), block.get("signature", block.get("data", ""))))
    seen.text = "\n".join(texts)
    if not results.results:
        return [seen]
    return [results, seen] if texts else [results]


def _result(block: dict[str, Any], found: Wish) -> SeenResult:
    inner = _blocks(block.get("content", ""))
    found.media += [_seen(part) for part in inner if part["type"] in ("image", "document")]
    text = "\n".join(part["text"] for part in inner if part["type"] == "text")
    return SeenResult(block["tool_use_id"], text, bool(block.get("is_error")))


def _seen(block: dict[str, Any]) -> Seen:
    source = block["source"]
    kind = "image" if block["type"] == "image" else "file"
    return Seen(kind, source.get("media_type", ""), source.get("data", ""), source.get("url", ""), block.get("title") or "")
