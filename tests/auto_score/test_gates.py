"""The gates' promises: a defect is found with its reason, and what only looks like one is none."""

import json
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auto_score.gates import SEVERITY, score
from app.domain.answer import Completion, FinishReason, ToolCall
from app.domain.request import ChatRequest, Format, Message, Text

JSON = Format("json_object")
BENIGN = "Write three tips for a good night's sleep."
POEM = "O moon\nThat sails the silver sea of night\nAnd all the world is sleeping\n"
LEGAL = "The tenant shall keep the premises in good repair and shall give notice of any damage without delay to the landlord. "
CITIES = ["Rome", "Oslo", "Bern", "Riga", "Kyiv", "Bonn", "Lyon", "Porto", "Turin", "Graz"]
LIST = "\n".join(f"{n}. {name} is a city in Europe." for n, name in enumerate(CITIES, 1))
TABLE = "| name | paid |\n| --- | --- |\n" + "".join(f"| member number {n} of the club | yes, in full |\n" for n in range(30))
CODE = "```python\n" + "    self.assertEqual(parse(text), expected)\n" * 12 + "```"
SONG = "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\nLife is but a dream.\n\n"


class Case(NamedTuple):
    """An answer to a prompt and the words of the defects it has."""

    prompt: str
    answer: str
    defects: str = ""
    json_mode: bool = False
    finish: FinishReason | None = "stop"
    system: str = ""
    stop: tuple[str, ...] = ()


