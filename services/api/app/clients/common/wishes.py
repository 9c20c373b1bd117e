"""Our own part of an SDK's body, the `router` object, and the words in it. No dialect's fields may enter."""

from typing import Annotated, Final, get_args

from msgspec import Meta, Struct

from ...domain.request import MODES, CacheWish, Constraints, Mode
from ...errors import CallerError

_CACHE: Final = frozenset(get_args(CacheWish))


class RouterWishes(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything of ours in a body; removed before it goes upstream."""

    mode: str | None = None
    constraints: Constraints | None = None
    cache: str | None = None
    session: Annotated[str, Meta(max_length=256)] | None = None
    explain: bool = False


NO_WISHES: Final = RouterWishes()


def mode_of(word: str | None, param: str) -> Mode | None:
    """A mode word, or the error that lists them."""
    if word is None:
        return None
    for mode in MODES:
        if word == mode:
            return mode
    raise CallerError(f"{param}: unknown mode; use one of {', '.join(MODES)}", param=param)


def cache_of(word: str | None, param: str) -> CacheWish | None:
    """A cache wish, or the error that lists them."""
    if word is None:
        return None
    if word not in _CACHE:
        raise CallerError(f"{param}: use one of use, refresh, off", param=param)
    return word  # type: ignore[return-value]
