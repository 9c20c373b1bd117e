"""What Gemini takes and understands of a generateContent request. Replies stand elsewhere."""

# The SDK costs seconds to import, which only those who play this dialect should pay.
# ruff: noqa: PLC0415

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from .asked import Asked
from .strict import Strict
from .wish import Seen, SeenCall, SeenResult, Turn, Wish

_PATH = re.compile(r"/v1(beta)?/models/[^/:]+:(generateContent|streamGenerateContent\?alt=sse|batchEmbedContents|embedContent)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
# what Google documents for calls that another model made and that so have no proof
_NO_PROOF = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
# the places beside generationConfig, as the SDK's converter for the Developer API fills them
_PLACES = (
    "contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings", "labels", "cachedContent",
    "serviceTier", "continuationToken", "store",
)  # fmt: skip


@cache
def types() -> dict[str, Strict]:
    """The types of the places; the rest are plain JSON."""
    from google.genai import types as sdk

    return {
        "contents": Strict(list[sdk.Content]),
        "systemInstruction": Strict(sdk.Content),
        "generationConfig": Strict(sdk.GenerationConfig),
        "tools": Strict(list[sdk.Tool]),
        "toolConfig": Strict(sdk.ToolConfig),
        "safetySettings": Strict(list[sdk.SafetySetting]),
        "labels": Strict(dict[str, str]),
        "serviceTier": Strict(sdk.ServiceTier),
    }


def complaints(asked: Asked) -> list[str]:
    """Why the provider would refuse this request; empty = it would not."""
    found = [] if asked.headers.get("x-goog-api-key") else ["no x-goog-api-key"]
    if not _PATH.fullmatch(asked.path):
        return [*found, f"no such path: {asked.path}"]
    body = asked.known
    if "mbedContent" in asked.path:
        return found + ([] if "requests" in body or "content" in body else ["nothing to embed"])
    found += [f"{name}: unknown" for name in body if name not in _PLACES]
    for name, kind in types().items():
        if name in body:
            found += kind.faults(body[name], f"{name}.")
    return found or [*_turns(body.get("contents") or []), *_declared(body)]


def _turns(contents: list[dict[str, Any]]) -> Iterator[str]:
    if not contents or contents[0].get("role") != "user":
        yield "contents: the first turn is not the user's"
    for turn, following in zip(contents, [*contents[1:], {}], strict=True):
        if turn.get("role") not in ("user", "model"):
            yield f"contents: the role {turn.get('role')!r}"
        if turn.get("role") == following.get("role"):
            yield "contents: two turns of one role in a row"
        if not turn.get("parts"):
            yield "contents: a turn without parts"
        yield from (f"contents: a part with {sorted(part)}" for part in turn.get("parts") or [] if not _is_one(part))
    if contents and contents[-1].get("role") == "model":
        yield "contents: the last turn is the model's"


def _is_one(part: dict[str, Any]) -> bool:
    """A part holds exactly one kind of data, and text that is not empty (unless it only carries a signature)."""
    data = [name for name in part if name in ("text", "inlineData", "fileData", "functionCall", "functionResponse")]
    return len(data) == 1 and (data != ["text"] or bool(part["text"]) or "thoughtSignature" in part)


def _declared(body: dict[str, Any]) -> Iterator[str]:
    tools = [tool for tool in body.get("tools") or [] if "functionDeclarations" in tool]
    if len(tools) > 1:
        yield "tools: declarations in more than one tool"
    names = {declared["name"] for tool in tools for declared in tool["functionDeclarations"]}
    yield from (f"tools: the name {name!r}" for name in names if not _NAME.fullmatch(name))
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if calling.get("allowedFunctionNames") and calling.get("mode") != "ANY":
        yield "toolConfig: allowedFunctionNames without mode ANY"
    if set(calling.get("allowedFunctionNames") or []) - names:
        yield "toolConfig: a function that is not declared"
    config = body.get("generationConfig") or {}
    if ("responseJsonSchema" in config or "responseSchema" in config) and config.get("responseMimeType") != "application/json":
        yield "generationConfig: a schema without responseMimeType"


def wish(asked: Asked) -> Wish:
    """What this request wishes."""
    body = asked.body
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    labels = body.get("labels") or {}
    found = Wish(
        max_tokens=config.get("maxOutputTokens"),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        top_k=config.get("topK"),
        seed=config.get("seed"),
        presence=config.get("presencePenalty"),
        frequency=config.get("frequencyPenalty"),
        logprobs=(config.get("logprobs") or 0) if config.get("responseLogprobs") else None,
        n=config.get("candidateCount") or 1,
        stop=config.get("stopSequences") or [],
        budget=thinking.get("thinkingBudget"),
        effort="none" if thinking.get("thinkingBudget") == 0 else str(thinking.get("thinkingLevel") or "").lower(),
        thoughts_wanted=bool(thinking.get("includeThoughts")),
        tier={"standard": "default"}.get(body.get("serviceTier", ""), body.get("serviceTier", "")),
        user=labels.get("user") or labels.get("user_id") or "",
        metadata=labels,
    )
    if config.get("responseMimeType") == "application/json":
        found.schema = config.get("responseJsonSchema", config.get("responseSchema"))
        found.format = "json" if found.schema is None else "schema"
    _read_tools(body, found)
    if body.get("systemInstruction"):
        found.turns.append(_turn({**body["systemInstruction"], "role": "system"}, found))
    for turn in body.get("contents") or []:
        found.turns.append(_turn(turn, found))
    return found


def _read_tools(body: dict[str, Any], found: Wish) -> None:
    for tool in body.get("tools") or []:
        for declared in tool.get("functionDeclarations") or []:
            found.tools[declared["name"]] = declared.get("parametersJsonSchema", declared.get("parameters"))
            found.descriptions[declared["name"]] = declared.get("description", "")
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = {"ANY": "required", "NONE": "none", "AUTO": "auto"}.get(calling.get("mode", ""), "")
    names = calling.get("allowedFunctionNames") or []
    found.choice = "=" + names[0] if len(names) == 1 else mode
    found.narrowed = list(names)


def _turn(turn: dict[str, Any], found: Wish) -> Turn:
    seen = Turn({"model": "assistant"}.get(turn["role"], turn["role"]))
    texts: list[str] = []
    for part in turn["parts"]:
        signature = part.get("thoughtSignature", "")
        if "functionCall" in part:
            call = part["functionCall"]
            proven = "" if signature in _NO_PROOF else signature
            seen.calls.append(SeenCall(_call_id(call), call["name"], call.get("args", {}), proven))
        elif "functionResponse" in part:
            seen.role = "tool"
            seen.results.append(_result(part["functionResponse"]))
            found.media += [_seen(inner) for inner in part["functionResponse"].get("parts") or []]
        elif "text" not in part:
            found.media.append(_seen(part))
        elif part.get("thought") or (signature and not part["text"]):
            seen.thoughts.append((part["text"], signature))
        else:
            texts.append(part["text"])
    seen.text = "\n".join(texts)
    return seen


def _call_id(told: dict[str, Any]) -> str:
    """Calls are matched by their id where they have one, else by their name."""
    return str(told.get("id") or told["name"])


def _result(told: dict[str, Any]) -> SeenResult:
    response = told["response"]
    text = response.get("output", response.get("error", response))
    return SeenResult(_call_id(told), text if isinstance(text, str) else str(text), "error" in response)


def _seen(part: dict[str, Any]) -> Seen:
    held = part.get("inlineData") or part["fileData"]
    kind = {"application/pdf": "file", "audio/wav": "audio"}.get(held.get("mimeType", ""), "image")
    return Seen(kind, held.get("mimeType", ""), held.get("data", ""), held.get("fileUri", ""))
