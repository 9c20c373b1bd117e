"""From the content blocks of a caller's Messages body to typed parts. What only this dialect can carry is named, never dropped."""

from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import NOTHING, Called, Foreign, Media, Message, Part, Reasoning, Result, Role, Text
from ...errors import CallerError
from ..common.body import mistyped
from ..common.media import media_of, true_type
from ..common.said import arguments_text
from ..common.seal import sealed, unsealed
from .dialect import DIALECT, uncarried

# parts of other faces' content -> the route that takes them
_OTHER_FACES: Final = {
    **dict.fromkeys(("image_url", "input_audio", "file", "refusal"), "/v1/chat/completions"),
    **dict.fromkeys(("input_text", "input_image", "input_file", "output_text"), "/v1/responses"),
}


class Marker(Struct):
    """A prompt-cache breakpoint."""

    type: str
    ttl: str | None = None


class _Source(Struct):
    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: str | list[Raw] = ""


class _Switch(Struct):
    enabled: bool | None = None


class _Text(Struct, tag_field="type", tag="text"):
    text: str
    cache_control: Marker | None = None
    citations: list[Raw] | None = None


class _Image(Struct, tag_field="type", tag="image"):
    source: _Source
    cache_control: Marker | None = None
    transformations: Raw | None = None


class _Document(Struct, tag_field="type", tag="document"):
    source: _Source
    title: str | None = None
    context: str | None = None
    cache_control: Marker | None = None
    citations: _Switch | None = None


