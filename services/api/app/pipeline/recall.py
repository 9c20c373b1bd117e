"""The cache's part of a call: which entries may answer it, and what is kept of a new answer. Knows no backend."""

import msgspec
from msgspec import Struct

from ..caching.entry import Entry
from ..caching.key import digest, entry_key, key_material
from ..domain.answer import Completion, Delta
from ..domain.target import Target
from ..errors import RouterError
from ..router_engine.explain import near_best
from .begin import decide_with
from .conversation import read
from .house import House
from .line import RAW_SEPARATOR
from .settle import Settled
from .walk import Walk


class Found(Struct, frozen=True):
    """A kept answer, as a whole and as the stream that spells it out."""

    completion: Completion
    deltas: list[Delta]


async def recall(house: House, walk: Walk) -> Found | None:
    """The kept answer to this call, if one may serve it; before that, the model that its conversation is with.

    Both are read at once. Sets what the walk knows of the cache, and decides again where a conversation has a model.
    """
    if walk.recall_wish != "off":
        walk.cache = "miss"
        walk.material = _material(walk)
        walk.cache_keys = _keys(walk)
    found = await _read(house, walk, walk.cache_keys if walk.recall_wish == "use" else {})
    for name, value in found.items():
        if value is None:
            continue
        entry = Entry.decoded(value, walk.material)
        if entry is None:
            house.cache.counts.unreadable += 1
        elif (target := _target(walk, name, entry)) is not None:
            completion = _told(house, walk, entry, target)
            if completion is not None:
                return _serve(house, walk, entry, target, completion)
    return None


async def _read(house: House, walk: Walk, keys: dict[str, str]) -> dict[str, bytes | None]:
    """The kept values by row, the chosen one first. A second read only when the conversation's model moved the choice elsewhere."""
    began = house.clock()
    model, values = await read(house, walk, list(keys.values()))
    found = dict(zip(keys, values, strict=True))
    if model is not None:
        decide_with(walk, model)
        if keys:
            walk.cache_keys = _keys(walk)
            others = {name: key for name, key in walk.cache_keys.items() if name not in found}
            if others:
                found |= zip(others, await house.cache.get_many(list(others.values())), strict=True)
            found = {name: found[name] for name in walk.cache_keys}
    walk.waited += house.clock() - began
    return found


async def look_back(house: House, walk: Walk) -> None:
    """The conversation's model alone, for a call that wants no answer."""
    await _read(house, walk, {})


def keep(house: House, walk: Walk, completion: Completion, done: Settled) -> None:
    """Keep a good answer under the row that gave it: complete, not empty, without a defect."""
    served = walk.served
    if walk.recall_wish == "off" or served is None or done.score is None or not done.score.storable:
        return
    key = walk.cache_keys.get(served.name) or entry_key(digest(walk.material), served.name, _hosts(walk, served.name))
    own = completion.raw if walk.native else b""
    # a whole body of the provider's is read again at a hit: its text need not lie there twice
    in_raw = bool(own) and not walk.request.stream and completion.usage is not None
    told = _without_words(completion) if in_raw else msgspec.structs.replace(completion, raw=b"")
    entry = Entry(
        material=walk.material,
        row=served.name,
        provider=served.provider,
        model_id=served.model_id,
        completion=told,
        raw=own,
        raw_dialect=served.dialect,
        form="stream" if walk.request.stream else "whole",
        stored_at=house.now(),
        cost_nano=done.record.cost_nano_usd,
        score=done.score.score,
    )
    house.cache.set(key, entry.encoded(), walk.compiled.snapshot.cache.ttl_seconds)


def _keys(walk: Walk) -> dict[str, str]:
    """The entries' keys by row."""
    base = digest(walk.material)
    return {name: entry_key(base, name, _hosts(walk, name)) for name in _rows(walk)}


def _rows(walk: Walk) -> tuple[str, ...]:
    """The rows whose answers may serve: the one asked for, or the chosen one and those about as good."""
    if walk.decision is None:
        return (walk.targets[0].name,)
    return near_best(walk.decision, walk.compiled.table, walk.compiled.snapshot.cache.quality_slack)


def _material(walk: Walk) -> bytes:
    target = walk.targets[0]
    return key_material(
        walk.request,
        scope=walk.asking.scope,
        mode=walk.mode,
        version=walk.compiled.snapshot.cache.version,
        mock=target.mock,
    )


def _hosts(walk: Walk, name: str) -> tuple[str, ...]:
    """The hosts that may answer for a row are part of its key: the same id elsewhere is another model."""
    return walk.compiled.snapshot.models[name].hosts


def _target(walk: Walk, name: str, entry: Entry) -> Target | None:
    """The deployment that gave a kept answer, None when the configuration knows it no longer."""
    targets = walk.compiled.snapshot.models[name].targets
    return next((t for t in targets if (t.provider, t.model_id) == (entry.provider, entry.model_id)), None)


def _without_words(completion: Completion) -> Completion:
    """What accounting needs of an answer whose words stand in the provider's body."""
    return Completion(
        finish_reason=completion.finish_reason,
        usage=completion.usage,
        response_id=completion.response_id,
        model_id=completion.model_id,
    )


def _told(house: House, walk: Walk, entry: Entry, target: Target) -> Completion | None:
    """The kept answer without its raw form; None when the provider's own body cannot be read again.

    Where that very body goes to the caller and no words go into the record, nobody needs to read it.
    """
    original = walk.request.original
    passes = original is not None and original.dialect == entry.raw_dialect and not walk.request.stream
    wordless = walk.compiled.snapshot.logging.prompts in ("none", "hash") and entry.completion.usage is not None
    if entry.form != "whole" or not entry.raw or (passes and wordless):
        return entry.completion
    try:
        return house.wire(target).decode(entry.raw)
    except RouterError:
        return None


def _serve(house: House, walk: Walk, entry: Entry, target: Target, completion: Completion) -> Found:
    """The kept answer in the caller's form; the provider's own bytes only for the same dialect in the same form."""
    walk.cache = "hit"
    walk.served = target
    walk.saved_nano = entry.cost_nano or 0
    walk.kept_score = entry.score
    walk.first_token = house.clock()
    form = "stream" if walk.request.stream else "whole"
    own = bool(entry.raw) and walk.native and entry.form == form and entry.raw_dialect == target.dialect
    completion = msgspec.structs.replace(completion, raw=entry.raw if own else b"")
    walk.raw_passes = own
    if not walk.request.stream:
        return Found(completion, [])
    return Found(completion, _replayed(house, target, completion.raw) if own else completion.unfolded())


def _replayed(house: House, target: Target, raw: bytes) -> list[Delta]:
    """The provider's own pieces, read again so that the writer knows what each of them holds."""
    reader = house.wire(target).reader()
    return [delta for piece in raw.split(RAW_SEPARATOR) for delta in reader.feed(piece)]
