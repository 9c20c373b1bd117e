"""What is judged of a conversation: the user's words with what they refer to, never what a client put around them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.snapshot import Snapshot
from app.domain.decision import EMPTY_STANDING
from app.domain.request import Called, ChatRequest, Media, Message, Part, Result, Role, Text, Tool, Wishes
from app.router_engine.decide import decide
from app.router_engine.first_stage import first_stage
from app.router_engine.injected import BLOCKS, OPENINGS, WRAPPERS
from app.router_engine.subject import PROPOSAL_CHARS, SYSTEM_CHARS, TURN_CHARS, is_bare, own_words, subject
from app.router_engine.table import compile_table

HARD = "Prove by induction that the distributed algorithm terminates, and derive its asymptotic complexity rigorously."
DUMP = "def f(x):\n    return x ** 2  # prove theorem <b>bold</b>\n" * 20
YES = (
    "yes, do it",
    "ja, mach",
    "oui vas-y",
    "да",
    "sí, hazlo",
    "はい、お願いします",
    "好的,继续",
    "نعم",
    "evet yap",
    "go on",
    "ok",
    "1",
    "👍",
)
ASKED = st.sampled_from((HARD, "Hi, thanks!", "Translate to French: good evening", "What is 2 + 2?", "x < y and y > z, why?"))
BLOCK_NAMES = [name for row in BLOCKS for name in row.names]


def turn(role: Role, *parts: str | Part) -> Message:
    """A turn; text is one part each."""
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def asking(*messages: Message) -> ChatRequest:
    """A request of these turns."""
    return ChatRequest(messages=messages)


def judged(*messages: Message) -> str:
    """The text of the subject."""
    return subject(asking(*messages)).text


def injected() -> st.SearchStrategy[str]:
    """Any block of the table around any content that does not close it."""
    inside = st.text(max_size=60) | st.just(DUMP) | st.just("<b>1</b> < 2")
    attributes = st.sampled_from(("", ' path="a.py"', " name=[Image #1]"))
    return st.builds(
        lambda name, attribute, text: f"<{name}{'' if ' ' in name else attribute}>\n{text}\n</{name}>",
        st.sampled_from(BLOCK_NAMES),
        attributes,
        inside,
    )


@given(ASKED, st.lists(injected(), max_size=3), st.lists(injected(), max_size=3), st.booleans())
def test_injected_blocks_around_a_turn_do_not_change_the_decision(
    snapshot: Snapshot, prompt: str, before: list[str], behind: list[str], apart: bool
) -> None:
    """In the same part or in parts of their own: z is the same to the bit, so at the same length the ranking is."""
    parts = [*before, prompt, *behind]
    dressed = asking(turn("user", *parts) if apart else turn("user", "\n\n".join(parts)))
    plain = asking(turn("user", prompt))
    assert first_stage(dressed) == first_stage(plain)
    table, wishes = compile_table(snapshot), Wishes(mode="balanced", tokens_in=500)
    decisions = [decide(first_stage(request), wishes, table, EMPTY_STANDING, 0.0) for request in (dressed, plain)]
    assert decisions[0] == decisions[1]


@given(ASKED, st.lists(injected(), min_size=1, max_size=2))
def test_turns_that_are_injected_whole_are_none(prompt: str, blocks: list[str]) -> None:
    """Before the first turn, behind the last, and between the turns of a conversation."""
    noise = turn("user", *blocks)
    asked, answer = turn("user", prompt), turn("assistant", "Done.")
    assert first_stage(asking(noise, asked)) == first_stage(asking(asked))
    assert first_stage(asking(asked, noise)) == first_stage(asking(asked))
    assert first_stage(asking(noise, asked, answer, asked, noise)) == first_stage(asking(asked, answer, asked))


@pytest.mark.parametrize("name", WRAPPERS)
def test_tags_around_the_users_own_words_go_and_the_words_stay(name: str) -> None:
    """Cursor, Copilot and Cline mark what the user typed."""
    assert own_words(f"<user_info>\nlinux\n</user_info>\n\n<{name}>\n{HARD}\n</{name}>") == HARD


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.start[:20])
def test_an_opening_goes_up_to_the_request(opening: object) -> None:
    """And whole where it has no end, or where the end never comes."""
    ends = {"## My request": f"## My request for Codex:\n{HARD}", "": ""}
    told = f"{opening.start} more\n\n## Active file: a.py\n" + ends.get(opening.until, f"{opening.until}\n{HARD}")
    assert own_words(told) == (HARD if opening.until else "")
    assert own_words(f"{opening.start} and so on") == ""


def test_a_tools_result_told_as_a_users_turn_is_none_but_for_what_the_user_said_to_it() -> None:
    """Cline and Roo Code without native tools."""
    result = turn("user", "[read_file for 'a.py'] Result:\n\n" + DUMP, "<environment_details>\ncwd\n</environment_details>")
    assert judged(turn("user", "<task>\n" + HARD + "\n</task>"), turn("assistant", "<read_file>"), result) == HARD
    said = f"[ask_followup_question for 'Which?'] Result:\n\n<answer>\n{HARD}\n</answer>"
    assert own_words(said) == HARD
    assert own_words(f"[write_to_file for 'a'] Result:\nThe user denied.\n<feedback>\n{HARD}\n</feedback>") == HARD


def test_aiders_rules_behind_the_words_do_not_count() -> None:
    """It repeats them in the last turn."""
    assert own_words(f"{HARD}\n\n# *SEARCH/REPLACE block* Rules:\n\nEvery block must use this format:\n1. ...") == HARD


def test_a_mention_of_a_tag_is_no_block() -> None:
    """Only closed blocks go."""
    asked = "What does <system-reminder> mean, and is <context/> one?"
    assert own_words(asked) == asked


def test_in_a_tool_loop_the_subject_is_the_users_last_turn() -> None:
    """However many results came since, and whatever they say."""
    loop = [
        message
        for i in range(50)
        for message in (
            turn("assistant", "Let me look.", Called(f"c{i}", "read", "{}")),
            turn("tool", Result(f"c{i}", (Text(DUMP),))),
            turn("user", "<system-reminder>keep on</system-reminder>"),
        )
    ]
    assert judged(turn("user", "Say hi."), turn("assistant", "Hi."), turn("user", HARD), *loop) == HARD


@pytest.mark.parametrize("yes", YES)
def test_a_bare_reply_is_read_with_what_it_agrees_to(yes: str) -> None:
    """In any language: the proposal, and the question before it."""
    proposal = "Shall I prove the convergence theorem and derive the complexity?"
    text = judged(turn("user", "Hello, please look at it and tell me."), turn("assistant", proposal), turn("user", yes))
    assert proposal in text
    assert text.endswith(yes)
    assert is_bare(yes)


@pytest.mark.parametrize("yes", YES)
def test_a_chain_of_bare_replies_reaches_back_to_the_question(yes: str) -> None:
    """Also across tool calls and injected turns."""
    turns = [turn("user", HARD), turn("assistant", "Step one."), turn("user", yes)]
    turns += [
        turn("assistant", Called("c", "run", "{}")),
        turn("tool", Result("c", (Text(DUMP),))),
        turn("assistant", "Step two?"),
    ]
    turns += [turn("user", yes), turn("user", "<environment_details>x</environment_details>")]
    assert judged(*turns) == f"{HARD}\nStep one.\n{yes}\nStep two?\n{yes}"


def test_a_full_turn_stands_alone() -> None:
    """What came before does not count, however long."""
    alone = "What is the capital of the country where pizza comes from, please?"
    assert judged(turn("user", HARD), turn("assistant", HARD * 50), turn("user", alone)) == alone


def test_of_what_a_bare_reply_refers_to_a_bounded_part_counts() -> None:
    """The beginning of the question, the end of the proposal."""
    text = judged(turn("user", "q" * 10_000), turn("assistant", "a" * 10_000 + "z"), turn("user", "yes"))
    assert text == "q" * TURN_CHARS + "\n" + "a" * (PROPOSAL_CHARS - 1) + "z\nyes"


def test_a_short_system_prompt_is_part_of_the_question_and_a_long_one_is_not() -> None:
    """ "Translate into French." decides, a client's standing orders do not; both have their length counted."""
    short, long = "Translate what I say into French.", "You are an agent. " + "Obey. " * SYSTEM_CHARS
    assert subject(asking(turn("system", short), turn("user", HARD))).text == f"{short}\n{HARD}"
    seen = subject(asking(turn("system", long), turn("user", HARD)))
    assert (seen.text, seen.system) == (HARD, len(long))
    assert judged(turn("system", "You are a helpful assistant."), turn("user", HARD)) == HARD
    orders = turn("developer", "<permissions instructions>\nsandboxed\n</permissions instructions>")
    assert judged(turn("system", short), orders, turn("user", HARD)) == f"{short}\n{HARD}"


