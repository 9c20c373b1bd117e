"""The Response object and the items of its output, whole or unfinished. Nothing of streams, nothing of requests but their echo."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.answer import Completion, FinishReason, TokenLogprob, ToolCall, Usage
from ...domain.request import ChatRequest
from .body import told
from .kit import Own, free_text, own_tools
from .proof import shown_call_proof, shown_proof

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, Raw])

_TEXT: Final = Raw(b'{"type":"text"}')
# what a Response repeats of its request, and what it says where the request said nothing
_ECHO: Final[dict[str, Raw]] = {
    "instructions": Raw(b"null"),
    "max_output_tokens": Raw(b"null"),
    "max_tool_calls": Raw(b"null"),
    "metadata": Raw(b"{}"),
    "parallel_tool_calls": Raw(b"true"),
    "prompt_cache_key": Raw(b"null"),
    "reasoning": Raw(b'{"effort":null,"summary":null}'),
    "safety_identifier": Raw(b"null"),
    "temperature": Raw(b"null"),
    "tool_choice": Raw(b'"auto"'),
    "tools": Raw(b"[]"),
    "top_logprobs": Raw(b"0"),
    "top_p": Raw(b"null"),
    "user": Raw(b"null"),
}
_NEVER: Final = {"background": False, "previous_response_id": None, "store": False, "truncation": "disabled"}
_INCOMPLETE: Final[dict[FinishReason | None, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}
NO_ARGUMENTS: Final = "{}"  # clients parse them without a look
_LEAST_LOGPROB: Final = -9999.0  # stands for minus infinity, which JSON cannot spell


class ResponseFrame:
    """What stays the same of one Response while its answer grows: who it is, and the echo of its request."""

    __slots__ = ("_echo", "_head", "call_id")

    def __init__(self, request: ChatRequest, call_id: str, created: int, model: str) -> None:
        self.call_id = call_id
        self._head = {"id": f"resp_{call_id}", "object": "response", "created_at": created, "model": model}
        self._echo = _echo_of(request)

    def body(self, status: str, output: Sequence[Raw], usage: Usage | None = None, **facts: Any) -> Raw:
        """The Response in this state; `facts` are `error`, `incomplete_details` or `completed_at`."""
        state = {
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": output,
            "usage": usage and usage_of(usage),
        }
        return Raw(_encode({**self._head, **state, **facts, **self._echo, **_NEVER}))

    def id_of(self, kind: str, place: int) -> str:
        """The id of an item, the same for the same call and place: `kind` is msg, rs, fc or ctc."""
        return f"{kind}_{self.call_id}{place:02x}"


def render(completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
    """A whole Response spelled out from a Completion of any origin."""
    frame = ResponseFrame(request, call_id, created, completion.model_id or request.model)
    status, facts = ending(completion.finish_reason)
    if status == "completed":
        facts["completed_at"] = created
    items = _items(completion, frame, own_tools(request) if completion.tool_calls else {})
    if status == "incomplete" and items and "encrypted_content" not in items[-1]:
        items[-1]["status"] = status  # the answer broke off there; a thought with its proof is whole
    return bytes(frame.body(status, [Raw(_encode(item)) for item in items], completion.usage, **facts))


def ending(reason: FinishReason | None) -> tuple[str, dict[str, Any]]:
    """(status, facts) of an answer that ended for this reason."""
    if reason in _INCOMPLETE:
        return "incomplete", {"incomplete_details": {"reason": _INCOMPLETE[reason]}}
    if reason == "error":
        return "failed", {"error": {"code": "server_error", "message": "the model broke off its answer"}}
    return "completed", {}


def _items(completion: Completion, frame: ResponseFrame, own: dict[str, Own]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for thought in completion.thoughts:
        if thought.text or thought.signature or thought.redacted:
            items.append(reasoning_item(frame.id_of("rs", len(items)), thought.text, shown_proof(thought)))
    content = []
    if completion.refusal:
        content.append(refusal_part(completion.refusal))
    if completion.text or completion.logprobs:
        content.append(text_part(completion.text, completion.logprobs))
    if content:
        items.append(message_item(frame.id_of("msg", len(items)), content))
    for call in completion.tool_calls:
        if call.signature:
            items.append(reasoning_item(frame.id_of("rs", len(items)), "", shown_call_proof(call.id, call.signature)))
        items.append(call_item(frame, len(items), call, own.get(call.name)))
    return items


def reasoning_item(item_id: str, text: str, proof: str, status: str = "completed") -> dict[str, Any]:
    """A thought: its text as a summary, its proof for the way back."""
    item = {"id": item_id, "type": "reasoning", "status": status, "summary": [summary_part(text)] if text else []}
    return {**item, "encrypted_content": proof} if proof else item


def summary_part(text: str) -> dict[str, str]:
    """The text of a thought."""
    return {"type": "summary_text", "text": text}


def message_item(item_id: str, content: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    """What the assistant said."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def text_part(text: str, logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
    """A text, with its tokens' probabilities."""
    tokens = [_token(token.token, token.logprob) | {"top_logprobs": [_token(*top) for top in token.top]} for token in logprobs]
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": tokens}


def refusal_part(text: str) -> dict[str, Any]:
    """A refusal to answer."""
    return {"type": "refusal", "refusal": text}


def call_item(frame: ResponseFrame, place: int, call: ToolCall, own: Own | None, status: str = "completed") -> dict[str, Any]:
    """A call, under the name and in the form in which its caller declared the tool."""
    item: dict[str, Any] = {"call_id": call.id or frame.id_of("call", place), "name": call.name if own is None else own.name}
    if own is not None and own.namespace:
        item["namespace"] = own.namespace
    if own is not None and own.custom:
        fixed = {"id": frame.id_of("ctc", place), "type": "custom_tool_call", "status": status}
        return {**fixed, **item, "input": free_text(call.arguments)}
    fixed = {"id": frame.id_of("fc", place), "type": "function_call", "status": status}
    nothing = "" if status == "in_progress" else NO_ARGUMENTS  # clients append the pieces that follow
    return {**fixed, **item, "arguments": call.arguments or nothing}


def piece_logprobs(logprobs: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    """The tokens' probabilities in the events of a text, which leave out the bytes."""
    return [
        {
            "token": token.token,
            "logprob": max(token.logprob, _LEAST_LOGPROB),
            "top_logprobs": [{"token": text, "logprob": max(chance, _LEAST_LOGPROB)} for text, chance in token.top],
        }
        for token in logprobs
    ]


def usage_of(usage: Usage) -> dict[str, Any]:
    """Usage in this dialect's words: input tokens include cached ones, output tokens include reasoning."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _token(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": max(logprob, _LEAST_LOGPROB), "bytes": list(text.encode("utf-8", "surrogatepass"))}


def _echo_of(request: ChatRequest) -> dict[str, Raw]:
    asked = {} if request.original is None else request.original.fields
    echo = {name: _said(asked, name) or default for name, default in _ECHO.items()}
    text = _said(asked, "text")
    wishes = {} if text is None else _fields.decode(text)
    echo["text"] = Raw(_encode({"format": _TEXT, **{name: value for name, value in wishes.items() if told(value)}}))
    return echo


def _said(asked: dict[str, Raw], name: str) -> Raw | None:
    """A field as the caller said it, on one line: an event's data may not hold line ends."""
    raw = asked.get(name)
    if raw is None or not told(raw):
        return None
    data = bytes(raw)
    return Raw(msgspec.json.format(data, indent=-1)) if b"\n" in data or b"\r" in data else raw
