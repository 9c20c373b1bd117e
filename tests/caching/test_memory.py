"""The memory LRU's promises: never more bytes than allowed, the longest unused goes first, an expiry is never renewed."""

from hypothesis import given
from hypothesis import strategies as st

from app.caching.memory import OVERHEAD, MemoryCache

from .clock import Clock

ONE = OVERHEAD + 11  # a key of one letter and a value of ten bytes
VALUE = b"0123456789"


def test_the_longest_unused_goes_first() -> None:
    cache = MemoryCache(3 * ONE, Clock())
    for key in "abc":
        cache.set(key, VALUE, 2_000)
    assert cache.get("a") == VALUE
    cache.set("d", VALUE, 2_000)
    assert [key for key in "abcd" if cache.get(key)] == ["a", "c", "d"]


def test_a_hit_does_not_renew_the_expiry() -> None:
    clock = Clock()
    cache = MemoryCache(ONE, clock)
    cache.set("a", VALUE, 1_010)
    for clock.seconds in (1_005.0, 1_009.9):
        assert cache.get("a") == VALUE
    clock.seconds = 1_010.0
    assert cache.get("a") is None
    assert cache.size == 0


def test_one_too_large_for_all_the_room_is_not_kept_nor_is_what_it_replaces() -> None:
    cache = MemoryCache(2 * ONE, Clock())
    cache.set("a", VALUE, 2_000)
    cache.set("b", VALUE, 2_000)
    cache.set("a", VALUE * 50, 2_000)
    assert cache.get("a") is None
    assert cache.get("b") == VALUE


ACTIONS = st.lists(st.tuples(st.sampled_from("sgd"), st.sampled_from("abcdef"), st.binary(max_size=300)), max_size=40)


@given(ACTIONS, st.integers(0, 4 * OVERHEAD))
def test_it_never_holds_more_than_allowed_nor_anything_else_than_the_newest(
    actions: list[tuple[str, str, bytes]], most: int
) -> None:
    cache = MemoryCache(most, Clock())
    newest: dict[str, bytes] = {}
    for what, key, value in actions:
        if what == "s":
            cache.set(key, value, 2_000)
            newest[key] = value
        elif what == "d":
            cache.delete(key)
            newest.pop(key, None)
        assert cache.size <= most
        assert cache.get(key) in {None, newest.get(key)}
    held = {key: found for key in "abcdef" if (found := cache.get(key)) is not None}
    assert cache.size == sum(OVERHEAD + len(key) + len(value) for key, value in held.items())