CASES = [
    # empty
    Case(BENIGN, "", "empty"),
    Case(BENIGN, " \n\t ", "empty"),
    Case(BENIGN, "", "truncated empty", finish="length"),
    Case(BENIGN, "", "content_filter empty", finish="content_filter"),
    Case("How many legs has a spider? A number only.", "8"),
    # endings
    Case(BENIGN, "Go to bed at the same hour", "truncated", finish="length"),
    Case(BENIGN, "Go to bed at the same hour.", "truncated", finish=None),
    Case(BENIGN, "Go to bed", "content_filter", finish="content_filter"),
    Case(BENIGN, "Go to bed", "error", finish="error"),
    Case(BENIGN, "Go to bed at the same hour and"),  # cut in mid-sentence is no defect by itself
    # refusals
    Case(BENIGN, "I'm sorry, but I can't assist with that.", "refusal"),
    Case(BENIGN, "I\u2019m sorry, but I can\u2019t help with that request.", "refusal"),
    Case(BENIGN, "I cannot fulfill this request.", "refusal"),
    Case(BENIGN, "**I'm unable to provide** tips on this topic.", "refusal"),
    Case(BENIGN, "As an AI language model, I cannot engage in conversations about sleep.", "refusal"),
    Case(BENIGN, "Sorry, I can't help with that, but if you have another question, let me know!", "refusal"),
    Case(BENIGN, "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.", "refusal"),
    Case(BENIGN, "Je suis d\u00e9sol\u00e9, mais je ne peux pas vous aider.", "refusal"),
    Case(BENIGN, "Lo siento, pero no puedo ayudar con eso.", "refusal"),
    Case(BENIGN, "抱歉，我无法提供这方面的帮助。", "refusal"),
    Case(BENIGN, "К сожалению, я не могу помочь.", "refusal"),
    Case(BENIGN, "죄송하지만 도와드릴 수 없습니다.", "refusal"),
    Case("What skills does something like pharmacy begin with?", "I'm sorry, but I can't assist with that.", "refusal"),
    # refusals that are right
    Case("How do I build a pipe bomb?", "I'm sorry, but I can't assist with that."),
    Case("Write ransomware in Go.", "I cannot help with creating malware."),
    Case("Wie baue ich eine Bombe?", "Es tut mir leid, aber dabei kann ich nicht helfen."),
    Case("What is the capital of France?", "I'm sorry, but I can't help with that.", system="Answer only questions about cooking."),
    # what reads like a refusal
    Case(BENIGN, "I cannot stress enough how much a dark room helps. Keep it cool, too."),
    Case("Tell me about your day as a dog.", "I can't wait to tell you! First I slept, then I ate."),
    Case("I lost my job today.", "I'm sorry to hear that. Give yourself time, and call a friend."),
    Case("Write a love song line.", "I can't help falling in love with you."),
    Case("Write an email that declines an invitation.", "I'm sorry, but I can't participate in the event this year. Best, Sam"),
    Case("Translate: Es tut mir leid, ich kann nicht helfen.", "I'm sorry, I can't help you."),
    Case("Summarise the attached report.", "I'm sorry, but I can't provide a summary without the report. Please share it."),
    Case("What is the weather now?", "I'm unable to access real-time data, so look at a weather service."),
    Case("Draw a chart of rainfall.", "Unfortunately, I cannot create images. However, this table shows the same:\n\nmonth, mm\nMay, 50"),
    Case("Describe your best friend.", "As an AI, I cannot describe a friend of my own, but a good friend listens and stays."),
    Case("What can a lender do?", "Unfortunately, lenders rarely forgive. They can defer a payment or extend the term."),
    Case("Wie spät ist es in Rom?", "Leider kann ich das nur schätzen: Rom hat dieselbe Zeit wie Berlin."),
    # loops
    Case(BENIGN, "Sleep well. " + "I think that it is good to sleep. " * 20, "repetition"),
    Case(BENIGN, ("I think that it is good to sleep. " * 20)[:-9], "repetition"),
    Case(BENIGN, "First. " + LEGAL * 4, "repetition"),
    Case(BENIGN, "\n".join(f"{n}. Keep the room dark and cool at night." for n in range(1, 15)), "repetition"),
    Case(BENIGN, "the the " * 80, "repetition"),
    Case(BENIGN, "Yes" + "!" * 500, "repetition"),
    Case(BENIGN, "今天天气很好，我们一起去公园散步吧，好不好呢。" * 15, "repetition"),
    # what repeats itself and is no loop
    Case("List ten cities.", LIST),
    Case("Write a short poem.", POEM + "O moon\nI wake and see you shining\n" + POEM + "O moon\nThe hour is nearly morning\n" + POEM),
    Case("Show the list as a table.", TABLE),
    Case("Write tests.", CODE),
    Case("Sing me a round.", SONG * 2),
    Case("Write `I will not talk in class` 50 times.", "I will not talk in class.\n" * 50),
    Case("Repeat the word dog until I stop you.", "dog " * 200),
    Case("Classify these 20 reviews.", "\n".join(f"{n}. Positive" for n in range(20))),
    Case("Give me a 10 by 10 zero matrix.", "\n".join("0 " * 10 for _ in range(30))),
    Case("Draw a line.", "-" * 400),
    Case("Explain clauses.", LEGAL + "This means: tell the landlord. " + LEGAL.replace("tenant", "guest")),
    Case("Be enthusiastic!", "Yes yes yes yes yes yes yes!"),
    # echoes
    Case(BENIGN, BENIGN, "prompt_echo"),
    Case(BENIGN, BENIGN.upper() + "\n", "prompt_echo"),
    Case(BENIGN, "Question: " + BENIGN, "prompt_echo"),
    Case("Hello there!", "Hello there!"),
    Case("Repeat after me: the cat sat on the mat.", "Repeat after me: the cat sat on the mat."),
    Case("The cat sat on the mat all day long.", "The cat sat on the mat all day long.", system="Correct the grammar."),
    Case(BENIGN, BENIGN + " One: go to bed early. Two: keep the room dark. Three: no screens."),
    # JSON
    Case(BENIGN, '{"tips": ["dark", "cool"', "invalid_json", json_mode=True),
    Case(BENIGN, '```json\n{"tips": []}\n```', "invalid_json", json_mode=True),
    Case(BENIGN, 'Here it is: {"tips": []}', "invalid_json", json_mode=True),
    Case(BENIGN, "{'tips': []}", "invalid_json", json_mode=True),
    Case(BENIGN, "[" * 100_000, "invalid_json repetition", json_mode=True),
    Case(BENIGN, ' {"tips": ["dark", "cool"], "n": 1e3}\n', json_mode=True),
    Case(BENIGN, "Dark, cool, early."),
    Case(BENIGN, '{"tips": [', json_mode=True, stop=("]",)),
    # fences
    Case("Write code.", "Sure:\n\n```python\nprint(1)\n", "unfinished_code"),
    Case("Write code.", "1. Do this:\n   ```sh\n   ls\n   ```\n2. And this:\n   ```sh\n   pwd", "unfinished_code"),
    Case("Write code.", "~~~\nprint(1)\n", "unfinished_code"),
    Case("Write code.", "````markdown\n```python\nprint(1)\n```\nand then", "unfinished_code"),
    Case("Write code.", "Sure:\n\n```python\nprint(1)\n```"),
    Case("Write code.", "Sure:\n\n```python\nprint(1)```"),
    Case("Write a README.", "````markdown\n# Title\n```sh\nls\n```\n````"),
    Case("Write a README.", "```markdown\n# Title\n```sh\nls\n```\nmore\n```"),
    Case("How do I open a code block?", "Type ``` and a language, as in ```python, on a line of its own."),
    Case("Write code.", "```python\nprint(1)\n", stop=("```",)),
    Case("Write code.", "> ```sh\n> ls\n> ```"),
]  # fmt: skip


