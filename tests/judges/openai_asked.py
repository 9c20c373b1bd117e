"""What OpenAI, and a host that speaks its dialect, takes and understands of a chat request. Replies stand elsewhere."""

# The SDK costs seconds to import, which only those who play this dialect should pay.
# ruff: noqa: PLC0415

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from .asked import Asked
from .strict import Strict
from .wish import Seen, SeenCall, SeenResult, Turn, Wish

_HOSTS_TAKE = {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs", "reasoning"}
_HOSTS_READ = {"reasoning_content", "reasoning"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@cache
def types() -> tuple[Strict, Strict]:
    """A chat and an embeddings request."""
    from openai.types import EmbeddingCreateParams
    from openai.types.chat.completion_create_params import CompletionCreateParams

    return Strict(CompletionCreateParams), Strict(EmbeddingCreateParams)


def complaints(asked: Asked) -> list[str]:
    """Why the provider would refuse this request; empty = it would not."""
    found = [] if asked.headers.get("authorization", "").startswith("Bearer ") else ["no bearer key"]
    chat, embeddings = types()
    if asked.path == "/embeddings":
        return found + embeddings.faults(asked.body)
    if asked.path != "/chat/completions":
        return [*found, f"no such path: {asked.path}"]
    return found + chat.faults(_typed(asked)) + list(_untyped(asked))


def _typed(asked: Asked) -> dict[str, Any]:
    """What the types must know: other hosts than OpenAI take a few fields more."""
    if asked.wire == "openai":
        return asked.known
    body = {name: value for name, value in asked.known.items() if name not in _HOSTS_TAKE}
    said = body.get("messages", [])
    body["messages"] = [{name: value for name, value in turn.items() if name not in _HOSTS_READ} for turn in said]
    return body


def _untyped(asked: Asked) -> Iterator[str]:
    """What the API refuses though its types allow it."""
    body = asked.body
    if body.get("tools") == []:
        yield "tools: an empty array"
    if "stream_options" in body and not body.get("stream"):
        yield "stream_options without stream"
    if asked.model.startswith("gpt-6"):
        yield from (f"{name}: not with this model" for name in ("temperature", "top_p", "max_tokens", "stop") if name in body)
        if body.get("reasoning_effort") in ("none", "minimal"):
            yield "reasoning_effort: not with this model"
    yield from _misnamed(body, 40 if asked.wire == "openai" else 200)


def _misnamed(body: dict[str, Any], longest: int) -> Iterator[str]:
    """Names and ids that are too long or hold what they may not; OpenAI itself takes ids of 40 characters."""
    for tool in body.get("tools") or []:
        name = tool.get("function", {}).get("name", "a")
        if not _NAME.fullmatch(name):
            yield f"tools: the name {name!r}"
    for turn in body.get("messages") or []:
        for call in turn.get("tool_calls") or []:
            if not 0 < len(call.get("id", "")) <= longest:
                yield f"tool_calls: an id of {len(call.get('id', ''))} characters"


def wish(asked: Asked) -> Wish:
    """What this request wishes."""
    body = asked.body
    found = Wish(
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        seed=body.get("seed"),
        presence=body.get("presence_penalty"),
        frequency=body.get("frequency_penalty"),
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        n=body.get("n") or 1,
        effort=body.get("reasoning_effort") or "",
        parallel=body.get("parallel_tool_calls"),
        user=body.get("safety_identifier") or body.get("user") or "",
        metadata=body.get("metadata") or {},
        markers=asked.sent.count('"prompt_cache_breakpoint"'),
        choice=choice_of(body.get("tool_choice")),
        tier=body.get("service_tier") or "",
        verbosity=body.get("verbosity") or "",
        cache_key=body.get("prompt_cache_key") or "",
    )
    stop = body.get("stop")
    found.stop = [stop] if isinstance(stop, str) else stop or []
    read_format(body.get("response_format"), found)
    read_tools(body.get("tools"), found)
    if isinstance(body.get("tool_choice"), dict) and "allowed_tools" in body["tool_choice"]:
        found.narrowed = [tool["function"]["name"] for tool in body["tool_choice"]["allowed_tools"]["tools"]]
    for turn in body.get("messages") or []:
        found.turns.append(_turn(turn, found))
    return found


def choice_of(choice: Any) -> str:
    """The neutral word of a tool choice; also Mistral's."""
    if isinstance(choice, dict) and "allowed_tools" in choice:
        return str(choice["allowed_tools"]["mode"])
    if isinstance(choice, dict):
        return "=" + choice["function"]["name"] if "function" in choice else str(choice.get("type"))
    return {"any": "required"}.get(choice, choice or "")


def read_format(wished: Any, found: Wish) -> None:
    """The response format; also Mistral's."""
    kind = (wished or {}).get("type", "text")
    if kind == "json_object":
        found.format = "json"
    elif kind == "json_schema":
        found.format = "schema"
        found.schema = wished["json_schema"].get("schema", wished["json_schema"].get("schema_definition"))


def read_tools(tools: Any, found: Wish) -> None:
    """The functions; also Mistral's."""
    for tool in tools or []:
        function = tool.get("function", {})
        found.tools[function.get("name", "")] = function.get("parameters")
        found.descriptions[function.get("name", "")] = function.get("description", "")
        found.strict += [function.get("name", "")] if function.get("strict") else []


def _turn(turn: dict[str, Any], found: Wish) -> Turn:
    text = text_of(turn.get("content"), found)
    if turn["role"] == "tool":
        return Turn("tool", results=[SeenResult(turn["tool_call_id"], text)])
    calls = [
        SeenCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in turn.get("tool_calls") or []
    ]
    thoughts = [(turn[name], "") for name in _HOSTS_READ if turn.get(name)]
    return Turn(turn["role"], text, calls=calls, thoughts=thoughts)


def text_of(content: Any, found: Wish) -> str:
    """The text of a content, its images and files told in `found`; also Mistral's."""
    if not isinstance(content, list):
        return content or ""
    for part in content:
        found.media += _media(part)
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def _media(part: dict[str, Any]) -> list[Seen]:
    kind = part.get("type")
    if kind == "image_url":
        named = part["image_url"]
        return [seen("image", named if isinstance(named, str) else named["url"])]
    if kind == "input_audio":
        sound = part["input_audio"]
        data = sound if isinstance(sound, str) else sound["data"]
        return [Seen("audio", "audio/wav" if isinstance(sound, str) else f"audio/{sound['format']}", data)]
    if kind == "file" and "file_data" in part.get("file", {}):
        return [seen("file", part["file"]["file_data"], part["file"].get("filename", ""))]
    return [seen("file", part["document_url"], part.get("document_name", ""))] if kind == "document_url" else []


def seen(kind: str, url: str, name: str = "") -> Seen:
    """A medium by its URL; bare base64 counts as a PDF, as OpenAI takes it."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return Seen(kind, head.partition(";")[0], data, name=name)
    return Seen(kind, url=url, name=name) if "://" in url else Seen(kind, "application/pdf", url, name=name)
