"""From a caller's Messages body to a ChatRequest. What only Anthropic's dialect can carry is named, never dropped."""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import NO_CONSTRAINTS, ChatRequest, Message, Original, Role, Text
from ...errors import CallerError, ThreadUnsupported
from ..common.body import opened, typed
from ..common.faces import CHAT
from ..common.tools import held_choice
from ..common.wishes import NO_WISHES, RouterWishes, cache_of, mode_of
from . import options
from .dialect import DIALECT
from .parts import Blocks
from .shapes import Marker, marker_of

T = TypeVar("T")

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
# what changes who answers, or with what at hand: no model of another dialect could do it
_NATIVE: Final = frozenset({"container", "mcp_servers"})
_OTHER_FACES: Final = {
    **dict.fromkeys(
        (
            "max_completion_tokens", "response_format", "functions", "function_call", "reasoning_effort", "stream_options",
            "parallel_tool_calls", "stop",
        ),
        "/v1/chat/completions",
    ),
    **dict.fromkeys(("max_output_tokens", "previous_response_id", "instructions"), "/v1/responses"),
    "input": "/v1/responses or POST /v1/embeddings",
    "prompt": "/query",
}  # fmt: skip
# what a body of OpenAI's chat may hold too: it says so of one that cannot be read
_OF_CHAT: Final = ("frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "n", "seed")
_PART_OF_OUTPUT: Final = frozenset({"effort", "format"})


class MessagesTurn(Struct):
    """One turn: a text, or blocks that are read one by one."""

    role: str
    content: str | list[Raw]


class MessagesMetadata(Struct):
    """Whom the call is for."""

    user_id: str | None = None


class CountBody(Struct, kw_only=True):
    """The fields that are read of a prompt; unknown ones are the caller's and travel."""

    model: str
    messages: Annotated[list[MessagesTurn], Meta(min_length=1)]
    system: str | list[Raw] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, Meta(ge=0)] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    metadata: MessagesMetadata | None = None
    tools: list[Raw] | None = None
    tool_choice: options.Choice | None = None
    thinking: options.ThinkingWish | None = None
    output_config: options.OutputWish | None = None
    output_format: options.OutputFormat | None = None
    service_tier: str | None = None
    speed: str | None = None
    cache_control: Marker | None = None
    router: RouterWishes | None = None


class MessagesBody(CountBody, kw_only=True):
    """The fields that are read of a prompt to be answered."""

    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)]


_CARRIED: Final = frozenset(MessagesBody.__struct_fields__)
_messages_body = msgspec.json.Decoder(MessagesBody)
_count_body = msgspec.json.Decoder(CountBody)
_raws = msgspec.json.Decoder(list[Raw])
_encode = msgspec.json.Encoder().encode


def parse(data: bytes) -> ChatRequest:
    """The request of `POST /v1/messages`. Raises CallerError naming the field to change."""
    tree, fields = _opened(data)
    body = _typed(data, _messages_body, tree)
    return _request(body, body.max_tokens, tree, fields)


def parse_count(data: bytes) -> ChatRequest:
    """The request of `POST /v1/messages/count_tokens`, which has no limit. Raises CallerError naming the field to change."""
    tree, fields = _opened(data)
    return _request(_typed(data, _count_body, tree), None, tree, fields)


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, Raw]]:
    tree, fields = opened(data)
    _refuse_unheld(tree)
    return tree, fields


def _typed(data: bytes, decoder: msgspec.json.Decoder[T], tree: dict[str, Any]) -> T:
    try:
        return typed(data, decoder)
    except CallerError as error:
        _refuse_chat(tree)
        if error.param == "max_tokens" and "max_tokens" not in tree:
            raise CallerError(f"{error.message} (a body without it belongs to {CHAT})", param="max_tokens") from None
        raise


