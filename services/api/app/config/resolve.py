"""What a caller's `model` means. Pure look-ups in the Snapshot."""

import difflib

from ..errors import CallerError, UnknownModel, shown
from .snapshot import Asked, Snapshot


def resolve(snapshot: Snapshot, model: str) -> Asked:
    """The meaning of `model`. Raises UnknownModel with near misses, CallerError for an id that several rows have."""
    asked = snapshot.names.get(model)
    if asked is not None:
        return asked
    for prefix, meant in snapshot.prefixes:
        if model.startswith(prefix):
            return meant
    if model in snapshot.ambiguous:
        rows = ", ".join(snapshot.ambiguous[model])
        raise CallerError(f"several rows have this id: name one of {rows}", param="model", code="ambiguous_model")
    near = difflib.get_close_matches(model[:100], list(snapshot.names), n=3, cutoff=0.5)
    hint = f"; near misses: {', '.join(near)}" if near else ""
    raise UnknownModel(f"no model {shown(model, 80)!r}{hint}; GET /v1/models lists all", param="model")
