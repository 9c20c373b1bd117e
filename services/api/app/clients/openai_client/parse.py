"""From a caller's chat body to a ChatRequest. What only OpenAI's dialect can carry is named, never dropped."""

from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import (
    MODES,
    NO_CONSTRAINTS,
    CacheWish,
    ChatRequest,
    Constraints,
    Foreign,
    Message,
    Mode,
    Original,
    Part,
    Role,
    Text,
)
from ...errors import CallerError
from ..common.body import opened, typed

_ROLES = frozenset(get_args(Role))
_CACHE = frozenset(get_args(CacheWish))
# fields read below, or without any effect on the answer: every wire may carry the request in spite of them
_CARRIED = frozenset(
    {
        "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed", "stream",
        "stream_options", "response_format", "router", "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "n",
    }
)  # fmt: skip
Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ChatMessage(Struct):
    """One turn; fields not named here travel as they are."""

    role: str
    content: str | list[Raw] | None = None
    name: str | None = None
    tool_calls: Raw | None = None
    tool_call_id: str | None = None
    function_call: Raw | None = None
    refusal: str | None = None
    audio: Raw | None = None


class StreamOptions(Struct):
    """What a stream is to hold."""

    include_usage: bool | None = None


class ResponseFormat(Struct):
    """The wished form of the answer."""

    type: str


class RouterWishes(Struct, forbid_unknown_fields=True):
    """Everything of ours on this face; removed before the body goes upstream."""

    mode: str | None = None
    constraints: Constraints | None = None
    cache: str | None = None
    session: Annotated[str, Meta(max_length=256)] | None = None
    explain: bool = False


class ChatBody(Struct):
    """The fields of a chat body that we read; unknown ones are the caller's and travel."""

    messages: list[ChatMessage]
    model: str
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    router: RouterWishes | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None


class ContentPart(Struct):
    """One part of a turn's content."""

    type: str
    text: str | None = None


_NO_WISHES = RouterWishes()
_body = msgspec.json.Decoder(ChatBody)
_part = msgspec.json.Decoder(ContentPart)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    if "messages" not in tree:
        _refuse_other_faces(tree)
    body = typed(data, _body)
    if not body.messages:
        raise CallerError("messages: at least one message is needed", param="messages")
    native = [name for name in fields if name not in _CARRIED and tree[name] is not None]
    messages = tuple([_message(message, place, native) for place, message in enumerate(body.messages)])
    if body.n is not None and body.n > 1:
        native.append("n")
    format_type = "text" if body.response_format is None else body.response_format.type
    if format_type not in ("text", "json_object"):
        native.append("response_format")
    router = body.router or _NO_WISHES
    return ChatRequest(
        messages=messages,
        model=body.model,
        stream=bool(body.stream),
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=() if body.stop is None else (body.stop,) if isinstance(body.stop, str) else tuple(body.stop),
        seed=body.seed,
        json_mode=format_type == "json_object",
        needs=_needs(native, format_type, messages) if native else frozenset(),
        native=tuple(native),
        mode=None if router.mode is None else mode_of(router.mode, "router.mode"),
        constraints=router.constraints or NO_CONSTRAINTS,
        cache=None if router.cache is None else cache_of(router.cache, "router.cache"),
        session=router.session,
        explain=router.explain,
        user=body.user,
        metadata=body.metadata,
        original=Original("openai", fields),
    )


def mode_of(word: str | None, param: str) -> Mode | None:
    """A mode word, or the error that lists them."""
    if word is None:
        return None
    for mode in MODES:
        if word == mode:
            return mode
    raise CallerError(f"{param}: unknown mode; use one of {', '.join(MODES)}", param=param)


def cache_of(word: str | None, param: str) -> CacheWish | None:
    """A cache wish, or the error that lists them."""
    if word is None:
        return None
    if word not in _CACHE:
        raise CallerError(f"{param}: use one of use, refresh, off", param=param)
    return word  # type: ignore[return-value]


def _refuse_other_faces(tree: dict[str, Any]) -> None:
    """A body of another face, sent here by mistake, is told its right route instead of a missing field."""
    if "prompt" in tree:
        raise CallerError("`prompt` belongs to POST /query; this route takes `messages`", param="prompt")
    if "input" in tree:
        raise CallerError("`input` belongs to the Responses shape; this route takes `messages`", param="input")


def _message(message: ChatMessage, place: int, native: list[str]) -> Message:
    if (
        isinstance(message.content, str)
        and message.role in _ROLES
        and message.tool_calls is None
        and message.tool_call_id is None
        and message.function_call is None
        and message.audio is None
    ):
        return Message(message.role, (Text(message.content),), message.name)  # type: ignore[arg-type]
    return _odd_message(message, f"messages[{place}]", native)


def _odd_message(message: ChatMessage, where: str, native: list[str]) -> Message:
    """A turn that is more, or less, than one text."""
    if message.role not in _ROLES:
        if message.role != "function":
            raise CallerError(f"{where}.role: use one of {', '.join(sorted(_ROLES))}", param=f"{where}.role")
        native.append(f"{where}.role")
    foreign = [name for name in ("tool_calls", "function_call", "audio", "tool_call_id") if getattr(message, name) is not None]
    native += [f"{where}.{name}" for name in foreign]
    content = message.content
    parts: tuple[Part, ...]
    if isinstance(content, str):
        parts = (Text(content),)
    elif content is None:
        if not foreign and message.refusal is None:
            raise CallerError(f"{where}.content: required field is missing", param=f"{where}.content")
        parts = ()
    else:
        parts = tuple(_one(raw, f"{where}.content[{i}]", native) for i, raw in enumerate(content))
    if foreign:
        parts += (Foreign("tools", Raw(b"null")),)
    return Message(role="tool" if message.role == "function" else message.role, parts=parts, name=message.name)  # type: ignore[arg-type]


def _one(raw: Raw, where: str, native: list[str]) -> Part:
    try:
        part = _part.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{where}: a part is an object with a `type`", param=where) from None
    if part.type == "text":
        if part.text is None:
            raise CallerError(f"{where}.text: required field is missing", param=f"{where}.text")
        return Text(part.text)
    native.append(where)
    return Foreign(part.type, raw.copy())


def _needs(native: list[str], format_type: str, messages: tuple[Message, ...]) -> frozenset[str]:
    needs = set()
    if "tools" in native or "functions" in native:
        needs.add("tools")
    if format_type == "json_schema":
        needs.add("json_schema")
    kinds = {part.kind for message in messages for part in message.parts if isinstance(part, Foreign)}
    if "image_url" in kinds:
        needs.add("vision")
    if "file" in kinds:
        needs.add("pdf")
    return frozenset(needs)