class _ToolUse(Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Raw = NOTHING
    cache_control: Marker | None = None


class _ToolResult(Struct, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: Marker | None = None


class _Thinking(Struct, tag_field="type", tag="thinking"):
    thinking: str
    signature: str = ""


class _Redacted(Struct, tag_field="type", tag="redacted_thinking"):
    data: str


class _Kind(Struct):
    type: str


_Block = _Text | _Image | _Document | _ToolUse | _ToolResult | _Thinking | _Redacted
_Seen = Text | Media | Foreign
_KINDS: Final = frozenset({"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"})
_block = msgspec.json.Decoder(_Block)
_kind = msgspec.json.Decoder(_Kind)
_ORDER: Final[dict[type, int]] = {Reasoning: 0, Called: 2}
_SPELLED: Final = {"image/jpg": "image/jpeg"}


def marker_of(control: Marker | None) -> str:
    """How long a breakpoint keeps what stands before it; "" where there is none."""
    return "" if control is None else "1h" if control.ttl == "1h" else "5m"


class Blocks:
    """Reads the turns of one body, and gathers what it meets on the way.

    `native` and `extra` are as in ChatRequest; `mended` holds the places of the turns in whose decoded form (`node`) a wrong
    media type was put right.
    """

    __slots__ = ("_mends", "extra", "mended", "native")

    def __init__(self) -> None:
        self.native: list[str] = []
        self.extra: list[str] = []
        self.mended: set[int] = set()
        self._mends = 0

    def turns(self, role: Role, content: str | list[Raw], node: Any, place: int) -> list[Message]:
        """The messages of one turn: results of tools become messages of their own. Raises CallerError naming the block."""
        if isinstance(content, str):
            return [Message(role, (Text(content),))]
        before = self._mends
        parts = self.parts(role, content, node, f"messages[{place}].content")
        if self._mends > before:
            self.mended.add(place)
        if role == "assistant":
            return [Message(role, _assistants(parts))]
        return _split(role, parts)

    def parts(self, role: Role, content: list[Raw], node: Any, where: str) -> list[Part]:
        """The parts of a list of blocks."""
        parts: list[Part] = []
        for place, raw in enumerate(content):
            at = f"{where}[{place}]"
            block = _known(raw, at)
            if isinstance(block, _Text):
                parts.append(self._text(block))
            elif block is None or isinstance(block, _Image | _Document):
                parts += self._seen(block, raw, node[place], at)
            else:
                parts.append(self._step(role, block, node[place], at))
        return parts

    def _text(self, block: _Text) -> Text:
        if block.citations:
            self.extra.append("citations")
        return Text(block.text, marker_of(block.cache_control))

    def _step(self, role: Role, block: _ToolUse | _ToolResult | _Thinking | _Redacted, node: Any, at: str) -> Part:
        """A call, its result or a thought."""
        if role == "system" or (role == "assistant") == (isinstance(block, _ToolResult)):
            kind = block.__struct_config__.tag
            raise CallerError(f"{at}: a `{kind}` block cannot stand in a turn of the {role}", param=at)
        if isinstance(block, _ToolResult):
            return self._result(block, node, at)
        if isinstance(block, _ToolUse):
            if not bytes(block.input).startswith(b"{"):
                raise CallerError(f"{at}.input: expected an object", param=f"{at}.input")
            return Called(block.id, block.name, arguments_text(block.input), marker=marker_of(block.cache_control))
        if isinstance(block, _Thinking):
            signature, signer = unsealed(block.signature, DIALECT)
            return Reasoning(block.thinking, signature, signer=signer)
        assert isinstance(block, _Redacted)  # noqa: S101 - the last of the four
        redacted, signer = unsealed(block.data, DIALECT)
        return Reasoning(redacted=redacted, signer=signer)

    def _result(self, block: _ToolResult, node: Any, at: str) -> Result:
        seen = self._within(block.content or "", node.get("content"), f"{at}.content")
        return Result(block.tool_use_id, tuple(seen), failed=bool(block.is_error), marker=marker_of(block.cache_control))

    def _within(self, content: str | list[Raw], nodes: Any, at: str, marker: str = "") -> list[Text | Media]:
        """What a result or a document holds."""
        if isinstance(content, str):
            return [Text(content, marker)] if content else []
        seen: list[Text | Media] = []
        for place, raw in enumerate(content):
            seen += self._inner(raw, nodes[place], f"{at}[{place}]")
        return seen

    def _inner(self, raw: Raw, node: Any, at: str) -> list[Text | Media]:
        """A block within a result or a document."""
        block = _known(raw, at)
        if isinstance(block, _Text):
            return [self._text(block)]
        if block is not None and not isinstance(block, _Image | _Document):
            raise CallerError(f"{at}: a `{block.__struct_config__.tag}` block cannot stand within another one", param=at)
        # only this dialect gets the real block; its text says that there is one
        return [Text(bytes(raw).decode()) if isinstance(part, Foreign) else part for part in self._seen(block, raw, node, at)]

    def _seen(self, block: _Image | _Document | None, raw: Raw, node: Any, at: str) -> list[_Seen]:
        """What is looked at: an image, a document with what is told beside it, or what only this dialect knows."""
        seen: list[_Seen] | None = None
        if isinstance(block, _Image):
            seen = self._image(block, node, at)
        elif isinstance(block, _Document):
            seen = self._document(block, node, at)
        if seen is None:
            self.native.append(at)
            return [Foreign(_kind.decode(raw).type, raw.copy())]
        return seen

    def _image(self, block: _Image, node: Any, at: str) -> list[_Seen] | None:
        source, marker = block.source, marker_of(block.cache_control)
        if block.transformations is not None:
            self.extra.append("transformations")
        if source.type == "base64":
            return [Media("image", self._true_type(source, node), source.data, marker=marker)]
        if source.type == "url":
            return [media_of("image", source.url, f"{at}.source.url", marker=marker)]
        return None

    def _document(self, block: _Document, node: Any, at: str) -> list[_Seen] | None:
        source, marker, title = block.source, marker_of(block.cache_control), block.title or ""
        if block.citations is not None and block.citations.enabled:
            self.native.append(f"{at}.citations")
        seen: list[_Seen] = [Text(block.context)] if block.context else []
        if source.type == "base64":
            seen.append(Media("file", self._true_type(source, node), source.data, name=title, marker=marker))
        elif source.type == "url":
            url = media_of("file", source.url, f"{at}.source.url", name=title, marker=marker)
            seen.append(url if url.data else msgspec.structs.replace(url, media_type="application/pdf"))
        elif source.type == "text":
            said = source.data
            seen.append(Text(f"{title}\n\n{said}" if title else said, marker))
        elif source.type == "content":
            seen += self._within(source.content, node["source"].get("content"), f"{at}.source.content", marker)
        else:
            return None
        return seen

    def _true_type(self, source: _Source, node: Any) -> str:
        shown = true_type(source.media_type, source.data)
        shown = _SPELLED.get(shown, shown)
        if shown != source.media_type:
            node["source"]["media_type"] = shown
            self._mends += 1
        return shown


def _known(raw: Raw, at: str) -> _Block | None:
    """The block, None for a type that only this dialect has. Raises CallerError naming what is wrong with it."""
    try:
        block: _Block = _block.decode(raw)
    except msgspec.ValidationError as error:
        wrong = mistyped(error)
    else:
        return block
    try:
        kind = _kind.decode(raw).type
    except msgspec.ValidationError:
        raise CallerError(f"{at}: a block is an object with a `type`", param=at) from None
    if kind in _OTHER_FACES:
        raise CallerError(f"{at}: a part of type `{kind}` belongs to POST {_OTHER_FACES[kind]}", param=at)
    if kind not in _KINDS:
        return None
    where = f"{at}.{wrong.param}" if wrong.param else at
    raise CallerError(f"{where}: {wrong.message.partition(': ')[2]}", param=where)


def _assistants(parts: list[Part]) -> tuple[Part, ...]:
    """Thoughts, then texts, then calls, each call with the signature that an encrypted thought carried for it."""
    signatures: dict[str, tuple[str, str]] = {}
    kept: list[Part] = []
    for part in parts:
        if type(part) is Reasoning and part.redacted:
            signature, call_id = uncarried(sealed(part.signer, part.redacted))
            if call_id:
                signatures[call_id] = unsealed(signature, DIALECT)
                continue
        kept.append(part)
    if signatures:
        kept = [_signed(part, signatures) for part in kept]
    return tuple(sorted(kept, key=lambda part: _ORDER.get(type(part), 1)))


def _signed(part: Part, signatures: dict[str, tuple[str, str]]) -> Part:
    if type(part) is not Called or part.id not in signatures:
        return part
    signature, signer = signatures[part.id]
    return msgspec.structs.replace(part, signature=signature, signer=signer)


def _split(role: Role, parts: list[Part]) -> list[Message]:
    """The results of tools and the rest, in order, as messages of their own."""
    messages = [
        Message("tool" if results else role, tuple(group))
        for results, group in groupby(parts, key=lambda part: type(part) is Result)
    ]
    return messages or [Message(role, ())]
