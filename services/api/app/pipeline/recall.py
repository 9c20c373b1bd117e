"""The cache's part of a call: which entries may answer it, and what is kept of a new answer. Knows no backend."""

from msgspec import Struct

from ..caching.entry import Entry
from ..caching.key import digest, entry_key, key_material
from ..domain.answer import Completion, Delta
from ..domain.target import Target
from ..router_engine.explain import near_best
from .attempts import RAW_SEPARATOR
from .house import House
from .settle import Settled
from .walk import Walk


class Found(Struct, frozen=True):
    """A kept answer, as a whole and as the stream that spells it out."""

    completion: Completion
    deltas: list[Delta]


async def recall(house: House, walk: Walk) -> Found | None:
    """The kept answer to this call, if one may serve it. Sets what the walk knows of the cache."""
    if walk.recall_wish == "off":
        return None
    walk.cache = "miss"
    names = _rows(walk)
    walk.material = _material(walk)
    base = digest(walk.material)
    walk.cache_keys = {name: entry_key(base, name, _hosts(walk, name)) for name in names}
    if walk.recall_wish == "refresh":
        return None
    began = house.clock()
    values = await house.cache.get_many(list(walk.cache_keys.values()))
    walk.waited += house.clock() - began
    for name, value in zip(names, values, strict=True):
        entry = Entry.decoded(value, walk.material) if value is not None else None
        if entry is not None and (target := _target(walk, name, entry)) is not None:
            return _serve(house, walk, entry, target)
    return None


def keep(house: House, walk: Walk, completion: Completion, done: Settled) -> None:
    """Keep a good answer under the row that gave it: complete, not empty, without a defect."""
    served = walk.served
    if walk.recall_wish == "off" or served is None or done.score is None or not done.score.storable:
        return
    key = walk.cache_keys.get(served.name) or entry_key(digest(walk.material), served.name, _hosts(walk, served.name))
    entry = Entry(
        material=walk.material,
        row=served.name,
        provider=served.provider,
        model_id=served.model_id,
        completion=completion,
        raw_dialect=served.dialect if walk.native else "",
        form="stream" if walk.request.stream else "whole",
        stored_at=house.now(),
        cost_nano=done.record.cost_nano_usd,
        score=done.score.score,
    )
    house.cache.set(key, entry.encoded(), walk.compiled.snapshot.cache.ttl_seconds)


def _rows(walk: Walk) -> tuple[str, ...]:
    """The rows whose answers may serve: the one asked for, or the chosen one and those about as good."""
    if walk.decision is None:
        return (walk.targets[0].name,)
    return near_best(walk.decision, walk.compiled.table, walk.compiled.snapshot.cache.quality_slack)
