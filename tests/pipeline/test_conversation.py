"""The follow-up of a conversation looks where its answer was kept, however clients spell what was said; other conversations elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.answer import Completion, ToolCall
from app.domain.request import Called, ChatRequest, Media, Message, Part, Reasoning, Result, Role, Text
from app.pipeline.conversation import MOST_TURNS, conversation_key, next_key

WORDS = st.text(alphabet=st.characters(codec=None), max_size=40) | st.sampled_from(("yes", "a" * 5_000, "да, давай", "go\n\non"))


def turn(role: Role, *parts: str | Part) -> Message:
    """A turn; text is one part each."""
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def asking(*messages: Message, session: str | None = None) -> ChatRequest:
    """A request of these turns."""
    return ChatRequest(messages=messages, session=session)


@given(st.lists(WORDS, min_size=1, max_size=90), WORDS, WORDS)
def test_the_follow_up_finds_what_the_answer_kept(said: list[str], answer: str, further: str) -> None:
    """For any texts and any length; where nobody said a word there is no conversation."""
    messages = [turn("assistant" if i % 2 else "user", words) for i, words in enumerate(said) if i % 2 == 0 or i < len(said) - 1]
    kept = next_key(asking(*messages), "me", Completion(text=answer))
    follow_up = asking(*messages, turn("assistant", answer), turn("user", further))
    if any(message.text.strip() for message in messages) and answer.strip():
        assert kept
    if answer.strip():
        assert conversation_key(follow_up, "me") == kept


def test_steps_of_a_tool_loop_find_one_another() -> None:
    """The model that called the tool gets the result."""
    asked = turn("user", "look it up")
    kept = next_key(asking(asked), "me", Completion(tool_calls=(ToolCall("c", "find", "{}"),)))
    step = asking(asked, turn("assistant", Called("c", "find", "{ }")), turn("tool", Result("c", (Text("found"),))))
    assert conversation_key(step, "me") == kept != ""
    answered = next_key(step, "me", Completion(text="Here it is."))
    assert conversation_key(asking(*step.messages, turn("assistant", "Here it is."), turn("user", "thanks")), "me") == answered
    dropped = asking(asked, turn("assistant", "Here it is."), turn("user", "thanks"))
    assert conversation_key(dropped, "me") == answered


@pytest.mark.parametrize(
    "other",
    [
        (turn("user", "hi "), turn("assistant", "\nhello"), turn("user", "go on")),
        (turn("system", "Be brief."), turn("user", "hi"), turn("assistant", "hello"), turn("user", "go on")),
        (turn("user", "<system-reminder>x</system-reminder>", "hi"), turn("assistant", "hello"), turn("user", "go on")),
        (
            turn("user", "<user_instructions>x</user_instructions>"),
            turn("user", "hi"),
            turn("assistant", "hello"),
            turn("user", "x"),
        ),
        (turn("user", "hi"), turn("assistant", Reasoning("hm", "sig"), "hello"), turn("user", "go on")),
        (turn("user", "hi"), turn("assistant", "hel"), turn("assistant", "lo"), turn("user", "go on")),
        (turn("user", "hi", Media("image", url="https://a.example/a.png")), turn("assistant", "hello"), turn("user", "go on")),
    ],
)
def test_what_clients_change_from_call_to_call_does_not_count(other: tuple[Message, ...]) -> None:
    """White space, system prompts, injected blocks and turns, thoughts, how a turn is cut into parts, pictures."""
    assert conversation_key(asking(*other), "me") == next_key(asking(turn("user", "hi")), "me", Completion(text="hello"))


def test_other_words_other_callers_and_other_names_are_other_conversations() -> None:
    """And neither a session's name nor what was said can be spelled as the other."""
    told = (turn("user", "hi"), turn("assistant", "hello"), turn("user", "go on"))
    keys = [
        conversation_key(asking(*told), "me"),
        conversation_key(asking(*told), "you"),
        conversation_key(asking(turn("user", "ho"), *told[1:]), "me"),
        conversation_key(asking(told[0], turn("assistant", "hullo"), told[2]), "me"),
        conversation_key(asking(*told, session="hihello"), "me"),
        conversation_key(asking(*told, session="s"), "me"),
        conversation_key(asking(*told, session="s"), "you"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("session:") for key in keys)


def test_a_first_turn_is_no_conversation() -> None:
    """Nor is an answer that the caller began, nor turns without a word."""
    assert conversation_key(asking(turn("user", "hi")), "me") == ""
    assert conversation_key(asking(turn("user", "hi"), turn("assistant", "Well,")), "me") == ""
    silent = (turn("user", Media("image", url="https://a.example/a.png")), turn("assistant", Called("c", "f", "{}")))
    assert conversation_key(asking(*silent, turn("user", "go on")), "me") == ""


def test_an_answer_that_the_caller_began_is_found_as_one() -> None:
    """The client joins both."""
    kept = next_key(asking(turn("user", "hi"), turn("assistant", "Well, ")), "me", Completion(text="hello."))
    assert conversation_key(asking(turn("user", "hi"), turn("assistant", "Well, hello."), turn("user", "go on")), "me") == kept


def test_of_a_very_long_conversation_the_latest_turns_count() -> None:
    """So that its cost is bounded; what came before them is another matter."""
    turns = [turn("assistant" if i % 2 else "user", f"turn {i}") for i in range(2 * MOST_TURNS + 1)]
    assert conversation_key(asking(*turns), "me") == conversation_key(asking(turn("user", "other"), turns[1], *turns[2:]), "me")
