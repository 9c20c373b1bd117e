"""What a simulated provider answers: marked `[MOCK]`, of the form that was asked for. No dialect and no socket may enter."""

from typing import Any

import msgspec
from msgspec.structs import replace

from ..domain.answer import Completion, Delta, FinishReason, Thought, TokenLogprob, ToolCall, Usage
from ..domain.request import ChatRequest, Tool
from ..domain.target import Target
from ..text.sample_json import sample_json
from ..text.tokens import estimate_request, estimate_tokens
from .common.turns import JSON_WISH

_WORDS_PER_PIECE = 4
_THOUGHT = "[MOCK] A real model would think here."
_BODY = (
    "This is a simulated answer, because no key is set for this provider.",
    "A real model would respond here to the prompt you sent.",
    "Token counts are estimates and nothing was charged.",
    "Set the provider's key in .env and restart to get real answers.",
)


def play(request: ChatRequest, target: Target, words: tuple[str, ...] = _BODY) -> Completion:
    """The whole played answer: cut at `max_tokens`, JSON where JSON was asked, a call where one was demanded, else `words`.

    A tool that may but need not be called is not: what a simulation would have called might be carried out.
    """
    calls = _calls(request)
    text = "" if calls else _text(request, target, words)
    finish: FinishReason = "tool_calls" if calls else "stop"
    if request.max_tokens is not None and estimate_tokens(text) > request.max_tokens:
        text = text[: max(request.max_tokens * 4, 6)]
        finish = "length"
    thoughts = (Thought(_THOUGHT),) if _thinks(request, target) else ()
    said = text + "".join([call.arguments for call in calls]) + "".join([thought.text for thought in thoughts])
    answer = Completion(
        text=text,
        thoughts=thoughts,
        tool_calls=calls,
        finish_reason=finish,
        model_id=target.model_id,
        logprobs=tuple([TokenLogprob(word, 0.0) for word in _pieces(text, 1)]) if request.logprobs else (),
    )
    usage = Usage(
        input_tokens=estimate_request(request),
        output_tokens=estimate_tokens(said) * request.n,
        reasoning_tokens=sum(estimate_tokens(thought.text) for thought in thoughts) * request.n,
    )
    return replace(answer, usage=usage, others=(replace(answer, model_id=""),) * (request.n - 1))


def spoken(completion: Completion) -> list[Delta]:
    """The answer as a stream of a few words each."""
    pieces: list[Delta] = []
    for delta in completion.unfolded():
        if delta.text and not delta.logprobs:
            pieces += [Delta(text=text, choice=delta.choice) for text in _pieces(delta.text, _WORDS_PER_PIECE)]
        else:
            pieces.append(delta)
    return pieces


def _pieces(text: str, words: int) -> list[str]:
    """`text` in pieces of so many words; joined they are the text."""
    found = text.split(" ")
    groups = [" ".join(found[i : i + words]) for i in range(0, len(found), words)]
    return [group + " " for group in groups[:-1]] + groups[-1:]


def _text(request: ChatRequest, target: Target, words: tuple[str, ...]) -> str:
    if request.format is not None and request.format.kind == "json_schema":
        return msgspec.json.encode(_sampled(request.format.schema)).decode()
    if request.json_mode or _asks_for_json(request):
        return '{"answer": "[MOCK] ' + target.model_id + '", "simulated": true}'
    topic = " ".join(request.prompt.split())[:80]
    return f"[MOCK] {target.model_id} on: {topic}\n\n" + " ".join(words)


def _asks_for_json(request: ChatRequest) -> bool:
    """Whether JSON was asked for in words, as it is where the dialect has no field for it."""
    return any(message.role == "system" and JSON_WISH in message.text for message in request.messages)


def _calls(request: ChatRequest) -> tuple[ToolCall, ...]:
    choice = request.tool_choice
    if choice is None or choice.mode != "required" or not request.tools:
        return ()
    tool = _first(request.tools, choice.names)
    place = sum(message.role == "assistant" for message in request.messages)
    return (ToolCall(f"call_mock{place:05d}", tool.name, msgspec.json.encode(_sampled(tool.parameters)).decode()),)


def _first(tools: tuple[Tool, ...], names: tuple[str, ...]) -> Tool:
    return next((tool for tool in tools if tool.name in names), tools[0])


def _sampled(schema: msgspec.Raw) -> Any:
    return sample_json(msgspec.json.decode(schema)) if bytes(schema) else {}


def _thinks(request: ChatRequest, target: Target) -> bool:
    wish = request.thinking
    if wish is None or wish.effort == "none" or wish.shown is False:
        return False
    return "reasoning" in target.capabilities
