"""From a caller's chat body to a ChatRequest. What only OpenAI's dialect can carry is named, never dropped."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import NO_CONSTRAINTS, NOTHING, ChatRequest, Original, Thinking, Tool, ToolChoice
from ...errors import CallerError
from ..common.body import opened, typed
from ..common.tools import held_choice
from ..common.wishes import NO_WISHES, RouterWishes, cache_of, mode_of
from .mending import with_true_types
from .parse_messages import ChatMessage, messages_of
from .parse_parts import Notes, marker_of
from .parse_thinking import thinking_of
from .parse_tools import FunctionTool, ResponseFormat, choice_of, chosen_of, format_of, functions_of

# fields that become values below, or whose effect ends with the connection to us
_READ: Final = frozenset(
    {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k",
        "presence_penalty", "frequency_penalty", "stop", "seed", "n", "logprobs", "top_logprobs", "tools", "tool_choice",
        "functions", "function_call", "parallel_tool_calls", "response_format", "service_tier", "cache_control", "user",
        "safety_identifier", "metadata", "verbosity", "router",
    }
)  # fmt: skip
# wishes whose loss would give another answer: sounds instead of text, the web's knowledge, a filter that is to block
_NATIVE: Final = frozenset({"audio", "web_search_options", "moderation"})
_ANTHROPICS: Final = {
    "system": "a message of role system",
    "stop_sequences": "`stop`",
    "output_config": "`reasoning_effort` and `response_format`",
}
_MOST_LOGPROBS: Final = 20
Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]


class StreamOptions(Struct):
    """What a stream is to hold."""

    include_usage: bool | None = None


class ChatBody(Struct):
    """The fields of a chat body that we read; unknown ones are the caller's and travel."""

    messages: list[ChatMessage]
    model: str
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, Meta(ge=-1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = msgspec.field(default_factory=Raw)
    functions: list[FunctionTool] | None = None
    function_call: Raw = msgspec.field(default_factory=Raw)
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    service_tier: str | None = None
    router: RouterWishes | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None
    verbosity: str | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    logprobs: bool | int | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=_MOST_LOGPROBS)] | None = None


_body = msgspec.json.Decoder(ChatBody)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    refuse_other_faces(tree)
    body = typed(data, _body)
    if not body.messages:
        raise CallerError("messages: at least one message is needed", param="messages")
    notes = Notes()
    native = notes.native
    messages = messages_of(body.messages, notes)
    tools, choice, parallel = _tools(body, native)
    thinking, extra = (None, ()) if tree.keys() <= _READ else _others(tree, native)
    router = body.router or NO_WISHES
    if notes.mended:
        fields["messages"] = with_true_types(fields["messages"], notes.mended)
    return ChatRequest(
        messages=messages,
        model=body.model,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        stop=stops_of(body.stop),
        seed=body.seed,
        n=body.n or 1,
        logprobs=bool(body.logprobs),
        top_logprobs=_top_logprobs(body),
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        format=format_of(body.response_format, native),
        thinking=thinking,
        tier=body.service_tier,
        verbosity=body.verbosity,
        marker="" if "cache_control" not in tree else marker_of(tree["cache_control"]),
        native=tuple(native),
        extra=extra,
        mode=None if router.mode is None else mode_of(router.mode, "router.mode"),
        constraints=router.constraints or NO_CONSTRAINTS,
        cache=None if router.cache is None else cache_of(router.cache, "router.cache"),
        session=router.session,
        explain=router.explain,
        user=body.user or body.safety_identifier,
        metadata=body.metadata,
        original=Original("openai", fields),
    )


def _top_logprobs(body: ChatBody) -> int | None:
    """How many likely tokens are wished in each place; Together's callers say it in the other field."""
    if body.top_logprobs is not None or type(body.logprobs) is not int:
        return body.top_logprobs
    return min(body.logprobs, _MOST_LOGPROBS) if body.logprobs > 0 else None


def stops_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """The stop sequences, be it one or several."""
    return () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)


def _tools(body: ChatBody, native: list[str]) -> tuple[tuple[Tool, ...], ToolChoice | None, bool | None]:
    """(tools, choice, whether several calls at once are welcome); the older `functions` allow one call."""
    if body.tools is None and body.functions is None and body.tool_choice is NOTHING:
        return (), None, body.parallel_tool_calls
    if body.functions is None or body.tools:
        return *chosen_of(body.tools, body.tool_choice, native), body.parallel_tool_calls
    functions = functions_of(body.functions)
    return functions, held_choice(choice_of(body.function_call, native, "function_call"), functions, "function_call"), False


def _others(tree: dict[str, Any], native: list[str]) -> tuple[Thinking | None, tuple[str, ...]]:
    """(how much to think, the names of the fields that no other dialect has); those that bind to this one go to `native`."""
    thinking, understood = thinking_of(tree)
    extra = []
    for name, value in tree.items():
        if name in _READ or name in understood or value is None:
            continue
        if name in _NATIVE or (name == "modalities" and value != ["text"]):
            native.append(name)
        elif name != "modalities":
            extra.append(name)
    return thinking, tuple(extra)


def refuse_other_faces(tree: Mapping[str, Any]) -> None:
    """A body of another face, sent here by mistake, is told its right route instead of a missing field."""
    for name, here in _ANTHROPICS.items():
        if name in tree:
            raise CallerError(f"`{name}` is Anthropic's shape: use POST /v1/messages; here it is {here}", param=name)
    if "mode" in tree and "model" not in tree:
        raise CallerError("`mode` beside the messages belongs to POST /query; here it is `router.mode`", param="mode")
    if "messages" in tree:
        return
    if "prompt" in tree:
        raise CallerError("`prompt` belongs to POST /query; this route takes `messages`", param="prompt")
    if "input" in tree:
        raise CallerError(
            "`input` belongs to POST /v1/responses or POST /v1/embeddings; this route takes `messages`", param="input"
        )
    if "contents" in tree:
        raise CallerError(
            "`contents` is Gemini's shape, for which there is no route; this one takes `messages`", param="contents"
        )