def test_tools_images_and_exchanges_are_counted() -> None:
    """Signals of the whole request."""
    picture = Media("image", "image/png", "aGk=")
    request = ChatRequest(
        messages=(turn("user", picture), turn("assistant", "A cat."), turn("user", "And this one, what is it?", picture)),
        tools=(Tool("a"), Tool("b")),
    )
    seen = subject(request)
    assert (seen.tools, seen.images, seen.exchanges) == (2, 2, 1)
    assert seen.text == "A cat.\nAnd this one, what is it?"


def test_where_the_user_never_spoke_the_last_text_is_the_subject() -> None:
    """A document alone, a system prompt alone, nothing at all."""
    document = "<document>\nsummarise\n</document>"
    assert judged(turn("user", document)) == document
    assert judged(turn("assistant", HARD)) == HARD
    assert judged() == ""


def cost(request: ChatRequest) -> float:
    """CPU seconds of the quickest of a few runs."""
    times = []
    for _ in range(5):
        began = time.process_time()
        subject(request)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("piece", ["<context>", "<", "# Context from my IDE setup:\n", "[a] Result:", "\n"])
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    """A hundred times the text costs at most some hundred times as much; quadratic work would cost ten thousand times as much."""

    def long(length: int) -> ChatRequest:
        text = piece * (length // len(piece))
        return asking(turn("user", text), turn("assistant", text), turn("user", "yes"), turn("user", text))

    assert cost(long(1_000_000)) < 1000 * max(cost(long(10_000)), 1e-5)


def test_many_turns_cost_no_more_than_their_number() -> None:
    """Those that a client wrote by itself are passed over once."""

    def many(count: int) -> ChatRequest:
        return asking(turn("user", HARD), *[turn("user", "<system-reminder>x</system-reminder>") for _ in range(count)])

    assert subject(many(10_000)).exchanges == 0
    assert cost(many(10_000)) < 100 * max(cost(many(1_000)), 1e-4)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("user", "assistant", "system", "tool")), st.lists(st.text(max_size=80) | injected(), max_size=3)
        ),
        max_size=8,
    )
)
def test_any_conversation_has_a_subject(turns: list[tuple[Role, list[str]]]) -> None:
    """The same each time; a turn may hold nothing at all."""
    request = asking(*(turn(role, *texts) for role, texts in turns))
    assert subject(request) == subject(request)
