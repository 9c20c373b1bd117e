"""The body of `POST /v1/embeddings`, OpenAI's shape, as an EmbedRequest. Nothing of how a provider wants it may enter."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.embedding import EmbedRequest
from ...domain.request import Original
from ...errors import CallerError
from ..common.body import opened, typed
from ..common.wishes import NO_WISHES, RouterWishes

MOST_INPUTS: Final = 2048
MOST_DIMENSIONS: Final = 65_536
Texts = tuple[str, ...]
Tokens = tuple[tuple[int, ...], ...]


class EmbeddingsBody(Struct):
    """The fields that we read; unknown ones are the caller's and travel to a host of this dialect."""

    input: str | list[str | int | list[int]]
    model: Annotated[str, Meta(max_length=500)]
    dimensions: Annotated[int, Meta(ge=1, le=MOST_DIMENSIONS)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    router: RouterWishes | None = None


_KNOWN: Final = frozenset(EmbeddingsBody.__struct_fields__)
_decoder: Final = msgspec.json.Decoder(EmbeddingsBody)
# what says that the body was meant for another route
_ELSEWHERE: Final = (
    ("messages", "POST /v1/chat/completions or POST /v1/messages"),
    ("instructions", "POST /v1/responses"),
    ("contents", "POST /v1/chat/completions"),
    ("prompt", "POST /query"),
)
_BESIDE_INPUT: Final = tuple(
    (name, "POST /v1/responses") for name in ("instructions", "max_output_tokens", "reasoning", "text", "tools")
)


def parse(body: bytes) -> EmbedRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(body)
    _refuse_other_faces(tree)
    read = typed(body, _decoder)
    texts, tokens = _inputs(read.input)
    wishes = read.router or NO_WISHES
    return EmbedRequest(
        model=read.model,
        texts=texts,
        tokens=tokens,
        dimensions=read.dimensions,
        encoding=read.encoding_format or "float",
        user=read.user,
        metadata=read.metadata,
        session=wishes.session,
        explain=wishes.explain,
        extra=_extra(fields),
        original=Original("openai", fields),
    )


def _extra(fields: dict[str, Raw]) -> tuple[str, ...]:
    return tuple(name for name, raw in fields.items() if name not in _KNOWN and bytes(raw) != b"null")


def _refuse_other_faces(tree: dict[str, Any]) -> None:
    asked = tree.get("input")
    if isinstance(asked, list) and asked and isinstance(asked[0], dict):
        raise CallerError("input: items are for POST /v1/responses; here it is text, texts, or token ids", param="input")
    for name, route in _ELSEWHERE if asked is None else _BESIDE_INPUT:
        if name in tree:
            raise CallerError(f"a body with `{name}` is for {route}; embeddings take `input`", param=name)


def _inputs(given: str | list[str | int | list[int]]) -> tuple[Texts, Tokens]:
    """(texts, lists of token ids), one of them empty. A plain list of ids is one input."""
    if isinstance(given, str):
        return (_text(given),), ()
    if not given:
        raise CallerError("input: an empty list holds nothing to embed", param="input")
    if isinstance(given[0], int):
        return (), (_ids(given),)
    if len(given) > MOST_INPUTS:
        raise CallerError(f"input: at most {MOST_INPUTS} inputs in one request", param="input")
    if isinstance(given[0], str):
        return tuple([_text(one) for one in given]), ()
    return (), tuple([_ids(one) for one in given])


def _text(one: object) -> str:
    if not isinstance(one, str):
        raise _mixed()
    if not one:
        raise CallerError("input: an empty text cannot be embedded", param="input")
    return one


def _ids(given: object) -> tuple[int, ...]:
    if not isinstance(given, list):
        raise _mixed()
    ids = []
    for one in given:
        if not isinstance(one, int):
            raise _mixed()
        if one < 0:
            raise CallerError("input: a token id is never negative", param="input")
        ids.append(one)
    if not ids:
        raise CallerError("input: an empty list of token ids cannot be embedded", param="input")
    return tuple(ids)


def _mixed() -> CallerError:
    return CallerError("input: all texts, all token ids, or all lists of token ids, not a mixture", param="input")
