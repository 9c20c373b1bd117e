"""The cache's part of a call: which entries may answer it, and what is kept of a new answer. Knows no backend."""

from ..auto_score.gates import storable
from ..caching.entry import Entry
from ..caching.key import digest, entry_key, key_material
from ..domain.answer import Completion
from ..domain.score import Score
from ..domain.target import Target
from ..router_engine.explain import near_best
from .house import House
from .walk import Walk


def row_hosts(walk: Walk, name: str) -> tuple[str, ...]:
    """The hosts that may answer for a row: part of its key, since the same id elsewhere is another model."""
    return tuple(f"{t.provider}/{t.model_id}@{t.base_url}" for t in walk.compiled.snapshot.models[name].targets)
