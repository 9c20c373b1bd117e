"""Whole answers of each face, read with the SDK's own types of that face. Streams are read elsewhere."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from judges.said import Counts

Item = dict[str, Any]


@dataclass
class Shown:
    """What a caller of a face understands of an answer.

    `finish` is stop, length, tool_calls or content_filter; `echo` are the items that a client gives back in its next turn;
    `refusal` is what stands where the face tells a refusal; `fields` the top-level fields that no SDK type knows; `numbers` are
    those of the calls in a stream.
    """

    text: str = ""
    texts: list[str] = field(default_factory=list)
    thoughts: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)  # id, name, arguments
    finish: str = ""
    refusal: str = ""
    counts: Counts | None = None
    logprobs: list[tuple[str, float]] = field(default_factory=list)
    echo: tuple[Item, ...] = ()
    fields: Item = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)


class Misshaped(Exception):
    """An answer that the SDK's types do not take."""


def whole(face: str, body: bytes) -> Shown:
    """Read one whole answer. Raises Misshaped."""
    return _READERS[face](json.loads(body))


EVENTS: Final = {
    "responses": TypeAdapter[Any](ResponseStreamEvent),
    "messages": TypeAdapter[Any](RawMessageStreamEvent),
}
"""The types of streamed events; chat's chunks are one model."""


def typed(validate: Any, body: Any) -> Any:
    """`body` as the SDK's type reads it. Raises Misshaped."""
    try:
        return validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Misshaped(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def chat(body: Item) -> Shown:
    """A chat completion."""
    answer = typed(ChatCompletion.model_validate, body)
    first = answer.choices[0]
    message = first.message
    calls = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
    told = first.logprobs.content if first.logprobs else None
    return Shown(
        text=message.content or "",
        texts=[choice.message.content or "" for choice in answer.choices],
        thoughts=(message.model_extra or {}).get("reasoning_content") or "",
        calls=calls,
        finish=first.finish_reason,
        refusal=message.refusal or "",
        counts=chat_counts(answer.usage),
        logprobs=[(one.token, one.logprob) for one in told or []],
        echo=({name: value for name, value in body["choices"][0]["message"].items() if value is not None},),
        fields=answer.model_extra or {},
    )


def chat_counts(usage: Any) -> Counts | None:
    """OpenAI's usage."""
    if usage is None:
        return None
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    reasoning = usage.completion_tokens_details.reasoning_tokens if usage.completion_tokens_details else 0
    return Counts(usage.prompt_tokens, usage.completion_tokens, cached or 0, reasoning or 0)


def responses(body: Item) -> Shown:
    """A response."""
    answer = typed(Response.model_validate, body)
    shown = Shown(fields=answer.model_extra or {}, echo=tuple(body["output"]))
    for item in answer.output:
        if item.type == "message":
            shown.text += "".join(part.text for part in item.content if part.type == "output_text")
            shown.refusal += "".join(part.refusal for part in item.content if part.type == "refusal")
            told = [one for part in item.content if part.type == "output_text" for one in part.logprobs or []]
            shown.logprobs += [(one.token, one.logprob) for one in told]
        elif item.type == "reasoning":
            shown.thoughts += "".join(part.text for part in [*item.summary, *(item.content or [])])
        elif item.type == "function_call":
            shown.calls.append((item.call_id, item.name, json.loads(item.arguments)))
    reason = answer.incomplete_details.reason if answer.incomplete_details else None
    shown.finish = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(reason or "", str(answer.status))
    if shown.finish == "completed":
        shown.finish = "tool_calls" if shown.calls else "stop"
    if answer.usage:
        cached, reasoning = answer.usage.input_tokens_details.cached_tokens, answer.usage.output_tokens_details.reasoning_tokens
        shown.counts = Counts(answer.usage.input_tokens, answer.usage.output_tokens, cached, reasoning)
    return shown


_STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def messages(body: Item) -> Shown:
    """A message."""
    answer = typed(Message.model_validate, body)
    shown = Shown(fields=answer.model_extra or {}, echo=({"role": "assistant", "content": body["content"]},))
    for block in answer.content:
        if block.type == "text":
            shown.text += block.text
        elif block.type == "thinking":
            shown.thoughts += block.thinking
        elif block.type == "tool_use":
            shown.calls.append((block.id, block.name, block.input))
    shown.finish = _STOPS.get(answer.stop_reason or "", str(answer.stop_reason))
    if answer.stop_reason == "refusal":
        shown.refusal = (answer.stop_details and answer.stop_details.explanation) or shown.text or "refusal"
    shown.counts = message_counts(answer.usage)
    return shown


def message_counts(usage: Any) -> Counts:
    """Anthropic's usage: cached tokens stand beside `input_tokens`."""
    cached = usage.cache_read_input_tokens or 0
    thinking = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return Counts(
        (usage.input_tokens or 0) + cached + (usage.cache_creation_input_tokens or 0), usage.output_tokens, cached, thinking or 0
    )


def query(body: Item) -> Shown:
    """Our own shape, which no SDK types: the contract's fields."""
    usage = body["usage"]
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in body["tool_calls"] or []
    ]
    told = {"role": "assistant", "content": body.get("response") or "", "tool_calls": body["tool_calls"]}
    filtered = body["finish_reason"] == "content_filter"
    return Shown(
        text=body.get("response") or "",
        calls=calls,
        finish=body["finish_reason"],
        refusal=(body.get("response") or "refusal") if filtered else "",
        counts=Counts(usage["input_tokens"], usage["output_tokens"], usage["cached_input_tokens"], usage["reasoning_tokens"]),
        echo=({name: value for name, value in told.items() if value is not None},),
    )


_READERS = {"chat": chat, "responses": responses, "messages": messages, "query": query}