def _request(body: CountBody, max_tokens: int | None, tree: dict[str, Any], fields: dict[str, Raw]) -> ChatRequest:
    found = Blocks()
    messages = _messages(body, tree, found)
    if found.mended:
        _mend(fields, tree, found.mended)
    _sort_out(tree, body, max_tokens, found)
    tools = options.tools_of(body.tools, tree["tools"], found) if body.tools else ()
    choice = options.choice_of(body.tool_choice)
    router = body.router or NO_WISHES
    return ChatRequest(
        messages=tuple(messages),
        model=body.model,
        stream=bool(body.stream),
        include_usage=True,
        max_tokens=max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        stop=tuple(body.stop_sequences or ()),
        tools=tools,
        tool_choice=held_choice(choice, tools) if len(tools) == len(body.tools or ()) else choice,
        parallel_tools=options.parallel_of(body.tool_choice),
        format=options.format_of(body.output_config, body.output_format, found),
        thinking=options.thinking_of(body.thinking, body.output_config, found),
        tier=options.tier_of(body.service_tier, body.speed),
        marker=marker_of(body.cache_control),
        native=tuple(found.native),  # after everything that finds something
        extra=tuple(dict.fromkeys(found.extra)),
        mode=mode_of(router.mode, "router.mode"),
        constraints=router.constraints or NO_CONSTRAINTS,
        cache=cache_of(router.cache, "router.cache"),
        session=router.session,
        explain=router.explain,
        user=body.metadata.user_id if body.metadata else None,
        original=Original(DIALECT, fields),
    )


def _messages(body: CountBody, tree: dict[str, Any], found: Blocks) -> list[Message]:
    messages: list[Message] = []
    if isinstance(body.system, str):
        messages.append(Message("system", (Text(body.system),)))
    elif body.system:
        messages.append(Message("system", tuple(found.parts("system", body.system, tree["system"], "system"))))
    for place, turn in enumerate(body.messages):
        role = _ROLES.get(turn.role)
        if role is None:
            at = f"messages[{place}].role"
            if turn.role in ("tool", "developer", "function"):
                raise CallerError(f"{at}: the role `{turn.role}` belongs to POST /v1/chat/completions", param=at)
            raise CallerError(f"{at}: use one of user, assistant, system", param=at)
        messages += found.turns(role, turn.content, tree["messages"][place]["content"], place)
    return messages


def _refuse_unheld(tree: dict[str, Any]) -> None:
    """Bodies of other faces, sent here by mistake, and conversations that a server would have to keep."""
    if tree.get("thread") is not None:
        raise ThreadUnsupported("thread: conversations are not kept here; send all messages without `thread`", param="thread")
    if "contents" in tree:
        raise CallerError(
            "`contents` is Gemini's shape, for which there is no route; this one takes `messages`", param="contents"
        )
    if "mode" in tree and "model" not in tree:
        raise CallerError("`mode` beside the messages belongs to POST /query; here it is `router.mode`", param="mode")
    if _OTHER_FACES.keys().isdisjoint(tree):
        return
    for name, route in _OTHER_FACES.items():
        if tree.get(name) is not None:
            raise CallerError(f"`{name}` belongs to POST {route}; this route takes Anthropic's Messages", param=name)


def _refuse_chat(tree: dict[str, Any]) -> None:
    """What says why the body could not be read: it is of OpenAI's chat, which needs no limit, and whose calls no content."""
    tools, turns = tree.get("tools"), tree.get("messages")
    for name in _OF_CHAT:
        if name in tree:
            raise CallerError(f"`{name}` belongs to POST /v1/chat/completions; this route takes Anthropic's Messages", param=name)
    if type(tools) is list and tools and type(tools[0]) is dict and "function" in tools[0]:
        raise CallerError("tools[0]: a tool of type `function` belongs to POST /v1/chat/completions", param="tools[0]")
    for place, turn in enumerate(turns if type(turns) is list else ()):
        if type(turn) is dict and ("tool_calls" in turn or turn.get("role") == "tool"):
            at = f"messages[{place}]"
            raise CallerError(f"{at}: this turn's shape belongs to POST /v1/chat/completions", param=at)


def _mend(fields: dict[str, Raw], tree: dict[str, Any], places: set[int]) -> None:
    """Put the turns whose media types were put right into the caller's own body; the others stay byte for byte."""
    turns = _raws.decode(fields["messages"])
    for place in places:
        turns[place] = Raw(_encode(tree["messages"][place]))
    fields["messages"] = Raw(_encode(turns))


def _sort_out(tree: dict[str, Any], body: CountBody, max_tokens: int | None, found: Blocks) -> None:
    """Name the fields that have no typed place: those that another dialect could not do without, and those it could."""
    for name, value in tree.items():
        if name not in _CARRIED and value is not None:
            (found.native if name in _NATIVE else found.extra).append(name)
    if body.output_config is not None:
        found.extra += [f"output_config.{name}" for name in tree["output_config"] if name not in _PART_OF_OUTPUT]
    if max_tokens == 0:
        found.native.append("max_tokens")  # nothing is to be said, only the prompt cache to be filled
