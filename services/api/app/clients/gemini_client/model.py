"""What a Gemini model's name tells of what it takes. No request and no answer may enter."""

import re
from typing import Final

_GENERATION: Final = re.compile(r"gemini-([0-9]{1,2})(?:\.([0-9]{1,2}))?(?![0-9])", re.ASCII)
_ALIAS: Final = re.compile(r"gemini-[a-z-]*latest", re.ASCII)
_NEWEST: Final = (99, 0)


def generation(model_id: str) -> tuple[int, int] | None:
    """(major, minor) of a Gemini model, the highest for an alias of the latest; None for other names (Gemma, tuned models)."""
    found = _GENERATION.match(model_id)
    if found is not None:
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if _ALIAS.fullmatch(model_id) else None


def checks_signatures(model_id: str) -> bool:
    """Whether the model refuses a call of the running turn that comes back without the signature it was made with."""
    own = generation(model_id)
    return own is not None and own >= (3, 0)


def sees_results(model_id: str) -> bool:
    """Whether a tool's result may hold media; older models are shown them beside it."""
    own = generation(model_id)
    return own is None or own >= (3, 0)


def fetches_urls(model_id: str) -> bool:
    """Whether the host reads media of a public URL for this model: documented for all but the 2.0 family and older ones."""
    own = generation(model_id)
    return own is None or own >= (2, 5)


def counts_thinking(model_id: str) -> bool:
    """Whether the model is told how much to think by a budget in tokens alone; later ones are told by a level."""
    own = generation(model_id)
    return own is not None and own < (3, 0)
