"""Text from outside is shown as text, whatever stands in it."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from app.cli.tables import Look, fitting
from app.cli.terminal import json_text, lines, one_line

HOSTILE = (
    [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
    + list("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufff9\U000e0041")
    + ["\x1b[31m", "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x07", "\x9b2J", "\r\n", "\x1b[2J\x1b[H"]
)
texts = st.lists(st.one_of(st.text(), st.sampled_from(HOSTILE))).map("".join)


def steers(character: str) -> bool:
    """Judged by what Unicode says of it, not by the list under test."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip


@given(texts, st.integers(1, 300))
def test_one_line_is_one_line_of_bounded_length_that_steers_nothing(text: str, most: int) -> None:
    """Names, reasons and messages: whatever they hold, a table keeps its shape."""
    shown = one_line(text, most)
    assert len(shown) <= most
    assert not any(map(steers, shown))
    assert not set("\u200e\u200f\u061c") & set(shown)


@given(texts, st.integers(1, 300))
def test_what_is_harmless_and_short_is_shown_as_it_is(text: str, most: int) -> None:
    """So names can be copied from a table."""
    harmless = "".join(one for one in text if not steers(one) and one not in "\u061c\u200e\u200f\ufeff\ufff9\U000e0041")[:most]
    assert one_line(harmless, most) == harmless or any(
        "\ufff9" <= one <= "\ufffb" or "\U000e0000" <= one <= "\U000e007f" for one in harmless
    )


@given(texts)
def test_what_is_hostile_can_still_be_read(text: str) -> None:
    """An escape is shown in its place, nothing vanishes."""
    assert len(one_line(text, 1_000_000)) >= len(text)


@given(texts)
def test_an_answer_keeps_its_lines_and_tabs_and_nothing_else_that_steers(text: str) -> None:
    """Of an answer's control characters only these two mean something to people."""
    shown = lines(text)
    assert not any(steers(one) for one in shown if one not in "\n\t")
    assert shown.count("\n") == text.count("\n") and shown.count("\t") == text.count("\t")


@given(st.lists(texts))
def test_pieces_of_an_answer_give_the_same_as_the_whole(pieces: list[str]) -> None:
    """A stream may be cut anywhere but between CR and LF."""
    assert "".join(map(lines, pieces)).replace("\\x0d\n", "\n") == lines("".join(pieces)).replace("\\x0d\n", "\n")


@given(st.dictionaries(texts, st.one_of(texts, st.integers(), st.none(), st.lists(texts))))
def test_json_means_the_same_and_steers_nothing(value: dict[str, object]) -> None:
    """For a program it is the very value, and on a terminal it does no harm."""
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    shown = json_text(data)
    assert json.loads(shown) == json.loads(data)
    assert not any(map(steers, shown))


def test_a_name_of_ten_thousand_characters_is_cut_and_says_so() -> None:
    """Nobody's terminal is flooded by a name."""
    assert one_line("x" * 10_000, 60) == "x" * 59 + "…"


cells = st.text("ab ", min_size=1, max_size=30)


@given(st.lists(st.tuples(cells, cells, cells, cells), max_size=5), st.integers(1, 150))
def test_a_table_leaves_out_what_it_may_before_it_is_too_wide(rows: list[tuple[str, ...]], columns: int) -> None:
    """The spare columns go first, in their order, and no more of them than have to; the others stay whatever comes."""
    head = ("one", "two", "three", "four")
    look = Look(folds=("four",), spare=("two", "three"))
    kept = fitting(head, rows, look, columns)
    assert {0, 3} <= set(kept) and kept == sorted(kept)

    def needed(places: list[int]) -> int:
        widths = [max(len(row[place]) for row in (head, *rows)) for place in places]
        return sum(min(one, 16) if place == 3 else one for one, place in zip(widths, places, strict=True)) + 2 * (len(places) - 1)

    orders = [[0, 1, 2, 3], [0, 2, 3], [0, 3]]
    assert kept == next((places for places in orders if needed(places) <= columns), orders[-1])
