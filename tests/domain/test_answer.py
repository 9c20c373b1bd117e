"""Answers whole and in pieces: the two forms mean the same, and pieces may be cut anywhere."""

import gc
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.domain.answer import Completion, Delta, Fold, Thought, TokenLogprob, ToolCall, Usage

TEXT = st.text(max_size=12)
SPOKEN = st.text(min_size=1, max_size=12)
COUNT = st.integers(0, 9999)
LOGPROB = st.floats(-99, 0)
TOKENS = st.lists(
    st.builds(TokenLogprob, TEXT, LOGPROB, st.lists(st.tuples(TEXT, LOGPROB), max_size=2).map(tuple)), max_size=3
).map(tuple)
CALLS = st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT, TEXT), max_size=3).map(tuple)
FINISH = st.sampled_from([None, "stop", "length", "tool_calls", "content_filter", "error"])
USAGE = st.none() | st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT)
THOUGHT = st.one_of(
    st.builds(Thought, SPOKEN),
    st.builds(Thought, TEXT, SPOKEN),
    st.builds(Thought, st.just(""), st.just(""), SPOKEN),
)


def canonical(thoughts: list[Thought]) -> tuple[Thought, ...]:
    """Two thoughts that nothing parts are one; so one that is unsigned is not followed by a plain one."""
    kept: list[Thought] = []
    for thought in thoughts:
        if kept and not (kept[-1].signature or kept[-1].redacted or thought.redacted):
            kept.pop()
        kept.append(thought)
    return tuple(kept)


THOUGHTS = st.lists(THOUGHT, max_size=4).map(canonical)
PARTS = {
    "text": TEXT,
    "thoughts": THOUGHTS,
    "refusal": TEXT,
    "tool_calls": CALLS,
    "finish_reason": FINISH,
    "logprobs": TOKENS,
}


def says_something(answer: Completion) -> bool:
    return answer != Completion()


OTHERS = st.lists(st.builds(Completion, **PARTS).filter(says_something), max_size=2).map(tuple)
ANSWERS = st.builds(Completion, **PARTS, others=OTHERS, usage=USAGE, response_id=TEXT, model_id=TEXT)


@given(ANSWERS)
def test_gathering_undoes_spelling_out(answer: Completion) -> None:
    """fold(unfold(c)) == c: thoughts with signatures, encrypted ones, calls' signatures, other answers and logarithms too."""
    assert Completion.folded(answer.unfolded()) == answer


def cut(delta: Delta) -> list[Delta]:
    """The same piece in pieces of one character; a signature ends its thought, so it stays at the end."""
    if delta.redacted:
        return [delta]
    place, index = delta.choice, delta.tool_index
    pieces = [Delta(text=letter, choice=place) for letter in delta.text]
    pieces += [Delta(reasoning=letter, choice=place) for letter in delta.reasoning]
    pieces += [Delta(refusal=letter, choice=place) for letter in delta.refusal]
    pieces += [Delta(tool_index=index, tool_arguments=letter, choice=place) for letter in delta.tool_arguments]
    head = msgspec.structs.replace(delta, text="", reasoning="", refusal="", tool_arguments="")
    return [head, *pieces] if index >= 0 else [*pieces, head]


@given(ANSWERS)
def test_an_answer_may_come_in_any_pieces(answer: Completion) -> None:
    """Down to one character each."""
    pieces = [piece for delta in answer.unfolded() for piece in cut(delta)]
    assert Completion.folded(pieces) == answer


@given(st.builds(Completion, **PARTS), st.builds(Completion, **PARTS).filter(says_something), st.randoms())
def test_answers_may_come_in_each_others_midst(first: Completion, second: Completion, chance: random.Random) -> None:
    """Pieces of two answers in any order, each answer's own in theirs."""
    both = msgspec.structs.replace(first, others=(second,))
    pieces = both.unfolded()
    one = [delta for delta in pieces if delta.choice == 0]
    other = [delta for delta in pieces if delta.choice == 1]
    mixed: list[Delta] = []
    while one or other:
        source = one if one and (not other or chance.random() < 0.5) else other
        mixed.append(source.pop(0))
    assert Completion.folded(mixed) == both


@given(ANSWERS)
def test_gathering_beside_a_stream_does_not_end_it(answer: Completion) -> None:
    """The answer so far can be asked for after each piece, and the bytes are the caller's to add."""
    fold = Fold()
    for delta in answer.unfolded():
        fold.add(delta)
        fold.completion()
    assert fold.completion(b"raw") == msgspec.structs.replace(answer, raw=b"raw")


def test_the_last_usage_and_the_first_names_count() -> None:
    """Providers tell usage as a growing sum, and repeat ids in every event."""
    pieces = [Delta(usage=Usage(1), response_id="a", model_id="m"), Delta(usage=Usage(2, 3), response_id="b", model_id="n")]
    said = Completion.folded(pieces)
    assert (said.usage, said.response_id, said.model_id) == (Usage(2, 3), "a", "m")


def test_calls_stand_in_the_order_of_their_places() -> None:
    """Though the second may be opened first."""
    pieces = [
        Delta(tool_index=1, tool_id="b", tool_name="g"),
        Delta(tool_index=0, tool_id="a", tool_name="f"),
        Delta(tool_index=1, tool_arguments="{}"),
    ]
    assert Completion.folded(pieces).tool_calls == (ToolCall("a", "f", ""), ToolCall("b", "g", "{}"))


def test_what_the_caller_sees_is_what_speaks() -> None:
    """Names, counts, ends, signatures and logarithms alone are not yet the answer's first word."""
    spoken = [Delta(text="x"), Delta(reasoning="x"), Delta(refusal="x"), Delta(tool_index=0), Delta(redacted="x")]
    silent = [Delta(), Delta(usage=Usage(1)), Delta(finish_reason="stop"), Delta(signature="x"), Delta(response_id="r", raw=b"x")]
    assert all(delta.speaks for delta in spoken)
    assert not any(delta.speaks for delta in silent)


def test_reasoning_is_all_thoughts_text() -> None:
    """Encrypted ones have none."""
    assert Completion(thoughts=(Thought("a", "s"), Thought(redacted="x"), Thought("b"))).reasoning == "ab"


def test_a_fold_of_many_small_pieces_holds_their_text_and_little_more() -> None:
    """Thousands of streams under way at once are held as text, whatever the size of the pieces they came in."""
    fold = Fold()
    word = "w" * 3
    for place in range(20_000):
        fold.add(Delta(text=f"{word}{place % 10}", reasoning=f"{place % 10}", tool_index=-1))
        fold.add(Delta(tool_index=0, tool_arguments=f"{place % 10}"))
    assert sum(len(kept) for kept in gc.get_referents(fold.text) if isinstance(kept, list)) < 1000
    answer = fold.completion()
    assert answer.text == "".join(f"{word}{place % 10}" for place in range(20_000))
    assert answer.tool_calls[0].arguments == "0123456789" * 2000
    assert answer.thoughts[0].text == "0123456789" * 2000