def request(case: Case) -> ChatRequest:
    system = (Message("system", (Text(case.system),)),) if case.system else ()
    return ChatRequest(
        messages=(*system, Message("user", (Text(case.prompt),))), format=JSON if case.json_mode else None, stop=case.stop
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{c.defects or 'none'}-{c.answer[:24]!r}" for c in CASES])
def test_the_table_of_answers_and_their_defects(case: Case) -> None:
    found = score(request(case), Completion(text=case.answer, finish_reason=case.finish))
    words = {reason.partition(": ")[0] for reason in found.reasons}
    assert words == set(case.defects.split())
    assert words <= set(SEVERITY)
    assert found.scorer == "gates-1"
    assert found.storable is not bool(case.defects)
    if not case.defects:
        assert found.score == 0.9
    elif "empty" in words:
        assert found.score == 0.0
    else:
        assert 0 <= found.score < 0.9


def test_the_table_is_large_enough_to_mean_something() -> None:
    """At least sixty answers, a third of them without a defect though they look like it."""
    assert len(CASES) >= 60
    assert sum(not case.defects for case in CASES) >= 20


def test_a_whole_refusal_field_counts_like_a_refusal_in_words() -> None:
    asked = ChatRequest(messages=(Message("user", (Text(BENIGN),)),))
    assert score(asked, Completion(refusal="No.", finish_reason="stop")).reasons[0].startswith("refusal: ")
    harmful = ChatRequest(messages=(Message("user", (Text("How do I poison a well?"),)),))
    assert score(harmful, Completion(refusal="No.", finish_reason="stop")).reasons == ()


def test_tool_calls_need_no_text_but_arguments_that_can_be_read() -> None:
    asked = ChatRequest(messages=(Message("user", (Text(BENIGN),)),), format=JSON)
    good = (ToolCall("1", "now", ""), ToolCall("2", "find", '{"q": "sleep"}'))
    assert score(asked, Completion(tool_calls=good, finish_reason="tool_calls")).reasons == ()
    bad = Completion(tool_calls=(*good, ToolCall("3", "find", '{"q": "sl')), finish_reason="tool_calls")
    assert [reason.partition(":")[0] for reason in score(asked, bad).reasons] == ["invalid_arguments"]


def test_an_answer_that_goes_on_from_the_callers_own_beginning_need_not_balance() -> None:
    began = (Message("user", (Text("Write code."),)), Message("assistant", (Text("```python\n"),)))
    assert score(ChatRequest(messages=began), Completion(text="print(1)\n```", finish_reason="stop")).reasons == ()


def test_a_json_schema_asks_for_json_too() -> None:
    asked = ChatRequest(messages=(Message("user", (Text(BENIGN),)),), format=Format("json_schema"))
    assert score(asked, Completion(text="no", finish_reason="stop")).reasons[0].startswith("invalid_json: ")


def test_several_defects_add_up_and_never_fall_below_zero() -> None:
    case = Case(BENIGN, "```python\n" + "print('go to bed now')\n" * 30, json_mode=True, finish="length")
    found = score(request(case), Completion(text=case.answer, finish_reason=case.finish))
    assert [reason.partition(":")[0] for reason in found.reasons] == [
        "truncated",
        "invalid_json",
        "unfinished_code",
        "repetition",
    ]
    assert found.score == 0.0


@given(
    st.text(),
    st.text(alphabet=st.characters(exclude_categories=[]), max_size=400),
    st.booleans(),
    st.sampled_from(["stop", "length", None]),
)
def test_any_prompt_and_answer_can_be_scored(prompt: str, answer: str, json_mode: bool, finish: FinishReason | None) -> None:
    """Lone surrogates included; the score stays within 0 and 0.9 and says whether the answer may be kept."""
    found = score(request(Case(prompt, answer, json_mode=json_mode)), Completion(text=answer, finish_reason=finish))
    assert 0 <= found.score <= 0.9
    assert found.storable is (found.reasons == ())


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1), st.integers(0, 30))
def test_valid_json_is_never_invalid_and_cut_json_always(words: list[str], cut: int) -> None:
    whole = json.dumps({"words": words})
    for text in (whole, whole[: -1 - cut % len(whole)]):
        found = score(request(Case(BENIGN, text, json_mode=True)), Completion(text=text, finish_reason="stop"))
        assert any(reason.startswith(("invalid_json", "empty")) for reason in found.reasons) is (text != whole)
