"""Streamed answers of each face, every event read with the SDK's own types of that face, gathered into the answer they spell."""

import json
from collections.abc import Sequence
from typing import Any

from openai.types.chat import ChatCompletionChunk
from shown import EVENTS, Item, Misshaped, Shown, chat_counts, query, responses, typed
from shown import messages as whole_message

from judges.said import Counts
from support import Event


def streamed(face: str, events: Sequence[Event]) -> Shown:
    """Read one whole stream. Raises Misshaped for an event or an order that the SDK would not take."""
    told = [event for event in events if event.data]
    for event in told:
        if event.name == "error" or (event.data != "[DONE]" and "error" in event.json() and face in ("chat", "query")):
            raise Misshaped(f"an error in the stream: {event.data[:200]}")
    return {"chat": _chat, "responses": _responses, "messages": _messages, "query": _query}[face](told)


def _expect(right: bool, what: str) -> None:
    if not right:
        raise Misshaped(what)


def _chat(told: list[Event]) -> Shown:
    _expect(told[-1].data == "[DONE]", "no [DONE] at the end")
    shown = Shown()
    calls: dict[int, list[str]] = {}
    texts: dict[int, str] = {}
    for event in told[:-1]:
        chunk = typed(ChatCompletionChunk.model_validate, event.json())
        shown.counts = chat_counts(chunk.usage) or shown.counts
        shown.fields |= chunk.model_extra or {}
        for choice in chunk.choices:
            delta = choice.delta
            texts[choice.index] = texts.get(choice.index, "") + (delta.content or "")
            if choice.index:
                continue
            shown.logprobs += [(one.token, one.logprob) for one in (choice.logprobs and choice.logprobs.content) or []]
            shown.thoughts += (delta.model_extra or {}).get("reasoning_content") or ""
            shown.refusal += delta.refusal or ""
            shown.finish = choice.finish_reason or shown.finish
            for piece in delta.tool_calls or []:
                call = calls.setdefault(piece.index, ["", "", ""])
                call[0] += piece.id or ""
                call[1] += (piece.function and piece.function.name) or ""
                call[2] += (piece.function and piece.function.arguments) or ""
    shown.texts = [texts[place] for place in sorted(texts)]
    shown.text = texts.get(0, "")
    shown.numbers = sorted(calls)
    shown.calls = [(call_id, name, json.loads(text)) for call_id, name, text in calls.values()]
    return shown


def _responses(told: list[Event]) -> Shown:
    spoken: dict[str, str] = {"text": "", "arguments": "", "thoughts": ""}
    final: Any = None
    for place, event in enumerate(told):
        item = event.json()
        read = typed(EVENTS["responses"].validate_python, item)
        _expect(item["sequence_number"] == place, f"sequence_number {item['sequence_number']} at place {place}")
        _expect(event.name == item["type"], f"event {event.name} holds {item['type']}")
        if read.type == "response.output_text.delta":
            spoken["text"] += read.delta
        elif read.type == "response.function_call_arguments.delta":
            spoken["arguments"] += read.delta
        elif read.type in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            spoken["thoughts"] += read.delta
        elif read.type in ("response.completed", "response.incomplete"):
            final = item["response"]
    _expect(told[0].json()["type"] == "response.created", "the first event is not response.created")
    _expect(final is not None and told[-1].json().get("response") == final, "the last event is no end of a response")
    shown = responses(final)
    _expect(spoken["text"] == shown.text, "the text deltas do not spell the text")
    _expect(spoken["thoughts"] == shown.thoughts, "the reasoning deltas do not spell the reasoning")
    written = "".join(item["arguments"] for item in final["output"] if item["type"] == "function_call")
    _expect(spoken["arguments"] == written, "the argument deltas do not spell the arguments")
    return shown


def _messages(told: list[Event]) -> Shown:
    message: Item = {}
    blocks: dict[int, Item] = {}
    written: dict[int, str] = {}
    ended: set[int] = set()
    for event in (one for one in told if one.name != "ping"):
        item = event.json()
        typed(EVENTS["messages"].validate_python, item)
        _expect(event.name == item["type"], f"event {event.name} holds {item['type']}")
        if item["type"] == "message_start":
            message = item["message"]
        elif item["type"] == "content_block_start":
            _expect(item["index"] == len(blocks) and len(ended) == len(blocks), f"block {item['index']} begins out of order")
            blocks[item["index"]] = dict(item["content_block"])
        elif item["type"] == "content_block_delta":
            _add(blocks[item["index"]], item["delta"], written, item["index"])
        elif item["type"] == "content_block_stop":
            ended.add(item["index"])
        elif item["type"] == "message_delta":
            message = {**message, **item["delta"], "usage": {**message["usage"], **item["usage"]}}
    _expect(told[-1].name == "message_stop" and ended == set(blocks), "the stream does not end with message_stop")
    for at, text in written.items():
        blocks[at]["input"] = json.loads(text or "{}")
    return whole_message({**message, "content": list(blocks.values())})


def _add(block: Item, delta: Item, written: dict[int, str], at: int) -> None:
    kind = delta["type"]
    if kind == "input_json_delta":
        written[at] = written.get(at, "") + delta["partial_json"]
    elif kind == "text_delta":
        block["text"] += delta["text"]
    elif kind == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]


def _query(told: list[Event]) -> Shown:
    text = "".join(event.json()["text"] for event in told if event.name == "delta")
    _expect(told[-1].name == "done", "no `done` at the end")
    shown = query({**told[-1].json(), "response": text})
    _expect(isinstance(shown.counts, Counts), "no usage")
    return shown
