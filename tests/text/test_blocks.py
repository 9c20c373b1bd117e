"""Tagged blocks come out of any text in bounded time, whatever is malformed; what is no block stays as it was."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.blocks import WINDOW, without_blocks

BLOCKS = frozenset({"note", "two words"})
WRAPPERS = frozenset({"ask"})
PIECES = st.sampled_from(
    ("<note>", "</note>", "<note/>", "<two words>", "</two words>", "<ask>", "</ask>", "<", ">", "a", "\n", " ")
)
MEGABYTES = (
    "<note>" * 170_000,
    "</note>" * 140_000,
    "<note>a</note>" * 70_000,
    "<note><ask>" * 90_000,
    "<" * 1_000_000,
    "<div class='a'>" * 70_000,
    "a" * 1_000_000,
)


def clean(text: str) -> str:
    """With the names above."""
    return without_blocks(text, BLOCKS, WRAPPERS)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<note>x</note>\nask", "\nask"),
        ("ask\n<note kind='a'>x <b>y</b>\n</note>", "ask\n"),
        ("<two words>x</two words>ask", "ask"),
        ("<note>a<note>b</note>c</note>ask", "ask"),
        ("<note>it says <note> here</note>ask", "ask"),
        ("<ask>\nthis\n</ask>", "\nthis\n"),
        ("one<note>x</note>two", "one\ntwo"),
    ],
)
def test_a_block_goes_with_all_that_is_in_it_and_a_wrapper_alone(text: str, left: str) -> None:
    """Attributes, blanks in names, nesting, and a name told inside."""
    assert clean(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a < b > c",
        "<note>never closed",
        "<note/> ask",
        "<Note>x</Note>",
        "<notes>x</notes>",
        "</note> ask",
        "<>",
        "< >",
        "</>",
    ],
)
def test_what_is_no_closed_block_stays(text: str) -> None:
    """Nothing is taken out on a guess."""
    assert clean(text) == text


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_block_is_left_after_one_pass_and_nothing_is_added(text: str) -> None:
    """A second pass finds no sound block, and every letter left stood there before."""
    left = clean(text)
    assert left.count("a") <= text.count("a")
    assert len(left) <= len(text) + text.count("<")


def test_a_block_that_spans_the_middle_of_a_long_text_goes_from_both_ends() -> None:
    """The middle is not looked at; what was asked before and after it is found."""
    text = "before<note>" + "x" * (3 * WINDOW) + "</note>after"
    assert clean(text) == "before\nafter"


@pytest.mark.parametrize("text", MEGABYTES, ids=lambda text: text[:8])
def test_a_megabyte_of_tags_costs_milliseconds(text: str) -> None:
    """Thirty at most, where a quadratic pass would need minutes: room for a slow machine."""
    began = time.process_time()
    clean(text)
    assert time.process_time() - began < 0.03
