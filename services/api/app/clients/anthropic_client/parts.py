"""From the content blocks of a caller's Messages body to typed parts. What only this dialect can carry is named, never dropped."""

from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import Called, Foreign, Media, Message, Part, Reasoning, Result, Role, Text
from ...errors import CallerError
from ..common.media import media_of, true_type
from ..common.said import arguments_text
from ..common.seal import sealed, unsealed
from .dialect import DIALECT, uncarried
from .shapes import (
    DocumentBlock,
    ImageBlock,
    RedactedBlock,
    Source,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    block_of,
    kind_of,
    marker_of,
    refuse_wrong,
)

_Seen = Text | Media | Foreign
_ORDER: Final[dict[type, int]] = {Reasoning: 0, Called: 2}
_SPELLED: Final = {"image/jpg": "image/jpeg"}


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
        if {type(part) for part in parts} == {Text}:
            return [Message(role, tuple(parts))]
        return [Message(role, _assistants(parts))] if role == "assistant" else _split(role, parts)

    def parts(self, role: Role, content: list[Raw], node: Any, where: str) -> list[Part]:
        """The parts of a list of blocks."""
        parts: list[Part] = []
        for place, raw in enumerate(content):
            block = block_of(raw)
            if isinstance(block, TextBlock):
                parts.append(self._text(block))
                continue
            at = f"{where}[{place}]"
            if block is None or isinstance(block, ImageBlock | DocumentBlock):
                parts += self._seen(block, raw, node[place], at)
            else:
                parts.append(self._step(role, block, node[place], at))
        return parts

    def _text(self, block: TextBlock) -> Text:
        if block.citations:
            self.extra.append("citations")
        return Text(block.text, marker_of(block.cache_control))

    def _step(
        self, role: Role, block: ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedBlock, node: Any, at: str
    ) -> Part:
        """A call, its result or a thought."""
        if role == "system" or (role == "assistant") == (isinstance(block, ToolResultBlock)):
            kind = block.__struct_config__.tag
            raise CallerError(f"{at}: a `{kind}` block cannot stand in a turn of the {role}", param=at)
        if isinstance(block, ToolResultBlock):
            return self._result(block, node, at)
        if isinstance(block, ToolUseBlock):
            if not bytes(block.input).startswith(b"{"):
                raise CallerError(f"{at}.input: expected an object", param=f"{at}.input")
            return Called(block.id, block.name, arguments_text(block.input), marker=marker_of(block.cache_control))
        if isinstance(block, ThinkingBlock):
            signature, signer = unsealed(block.signature, DIALECT)
            return Reasoning(block.thinking, signature, signer=signer)
        assert isinstance(block, RedactedBlock)  # noqa: S101 - the last of the four
        redacted, signer = unsealed(block.data, DIALECT)
        return Reasoning(redacted=redacted, signer=signer)

    def _result(self, block: ToolResultBlock, node: Any, at: str) -> Result:
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
        block = block_of(raw)
        if isinstance(block, TextBlock):
            return [self._text(block)]
        if block is not None and not isinstance(block, ImageBlock | DocumentBlock):
            raise CallerError(f"{at}: a `{block.__struct_config__.tag}` block cannot stand within another one", param=at)
        # only this dialect gets the real block; its text says that there is one
        return [Text(bytes(raw).decode()) if isinstance(part, Foreign) else part for part in self._seen(block, raw, node, at)]

    def _seen(self, block: ImageBlock | DocumentBlock | None, raw: Raw, node: Any, at: str) -> list[_Seen]:
        """What is looked at: an image, a document with what is told beside it, or what only this dialect knows."""
        seen: list[_Seen] | None = None
        if block is None:
            refuse_wrong(raw, at)
        elif isinstance(block, ImageBlock):
            seen = self._image(block, node, at)
        else:
            seen = self._document(block, node, at)
        if seen is None:
            self.native.append(at)
            return [Foreign(kind_of(raw), raw.copy())]
        return seen

    def _image(self, block: ImageBlock, node: Any, at: str) -> list[_Seen] | None:
        source, marker = block.source, marker_of(block.cache_control)
        if block.transformations is not None:
            self.extra.append("transformations")
        if source.type == "base64":
            return [Media("image", self._true_type(source, node), source.data, marker=marker)]
        if source.type == "url":
            return [media_of("image", source.url, f"{at}.source.url", marker=marker)]
        return None

    def _document(self, block: DocumentBlock, node: Any, at: str) -> list[_Seen] | None:
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

    def _true_type(self, source: Source, node: Any) -> str:
        shown = true_type(source.media_type, source.data)
        shown = _SPELLED.get(shown, shown)
        if shown != source.media_type:
            node["source"]["media_type"] = shown
            self._mends += 1
        return shown


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
