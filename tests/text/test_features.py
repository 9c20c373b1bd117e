"""Features say what a prompt is about, read a bounded part of it, and never fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.features import HEAD, NOTHING, TAIL, features
from app.text.lexicon import MARKS, SUBJECTS, WORDS

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=400)


def leading(text: str) -> str:
    """The subject with the most telling words."""
    counts = features(text).counts
    return SUBJECTS[max(range(len(counts)), key=counts.__getitem__)]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Write a Python function that parses JSON from an API", "code"),
        ("Solve the quadratic equation and compute the sum of its roots", "maths"),
        ("Write a poem, or a short story with rhyme, about snow", "creative"),
        ("Translate this into Danish", "translation"),
        ("Extract all entities and classify them", "extraction"),
        ("Summarise the takeaways", "summary"),
        ("Hello, thanks!", "smalltalk"),
        ("Schreibe ein Gedicht oder eine Geschichte", "creative"),
        ("ПЕРЕВЕДИТЕ это", "translation"),
        ("请把这句话翻译成英文", "translation"),
        ("この関数のコードを直して", "code"),
    ],
)
def test_telling_words_name_the_subject_in_several_languages(text: str, subject: str) -> None:
    """Whole words where scripts have spaces, marks where they have none."""
    assert leading(text) == subject


@given(ANY_TEXT)
def test_any_text_has_features_with_shares_between_nothing_and_all(text: str) -> None:
    """Lone surrogates, control characters and emoji included."""
    seen = features(text)
    assert seen.chars == len(text)
    assert len(seen.counts) == len(SUBJECTS)
    assert all(0 <= share <= 1 for share in (seen.digits, seen.marks, seen.operators, seen.foreign))


def test_nothing_has_the_features_of_nothing() -> None:
    """The empty prompt divides by no zero."""
    assert features("") == NOTHING


def test_the_middle_of_a_long_text_is_not_read_but_counted() -> None:
    """A megabyte costs what two thousand characters cost."""
    head, tail = "a " * (HEAD // 2), " b" * (TAIL // 2)
    filled = features(head + "python function " * 60_000 + tail)
    assert filled.counts == (0,) * len(SUBJECTS)
    assert filled.chars == HEAD + 960_000 + TAIL


def test_marks_of_structure_are_seen() -> None:
    """Fences, bullets, question marks, digits and operators."""
    seen = features("Why?\n- a = 1\n- b = 22\n```\nx+y\n```")
    assert seen.fenced
    assert (seen.bullets, seen.lines, seen.questions) == (2, 5, 1)
    assert seen.digits == pytest.approx(3 / 33)
    assert seen.operators == pytest.approx(3 / 33)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a story of 300 words", 300), ("a 500-words essay", 0), ("no more words", 0), ("words", 0), ("in 99999999 words", 0)],
)
def test_a_length_in_words_is_read_where_it_is_said_plainly(text: str, words: int) -> None:
    """A plausible number right before "words", nothing else."""
    assert features(text).target_words == words


def test_every_word_of_the_lexicon_can_be_met() -> None:
    """A word that folding would tear apart could never match."""
    for word, subject in WORDS.items():
        assert features(word.decode()).counts[subject] >= 1, word
    for mark, subject in MARKS:
        assert features(mark).counts[subject] >= 1, mark
