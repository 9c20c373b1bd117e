"""The filter in front of the file says no only where the file holds nothing."""

from hypothesis import given
from hypothesis import strategies as st

from app.caching.seen import LEARN_SECONDS, MOST_LEARNT, Known, Seen
from app.caching.sqlite_file import hash_of

NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(NUMBERS, max_size=200))
def test_what_was_added_is_always_found(numbers: list[int]) -> None:
    """No false no, whatever the sign."""
    seen = Seen()
    for number in numbers:
        seen.add(number)
    assert all(seen.maybe(number) for number in numbers)


def test_a_hundred_thousand_entries_leave_few_false_yes() -> None:
    """Fewer than one in a hundred of the others is looked up in vain."""
    seen = Seen()
    for number in range(100_000):
        seen.add(hash_of(f"in {number}"))
    wrong = sum(seen.maybe(hash_of(f"out {number}")) for number in range(10_000))
    assert wrong < 100


def test_rows_of_others_are_learnt_after_a_while_and_a_large_file_in_steps() -> None:
    """Until all is learnt everything may be there; then only what was learnt, and news after LEARN_SECONDS."""
    rows = [(row, hash((row, "x"))) for row in range(1, MOST_LEARNT + 3)]
    known = Known(lambda last, most: [row for row in rows if row[0] > last][:most])
    stranger = 12345
    assert known.may_hold(stranger, 0.0)  # half learnt
    assert not known.may_hold(stranger, 0.0)
    assert known.may_hold(rows[-1][1], 0.0)
    rows.append((MOST_LEARNT + 3, stranger))
    assert not known.may_hold(stranger, LEARN_SECONDS / 2)
    assert known.may_hold(stranger, LEARN_SECONDS)
