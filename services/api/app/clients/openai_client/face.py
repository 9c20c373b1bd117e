"""OpenAI's shapes towards callers: whole answers and errors (the stream's writer is in `writer`, the parser in `parse`)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, Thought, TokenLogprob
from ...domain.request import ChatRequest
from ...errors import ContextTooLong, RouterError
from .usage import usage_body

_encode = msgspec.json.Encoder().encode
_NULL: Final = b"null"
# what the likelihood of an impossible token is called, since JSON knows no infinity (OpenAI's API reference, `logprobs`)
_LEAST_LOGPROB: Final = -9999.0


def render(completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
    """A `chat.completion` body spelled out from a Completion of any origin."""
    legacy = is_legacy(request)
    body = {
        "id": completion.response_id if completion.response_id.startswith("chatcmpl") else f"chatcmpl-{call_id}",
        "object": "chat.completion",
        "created": created,
        "model": completion.model_id or request.model,
        "choices": [_choice(answer, i, legacy) for i, answer in enumerate((completion, *completion.others))],
    }
    if completion.usage is not None:
        body["usage"] = usage_body(completion.usage)
    return _encode(body)


def is_legacy(request: ChatRequest) -> bool:
    """Whether the caller speaks of `functions`, as before there were `tools`, and expects a `function_call`."""
    if request.original is None or request.original.dialect != "openai":
        return False
    fields = request.original.fields
    return "functions" in fields and bytes(fields["functions"]) != _NULL


def _choice(answer: Completion, index: int, legacy: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal or None}
    if not answer.tool_calls and not answer.refusal:
        message["content"] = answer.text
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if any(thought.signature or thought.redacted for thought in answer.thoughts):
        message["reasoning_details"] = [detail_body(thought, i) for i, thought in enumerate(answer.thoughts)]
    if answer.tool_calls and legacy:
        call = answer.tool_calls[0]
        message["function_call"] = {"name": call.name, "arguments": call.arguments}
    elif answer.tool_calls:
        message["tool_calls"] = [call_body(call.id, call.name, call.arguments, call.signature) for call in answer.tool_calls]
    reason = answer.finish_reason or ("tool_calls" if answer.tool_calls else "stop")
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_body(answer.logprobs) if answer.logprobs else None,
        "finish_reason": finish_word(reason, legacy),
    }


def finish_word(reason: FinishReason, legacy: bool) -> str:
    """OpenAI's word; an answer that the provider's failure cut short is a cut answer, as there is no word for the failure."""
    if reason == "error":
        return "length"
    return "function_call" if legacy and reason == "tool_calls" else reason


def call_body(call_id: str, name: str, arguments: str, signature: str) -> dict[str, Any]:
    """A tool call, its signature where Google's OpenAI-compatible endpoint has it."""
    body: dict[str, Any] = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    if signature:
        body["extra_content"] = signed_body(signature)
    return body


def signed_body(signature: str) -> dict[str, Any]:
    """A call's signature, which clients give back with the call."""
    return {"google": {"thought_signature": signature}}


def detail_body(thought: Thought, index: int) -> dict[str, Any]:
    """One thought, or a streamed piece of it, as an item of OpenRouter's `reasoning_details`."""
    if thought.redacted:
        return {"type": "reasoning.encrypted", "data": thought.redacted, "format": "unknown", "index": index}
    body: dict[str, Any] = {"type": "reasoning.text", "text": thought.text, "format": "unknown", "index": index}
    if thought.signature:
        body["signature"] = thought.signature
    return body


def logprobs_body(logprobs: Sequence[TokenLogprob]) -> dict[str, Any]:
    """The tokens' probabilities; `bytes` are those of the token's text, which is all that every provider tells."""
    content = []
    for token in logprobs:
        tops = [_token_body(text, chance) for text, chance in token.top]
        content.append({**_token_body(token.token, token.logprob), "top_logprobs": tops})
    return {"content": content, "refusal": None}


def _token_body(token: str, logprob: float) -> dict[str, Any]:
    told = logprob if logprob > _LEAST_LOGPROB else _LEAST_LOGPROB
    return {"token": token, "logprob": told, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def error_body(error: RouterError, request_id: str) -> bytes:
    """The error envelope of the OpenAI faces and of `/query`."""
    message = _overflow(error) if isinstance(error, ContextTooLong) else error.message
    shown = {"type": error.type, "code": error.code, "message": message, "param": error.param, "request_id": request_id}
    return _encode({"error": shown})


def _overflow(error: ContextTooLong) -> str:
    """OpenAI's own wording, by which clients know that they have to shorten, and by how much where it is known."""
    if error.limit is None:
        return f"This model's maximum context length is exceeded. Please reduce the length of the messages. ({error.message})"
    length = f"This model's maximum context length is {error.limit} tokens."
    if error.tokens is None:
        return f"{length} Please reduce the length of the messages."
    return f"{length} However, your messages resulted in {error.tokens} tokens. Please reduce the length of the messages."
