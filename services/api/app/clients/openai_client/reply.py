"""OpenAI's answers, whole: from bytes to a Completion. Nothing about requests, streams or failures' meaning may enter."""

from typing import Any

from msgspec import json
from msgspec.structs import replace

from ...domain.answer import Completion, FinishReason, Thought, TokenLogprob, ToolCall, Usage
from ...errors import BadAnswer
from ..common.call_ids import minted
from ..common.said import held, read
from ..common.seal import sealed
from .failure import error_of, stray_error
from .reply_shape import BODY, Body, Choice, Function, Said, Tool
from .usage import usage_of

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",  # Mistral's, also by way of this dialect
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "insufficient_system_resource": "error",  # DeepSeek's (api-docs.deepseek.com, "Create Chat Completion")
}
_NO_FUNCTION = Function()


def decode(data: bytes) -> Completion:
    """A whole answer; `raw` is the body. Raises BadAnswer when it is none, the mapped error when it holds an error object."""
    body = read(data, BODY)
    raise_error(body.error, body.x_groq)
    if not body.choices:
        raise stray_error(data) or BadAnswer("the provider's answer holds no choice")
    usage = usage_of(body.usage if body.usage is not None else groq(body.x_groq, "usage"))
    if len(body.choices) == 1:
        return held(_answer(body.choices[0], body, usage, data))
    choices = {choice.index: choice for choice in body.choices}
    first, *others = [choices[index] for index in sorted(choices)]
    return held(replace(_answer(first, body, usage, data), others=tuple([_answer(other, body, None, b"") for other in others])))


def _answer(choice: Choice, body: Body, usage: Usage | None, raw: bytes) -> Completion:
    """One of the answers; only the first (with `raw`) stands for the whole body and names it."""
    said = choice.message
    raise_error(choice.error)
    if said is None:
        raise BadAnswer("the provider's answer holds a choice without a message")
    calls: tuple[ToolCall, ...] = ()
    if said.tool_calls:
        calls = tuple([_call(tool, place, choice, body) for place, tool in enumerate(said.tool_calls)])
    if said.function_call is not None:
        calls += (_call(Tool(function=said.function_call), len(calls), choice, body),)
    return Completion(
        text=text_of(said),
        thoughts=tuple(thoughts_of(said)),
        refusal=said.refusal or "",
        tool_calls=calls,
        finish_reason=finish_of(choice.finish_reason, bool(calls)),
        usage=usage,
        response_id=(body.id or "") if raw else "",
        model_id=(body.model or "") if raw else "",
        logprobs=() if choice.logprobs is None else logprobs_of(choice.logprobs),
        raw=raw,
    )


def _call(tool: Tool, place: int, choice: Choice, body: Body) -> ToolCall:
    name, arguments = spelled(tool)
    call_id = tool.id or minted(body.id or "", str(choice.index), str(place), name, arguments)
    return ToolCall(call_id, name, arguments, signature_of(tool))


def raise_error(error: Any, x_groq: Any = None) -> None:
    """Raises what an error object means, in an answer's own place or in Groq's."""
    found = error if error is not None else groq(x_groq, "error")
    if found is not None:
        raise error_of(found)


def groq(told: Any, name: str) -> Any:
    """A field of Groq's own object beside the answer, None where there is none."""
    return told.get(name) if isinstance(told, dict) else None


def text_of(said: Said) -> str:
    """The visible text, whether it came as one string or as a list of parts."""
    if isinstance(said.content, str):
        return said.content
    parts = said.content or ()
    return "".join([part["text"] for part in parts if isinstance(part.get("text"), str)])


def spelled(tool: Tool) -> tuple[str, str]:
    """(name, arguments as text) of a call or of a piece of one; a free-form call's input stands for its arguments.

    Raises BadAnswer for arguments that are neither text nor an object.
    """
    if tool.custom is not None:
        return tool.custom.name or "", tool.custom.input or ""
    function = tool.function or _NO_FUNCTION
    arguments = function.arguments
    if isinstance(arguments, dict):
        arguments = json.encode(arguments).decode()
    elif not isinstance(arguments, str | None):
        raise BadAnswer("the provider's answer holds a call whose arguments are no object")
    return function.name or "", arguments or ""


def signature_of(tool: Tool) -> str:
    """The sealed signature of a call, as Google's OpenAI-compatible endpoint gives it; "" for none."""
    google = tool.extra_content.get("google") if isinstance(tool.extra_content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return sealed("openai", signature) if isinstance(signature, str) else ""


def thoughts_of(said: Said) -> list[Thought]:
    """The thoughts of a message or of a streamed piece, neighbours without a signature joined."""
    told = said.reasoning_content if isinstance(said.reasoning_content, str) else ""
    if not told and isinstance(said.reasoning, str):
        told = said.reasoning
    detailed = _detailed(said.reasoning_details) if said.reasoning_details else []
    if told and not any(thought.text for thought in detailed):
        detailed.insert(0, Thought(told))
    return detailed


def _detailed(details: Any) -> list[Thought]:
    thoughts: list[Thought] = []
    for detail in details if isinstance(details, list) else ():
        thought = thought_of(detail)
        if thought is None:
            continue
        if thoughts and not (thoughts[-1].signature or thoughts[-1].redacted or thought.redacted):
            thought = Thought(thoughts.pop().text + thought.text, thought.signature)
        thoughts.append(thought)
    return thoughts


def thought_of(detail: Any) -> Thought | None:
    """One item of OpenRouter's `reasoning_details`, its signature sealed; None for what says nothing."""
    if not isinstance(detail, dict):
        return None
    text, signature, data = detail.get("text") or detail.get("summary"), detail.get("signature"), detail.get("data")
    if isinstance(data, str) and data:
        return Thought(redacted=sealed("openai", data))
    text = text if isinstance(text, str) else ""
    signature = sealed("openai", signature) if isinstance(signature, str) else ""
    return Thought(text, signature) if text or signature else None


def finish_of(word: str | None, has_calls: bool) -> FinishReason | None:
    """Our word for a host's finish reason; whether calls came decides between `stop` and `tool_calls`, not the host."""
    if word is None:
        return "tool_calls" if has_calls else None
    reason = FINISH.get(word, "stop")
    if reason in ("stop", "tool_calls"):
        return "tool_calls" if has_calls else "stop"
    return reason


def logprobs_of(told: Any) -> tuple[TokenLogprob, ...]:
    """The tokens' probabilities in OpenAI's shape or in Together's older one; what is neither is absent."""
    if not isinstance(told, dict):
        return ()
    content = told.get("content")
    if isinstance(content, list):
        return tuple([token for item in content if (token := _token(item)) is not None])
    tokens, chances = told.get("tokens"), told.get("token_logprobs")
    if isinstance(tokens, list) and isinstance(chances, list):
        pairs = [_pair(token, chance) for token, chance in zip(tokens, chances, strict=False)]
        return tuple([TokenLogprob(*pair) for pair in pairs if pair is not None])
    return ()


def _token(item: Any) -> TokenLogprob | None:
    pair = _pair(item.get("token"), item.get("logprob")) if isinstance(item, dict) else None
    if pair is None:
        return None
    rivals = item.get("top_logprobs")
    rivals = rivals if isinstance(rivals, list) else []
    tops = [_pair(top.get("token"), top.get("logprob")) for top in rivals if isinstance(top, dict)]
    return TokenLogprob(*pair, top=tuple([top for top in tops if top is not None]))


def _pair(token: Any, chance: Any) -> tuple[str, float] | None:
    if isinstance(token, str) and isinstance(chance, int | float) and not isinstance(chance, bool):
        return token, float(chance)
    return None
