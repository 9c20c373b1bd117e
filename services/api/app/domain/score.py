"""A rating of one answer. Only the value."""

from msgspec import Struct


class Score(Struct, frozen=True):
    """0..1 with its reasons, each a stable word, a colon and a short explanation. `storable` = good enough to be kept and given again."""

    score: float
    reasons: tuple[str, ...]
    scorer: str
    storable: bool
