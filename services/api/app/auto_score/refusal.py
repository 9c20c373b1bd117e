"""Whether an answer refuses a harmless prompt. Made to be right when it says so: what is unclear is no refusal."""

from ..domain.request import ChatRequest
from .phrases import (
    BOUNDS,
    COMPOSED,
    DENIALS,
    FOREIGN,
    FOREIGN_DENIALS,
    FOREIGN_TURNS,
    HARMFUL,
    LACKS,
    NOT_MEANT,
    OPENINGS,
    TURNS,
    UNSPACED,
)

_SAID = 260
"""Characters in which a refusal has said so."""
_LONGEST = 1500
"""A longer answer offers something."""
_READ = 20_000
_STARTS = OPENINGS + FOREIGN
_PARTING = str.maketrans(dict.fromkeys('\n\t\r.,;:!?()[]{}<>"/\\|*_`„“”«»¿¡', " "))
_LETTERS = frozenset(start[0] for start in _STARTS)


def refuses(text: str) -> bool:
    """Whether the answer, as it stands, is a refusal and nothing else."""
    start = text[:64].lstrip(" \n\t\"'*#>“").lower().replace("\u2019", "'")
    if start[:1] not in _LETTERS or not start.startswith(_STARTS) or len(text) > _LONGEST:
        return False
    said = text[:_SAID].lower().replace("\u2019", "'")
    if start.startswith(FOREIGN) and _any(FOREIGN_DENIALS, said):
        return not _any(FOREIGN_TURNS, text.lower()) and not _any(TURNS, text.lower())
    denial = next((words for words in DENIALS if words in said), None)
    if denial is None or _any(NOT_MEANT, said) or _any(LACKS, said):
        return False
    rest = text.lower().partition(denial)[2].replace(", but if", "").replace(", but feel free", "")
    return not _any(TURNS, rest) and " but " not in rest


def may_be_refused(request: ChatRequest) -> bool:
    """Whether a refusal may be what this request deserves, or a text that reads like one what it wants."""
    prompt = request.prompt[:_READ].lower().replace("\u2019", "'")
    words = f" {prompt.translate(_PARTING)} "
    if any(f" {word}" in words for word in HARMFUL + COMPOSED) or _any(UNSPACED, prompt):
        return True
    instructed = (message.text for message in request.messages if message.role in ("system", "developer"))
    return any(_any(BOUNDS, text[:_READ].lower()) for text in instructed)


def _any(words: tuple[str, ...], text: str) -> bool:
    return any(word in text for word in words)
