"""From a `/query` or `/route` body to a ChatRequest. Strict: an unknown field is an error, since this face is our own."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from ..clients.common.body import opened, typed
from ..clients.common.wishes import cache_of, mode_of
from ..clients.openai_client.parse import Tokens, stops_of
from ..clients.openai_client.parse_messages import ChatMessage, messages_of
from ..clients.openai_client.parse_parts import Notes
from ..clients.openai_client.parse_tools import ResponseFormat, chosen_of, format_of
from ..domain.request import NO_CONSTRAINTS, ChatRequest, Constraints, Message, Text
from ..errors import CallerError, UnsupportedFeature, shown

MAX_METADATA = 16
_SHORT = 512


class Query(Struct, forbid_unknown_fields=True):
    """The body of `POST /query` and `POST /route`; exactly one of `prompt` and `messages`."""

    prompt: str | None = None
    messages: list[ChatMessage] | None = None
    mode: str | None = None
    model: Annotated[str, Meta(min_length=1)] = "auto"
    system: str | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = msgspec.field(default_factory=Raw)
    response_format: ResponseFormat | None = None
    stream: bool = False
    constraints: Constraints | None = None
    cache: str | None = None
    session: Annotated[str, Meta(max_length=256)] | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    metadata: dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=_SHORT)]] | None = None
    dry_run: bool = False


_TURN = frozenset(ChatMessage.__struct_encode_fields__)
# fields by which a body of another face is known, and the route that takes it
_OTHER_FACES = {
    **dict.fromkeys(
        (
            "max_completion_tokens", "reasoning_effort", "stream_options", "n", "frequency_penalty", "presence_penalty",
            "logprobs", "top_logprobs", "logit_bias", "parallel_tool_calls", "functions", "function_call", "service_tier", "router",
        ),
        "POST /v1/chat/completions",
    ),
    **dict.fromkeys(("instructions", "max_output_tokens", "previous_response_id", "reasoning", "text"), "POST /v1/responses"),
    **dict.fromkeys(("stop_sequences", "thinking", "output_config"), "POST /v1/messages"),
    **dict.fromkeys(("encoding_format", "dimensions"), "POST /v1/embeddings"),
    "input": "POST /v1/responses or POST /v1/embeddings",
    "contents": "no route, as Gemini's shape has none",
}  # fmt: skip
_query = msgspec.json.Decoder(Query)


def parse_query(data: bytes) -> ChatRequest:
    """The caller's question. Raises CallerError naming the field to change."""
    tree, _ = opened(data)
    _refuse_other_faces(tree)
    body = typed(data, _query)
    for place, turn in enumerate(tree.get("messages") or ()):
        for name in turn:
            if name not in _TURN:
                where = f"messages[{place}].{shown(name, 60)}"
                raise CallerError(f"{where}: unknown field", param=where)
    metadata = body.metadata
    if metadata is not None and len(metadata) > MAX_METADATA:
        raise CallerError(f"metadata: at most {MAX_METADATA} pairs", param="metadata")
    notes = Notes()
    tools, choice = chosen_of(body.tools, body.tool_choice, notes.native)
    request = ChatRequest(
        messages=_messages(body, notes),
        model=body.model,
        stream=body.stream,
        include_usage=True,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=stops_of(body.stop),
        seed=body.seed,
        tools=tools,
        tool_choice=choice,
        format=format_of(body.response_format, notes.native),
        mode=mode_of(body.mode, "mode"),
        constraints=body.constraints or NO_CONSTRAINTS,
        cache=cache_of(body.cache, "cache"),
        session=body.session,
        user=body.user,
        metadata=dict[str, Any](metadata) if metadata is not None else None,
        dry_run=body.dry_run,
    )
    if notes.native:
        # this face is of no provider's dialect, so that nothing can travel as it is
        param = notes.native[0]
        raise UnsupportedFeature(f"{param}: this is not taken on this route; use POST /v1/chat/completions", param=param)
    return request


def _refuse_other_faces(tree: dict[str, Any]) -> None:
    """A body of another face, sent here by mistake, is told its right route instead of an unknown field."""
    for name, route in _OTHER_FACES.items() if not _OTHER_FACES.keys().isdisjoint(tree) else ():
        if name in tree:
            raise CallerError(f"{name}: unknown field; a body with it belongs to {route}", param=name)
    if type(tree.get("system")) is list:
        raise CallerError("system: a list of blocks belongs to POST /v1/messages; here it is a text", param="system")


def _messages(body: Query, notes: Notes) -> tuple[Message, ...]:
    if (body.prompt is None) == (body.messages is None):
        raise CallerError("send exactly one of `prompt` and `messages`", param="prompt")
    said: list[Message] = []
    if body.system:
        said.append(Message("system", (Text(body.system),)))
    if body.prompt is not None:
        if not body.prompt.strip():
            raise CallerError("prompt: must not be empty", param="prompt")
        said.append(Message("user", (Text(body.prompt),)))
        return tuple(said)
    turns = messages_of(body.messages or [], notes)
    if not any(_says_something(turn) for turn in turns):
        raise CallerError("messages: at least one user message with text is needed", param="messages")
    return (*said, *turns)


def _says_something(turn: Message) -> bool:
    return turn.role == "user" and any(not isinstance(part, Text) or part.text.strip() for part in turn.parts)
