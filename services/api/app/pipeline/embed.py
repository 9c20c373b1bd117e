"""A call for embeddings, from what is asked to its record: planned by name, tried like any other call, never cached nor scored.

Accounting reads the same walk as for a conversation, so the inputs stand in it as one turn of the user's.
"""

import msgspec
from msgspec import UNSET

from ..clients.embedding.dialects import carries, decode, encode
from ..config.resolve import resolve
from ..config.snapshot import Snapshot
from ..domain.answer import Completion
from ..domain.embedding import Embedded, EmbedRequest
from ..domain.record import Outcome
from ..domain.request import ChatRequest, Message, Text
from ..errors import CallerError, UnsupportedFeature
from ..text.tokens import estimate_tokens
from . import attempts
from .house import House
from .named import take_row
from .serve import Serving
from .settle import Settled, commit, settle
from .walk import Asking, Walk

_NAMED = 6


def begin(house: House, asking: Asking, request: EmbedRequest) -> Walk:
    """The plan of one call. Raises CallerError when nothing may answer it: such a call is refused and leaves no record."""
    walk = Walk(asking, _told(request), house.compiled)
    snapshot = walk.compiled.snapshot
    asked = resolve(snapshot, request.model)
    if asked.name is None:
        raise CallerError(
            "model: nothing chooses among embedding models, since their vectors do not compare: name one" + _names(snapshot),
            param="model",
        )
    if snapshot.models[asked.name].kind != "embedding":
        raise CallerError(f"{asked.name} chats and makes no embeddings: name a model that does" + _names(snapshot), param="model")
    take_row(walk, snapshot, asked.name)
    walk.tokens_in = sum([len(ids) for ids in request.tokens]) + sum([estimate_tokens(text) for text in request.texts])
    able = [target for target in walk.targets if carries(request, target)]
    if not able:
        raise _cannot_carry(request, asked.name)
    walk.targets = able
    return walk


def _told(request: EmbedRequest) -> ChatRequest:
    """What accounting and the log read of the request."""
    said = request.texts or [" ".join(map(str, ids)) for ids in request.tokens]
    return ChatRequest(
        messages=(Message("user", tuple([Text(text) for text in said])),),
        model=request.model,
        user=request.user,
        metadata=request.metadata,
        session=request.session,
        explain=request.explain,
    )


def _names(snapshot: Snapshot) -> str:
    names = [model.name for model in snapshot.models.values() if model.kind == "embedding" and model.enabled]
    if not names:
        return " (the configuration has no row of kind embedding)"
    return f" ({', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''})"


def _cannot_carry(request: EmbedRequest, name: str) -> UnsupportedFeature:
    if request.tokens:
        return UnsupportedFeature(f"input: {name} takes text, not the token ids of another's tokenizer", param="input")
    return UnsupportedFeature(f"{name}: its provider's dialect has no embeddings", param="model")


class Embedding(Serving):
    """The awaited middle of a call for embeddings; `settled` and `close` are owed as for any other."""

    __slots__ = ("_request",)

    def __init__(self, house: House, walk: Walk, request: EmbedRequest) -> None:
        super().__init__(house, walk)
        self._request = request

    async def embed(self) -> Embedded:
        """The vectors, from the first target that gives sound ones. Raises RouterError."""
        return await self._asked(self._embed())

    async def _embed(self) -> Embedded:
        request = self._request
        embedded = await attempts.first_answer(
            self.house,
            self.walk,
            lambda target: encode(request, target),
            lambda body, target: decode(body, request, target),
        )
        # accounting reads the usage from here, also when the caller left meanwhile
        self._whole = Completion(finish_reason="stop", usage=embedded.usage, model_id=embedded.model_id)
        return embedded

    async def settled(self, outcome: Outcome, status: int, error: str | None = None) -> Settled:
        """Account for the call; when this returns, its record is in the journal. Nothing of it is about words said."""
        if outcome != "answered":
            await self._stopped()
        done = settle(self.house, self.walk, outcome, status, error, self._whole)
        record = msgspec.structs.replace(
            done.record,
            finish_reason=None,
            baseline_usd=None,
            score=None,
            score_reasons=(),
            scorer=None,
            response=UNSET,
        )
        await commit(self.house, self.walk, record)
        self._accounted_for(record)
        return Settled(record, None)
