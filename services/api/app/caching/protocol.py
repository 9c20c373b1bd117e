"""The seam between the pipeline and the places where answers lie. Bytes in, bytes out; a failure of any kind is a miss."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Counts(Struct):
    """What went wrong since the start, in numbers that only grow.

    `errors` are reads, writes and openings that failed, `unreadable` values that were no entry of ours, `dropped` values that were
    not kept, `quarantined` files that were moved aside.
    """

    errors: int = 0
    unreadable: int = 0
    dropped: int = 0
    quarantined: int = 0


class Cache(Protocol):
    """A place for answers. Nothing raises: what cannot be read is a miss, what cannot be written is forgotten."""

    @property
    def counts(self) -> Counts:
        """What failed so far; `unreadable` is the reader's to count, who knows what an entry is."""
        ...

    @property
    def trouble(self) -> str | None:
        """What is wrong just now, in one line without secrets; None while all is well."""
        ...

    async def prepare(self) -> None:
        """Make ready before the first call what would keep it waiting."""
        ...

    async def get_many(self, keys: Sequence[str], fresh: bool = False) -> list[bytes | None]:
        """The values under `keys`, None where there is none; one read for all.

        With `fresh` what another process shared a moment ago is found too, which costs a look at the store.
        """
        ...

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Keep a value until it expires. Never waits; visible in this process at once where the backend is local."""
        ...

    async def share(self, keys: Sequence[str]) -> None:
        """Wait until other processes find what was set under `keys`: a few milliseconds, then it is left to come later."""
        ...

    async def delete(self, keys: Sequence[str]) -> int:
        """Forget values; how many there were, as far as the backend can tell."""
        ...

    async def close(self) -> None:
        """Write out what is under way and let go."""
        ...

    def describe(self) -> str:
        """The backend in a few words, without secrets."""
        ...


class NoCache:
    """`cache.backend: none`."""

    trouble = None

    def __init__(self) -> None:
        self.counts = Counts()

    async def prepare(self) -> None:
        """Nothing is needed."""

    async def get_many(self, keys: Sequence[str], fresh: bool = False) -> list[bytes | None]:
        """Nothing is ever there."""
        return [None] * len(keys)

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Nothing is kept."""

    async def share(self, keys: Sequence[str]) -> None:
        """There is nothing to share."""

    async def delete(self, keys: Sequence[str]) -> int:
        """Nothing was there."""
        return 0

    async def close(self) -> None:
        """Nothing is open."""

    def describe(self) -> str:
        """The backend's name."""
        return "none"
