"""z is small, the same for the same request, and orders prompts by difficulty and length of answer as people would."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.request import ChatRequest, Format, Message, Text
from app.router_engine.first_stage import SLOTS, first_stage, read
from app.router_engine.quality.lexical import OUTPUT_BOUNDS, SIGNALS
from app.text.lexicon import SUBJECTS

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=400)


def asking(*turns: str, system: str = "", json_mode: bool = False) -> ChatRequest:
    """User and assistant in turn."""
    messages = [Message("system", (Text(system),))] if system else []
    messages += [Message("assistant" if i % 2 else "user", (Text(turn),)) for i, turn in enumerate(turns)]
    return ChatRequest(messages=tuple(messages), format=Format("json_object") if json_mode else None)


def slots(z: bytes) -> dict[str, float]:
    """z by name."""
    return dict(zip(SLOTS, struct.unpack(f"<{len(SLOTS)}f", z), strict=True))


def difficulty(*turns: str) -> float:
    """Slot 0."""
    return read(first_stage(asking(*turns)))[0]


def output(*turns: str) -> float:
    """Expected output tokens."""
    return read(first_stage(asking(*turns)))[1]


@given(ANY_TEXT, ANY_TEXT)
def test_z_is_finite_and_bounded_for_any_text(text: str, system: str) -> None:
    """64 float32 at most, difficulty in 0..1, output inside its bounds."""
    z = first_stage(asking(text, system=system))
    assert len(z) == 4 * len(SLOTS) <= 4 * 64
    assert all(math.isfinite(value) for value in slots(z).values())
    hard, tokens = read(z)
    assert 0 <= hard <= 1
    assert OUTPUT_BOUNDS[0] - 0.01 <= tokens <= OUTPUT_BOUNDS[1] + 0.01


@given(ANY_TEXT)
def test_the_same_request_has_the_same_z(text: str) -> None:
    """Equal to the last bit."""
    assert first_stage(asking(text)) == first_stage(asking(text))


def test_a_request_without_any_message_still_has_a_z() -> None:
    """Nothing to read is an easy prompt."""
    assert read(first_stage(ChatRequest(messages=())))[0] < 0.2


def test_a_megabyte_of_anything_has_a_z() -> None:
    """Bounded reading, unbounded counting."""
    z = slots(first_stage(asking("\ud800\x00𝄞 " * 260_000)))
    assert z["log_chars"] == pytest.approx(math.log1p(1_040_000))


def test_harder_prompts_are_harder() -> None:
    """The order that people would give, with room between."""
    steps = [
        "Hi, thanks!",
        "Compare renting and buying a flat and analyse which is better for four years.",
        "Prove the theorem rigorously by induction and derive the asymptotic complexity of the distributed algorithm.",
    ]
    found = [difficulty(step) for step in steps]
    assert found[0] < 0.15 < found[1] < 0.4 < 0.6 < found[2]


def test_the_answer_is_expected_as_long_as_was_asked() -> None:
    """By words about length, a number of words, or the text to translate."""
    assert output("What is love, in one short sentence?") < output("What is love?") < output("Write a detailed essay about love.")
    assert output("Describe the sea in 400 words.") == pytest.approx(540, rel=0.01)
    assert output("Translate to Danish: " + "one two three " * 100) == pytest.approx(1421 * 0.3, rel=0.02)


def test_a_bare_follow_up_is_read_with_the_question_before_it() -> None:
    """ "yes, do it" is as hard as what it continues; a full question stands alone."""
    hard = "Prove the convergence theorem and derive the complexity of the algorithm."
    assert difficulty(hard, "Shall I?", "yes, do it") > 0.5 > difficulty("yes, do it")
    alone = "What is the capital of the country where pizza comes from, please?"
    assert difficulty(hard, "Done.", alone) < 0.3


def test_the_frame_of_the_conversation_has_slots() -> None:
    """System prompt, turns and JSON mode are seen."""
    z = slots(first_stage(asking("Go on with the second of the three ideas, please.", "a", "b", system="x" * 99, json_mode=True)))
    assert z["log_system_chars"] == pytest.approx(math.log(100))
    assert z["log_turns"] == pytest.approx(math.log(3))
    assert z["json_mode"] == 1.0


def test_the_signals_begin_with_the_subjects_of_the_lexicon() -> None:
    """Both lists are written out; this keeps them the same."""
    assert SIGNALS[: len(SUBJECTS)] == SUBJECTS
