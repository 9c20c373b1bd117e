"""From a `/query` or `/route` body to a ChatRequest. Strict: an unknown field is an error, since this face is our own."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ..clients.common.body import opened, typed
from ..clients.openai_client.parse import Tokens, cache_of, mode_of
from ..domain.request import NO_CONSTRAINTS, ChatRequest, Constraints, Message, Text
from ..errors import CallerError, UnsupportedFeature

MAX_METADATA = 16
_SHORT = 512


class Turn(Struct, forbid_unknown_fields=True):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str


class Format(Struct, forbid_unknown_fields=True):
    """The wished form of the answer."""

    type: str
    json_schema: Raw | None = None


class Query(Struct, forbid_unknown_fields=True):
    """The body of `POST /query` and `POST /route`; exactly one of `prompt` and `messages`."""

    prompt: str | None = None
    messages: list[Turn] | None = None
    mode: str | None = None
    model: Annotated[str, Meta(min_length=1)] = "auto"
    system: str | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw | None = None
    response_format: Format | None = None
    stream: bool = False
    constraints: Constraints | None = None
    cache: str | None = None
    session: Annotated[str, Meta(max_length=256)] | None = None
    user: Annotated[str, Meta(max_length=256)] | None = None
    metadata: dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=_SHORT)]] | None = None
    dry_run: bool = False


_query = msgspec.json.Decoder(Query)


def parse_query(data: bytes) -> ChatRequest:
    """The caller's question. Raises CallerError naming the field to change."""
    opened(data)
    body = typed(data, _query)
    _refuse_unsupported(body)
    metadata = body.metadata
    if metadata is not None and len(metadata) > MAX_METADATA:
        raise CallerError(f"metadata: at most {MAX_METADATA} pairs", param="metadata")
    return ChatRequest(
        messages=_messages(body),
        model=body.model,
        stream=body.stream,
        include_usage=True,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=() if body.stop is None else (body.stop,) if isinstance(body.stop, str) else tuple(body.stop),
        seed=body.seed,
        json_mode=bool(body.response_format and body.response_format.type == "json_object"),
        mode=mode_of(body.mode, "mode"),
        constraints=body.constraints or NO_CONSTRAINTS,
        cache=cache_of(body.cache, "cache"),
        session=body.session,
        user=body.user,
        metadata=dict[str, Any](metadata) if metadata is not None else None,
        dry_run=body.dry_run,
    )


def _refuse_unsupported(body: Query) -> None:
    if body.tools or body.tool_choice is not None:
        field = "tools" if body.tools else "tool_choice"
        raise UnsupportedFeature(f"{field}: not supported on this route yet; use POST /v1/chat/completions", param=field)
    if body.response_format and body.response_format.type not in ("text", "json_object"):
        raise UnsupportedFeature(
            "response_format: only text and json_object on this route; use POST /v1/chat/completions", param="response_format"
        )


def _messages(body: Query) -> tuple[Message, ...]:
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
    turns = body.messages or []
    if not any(turn.role == "user" and turn.content.strip() for turn in turns):
        raise CallerError("messages: at least one user message with text is needed", param="messages")
    said += [Message(turn.role, (Text(turn.content),)) for turn in turns]
    return tuple(said)
