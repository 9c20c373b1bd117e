"""False alarms of the defect gates on answers that people accepted, and recall on defects put into such answers.

    python bench/gates.py DATA

DATA holds `scoring/answers_train.jsonl.gz` (rows with prompt, answer, good) and `scoring/pairs_train.jsonl.gz` (prompt, a, b,
winner). Nothing is kept of them. The refusals that are put in are written here, not taken from the gates' own list.
"""

import argparse
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from app.auto_score.gates import score
from app.domain.answer import Completion, FinishReason
from app.domain.request import ChatRequest, Message, Text

REFUSALS = (
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, but I can’t help with that.",
    "I cannot fulfill this request.",
    "I am unable to provide that.",
    "Sorry, I can't help with this one. Is there anything else I can do for you?",
    "I apologize, but I'm not able to discuss this topic.",
    "Unfortunately, I cannot complete this task as it goes against my guidelines.",
    "As an AI language model, I cannot engage in this kind of conversation.",
    "I must decline to answer this question.",
    "I won't be able to help you with that.",
    "I'm not comfortable responding to that.",
    "I'm afraid I can't do that.",
    "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
    "Leider kann ich diese Frage nicht beantworten.",
    "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
    "Désolé, je ne peux pas répondre à cette question.",
    "Lo siento, pero no puedo ayudar con esa solicitud.",
    "Mi dispiace, ma non posso aiutarti con questa richiesta.",
    "Desculpe, mas não posso ajudar com isso.",
    "Het spijt me, maar ik kan je daar niet mee helpen.",
    "К сожалению, я не могу помочь с этим запросом.",
    "抱歉，我无法协助处理这个请求。",
    "申し訳ありませんが、そのご依頼にはお答えできません。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
)
CODE = "Here is a way to do it:\n\n```python\ndef f(x):\n    return x + 1\n\nprint(f(1))\n```\n\nIt adds one."


class Case(NamedTuple):
    """A request and an answer to it."""

    prompt: str
    answer: str
    finish: FinishReason | None = "stop"
    json_mode: bool = False

    def reasons(self) -> list[str]:
        """The words of the defects that the gates find."""
        request = ChatRequest(messages=(Message("user", (Text(self.prompt),)),), json_mode=self.json_mode)
        found = score(request, Completion(text=self.answer, finish_reason=self.finish))
        return [reason.partition(":")[0] for reason in found.reasons]


def accepted(data: Path) -> Iterator[tuple[str, Case]]:
    """Answers that people found good, or no worse than the other, with the name of their origin."""
    for row in _rows(data / "scoring" / "answers_train.jsonl.gz"):
        if row["good"]:
            yield str(row["source"]), Case(str(row["prompt"]), str(row["answer"]))
    for row in _rows(data / "scoring" / "pairs_train.jsonl.gz"):
        for side in ("a", "b"):
            if row["winner"] in (side, "tie"):
                yield "pandalm", Case(str(row["prompt"]), str(row[side]))


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _sentence(case: Case, draw: random.Random) -> str:
    words = case.answer.split()
    at = draw.randrange(max(len(words) - 12, 1))
    return " ".join(words[at : at + draw.randint(6, 12)])


def _looped(case: Case, draw: random.Random) -> str:
    return case.answer + " " + (_sentence(case, draw) + ". ") * draw.randint(12, 60)


def _looped_and_cut(case: Case, draw: random.Random) -> str:
    text = _looped(case, draw)
    return text[: -draw.randint(2, 20)]


def _looped_with_numbers(case: Case, draw: random.Random) -> str:
    sentence = _sentence(case, draw)
    return "\n".join(f"{number}. {sentence}" for number in range(1, draw.randint(20, 60)))


def _broken_json(case: Case, draw: random.Random) -> str:
    text = json.dumps({"answer": case.answer, "n": [1, 2, {"a": None}]})
    return draw.choice(
        (text[: -draw.randint(1, 20)], f"```json\n{text}\n```", "Here it is: " + text, text.replace('"', "'"), case.answer)
    )


def _open_code(_case: Case, draw: random.Random) -> str:
    return CODE[: draw.randint(CODE.index("def"), CODE.index("\n```\n\nIt"))]


DEFECTS: dict[str, Callable[[Case, random.Random], Case]] = {
    "empty": lambda c, d: c._replace(answer=d.choice(("", " ", "\n\n"))),
    "truncated": lambda c, d: c._replace(answer=c.answer[: len(c.answer) // 2] or "a", finish=d.choice(("length", None))),
    "refusal": lambda c, d: c._replace(answer=d.choice(REFUSALS)),
    "repetition": lambda c, d: c._replace(answer=d.choice((_looped, _looped_and_cut, _looped_with_numbers))(c, d)),
    "prompt_echo": lambda c, d: c._replace(answer=d.choice((c.prompt, c.prompt + "\n", c.prompt + " Answer:"))),
    "invalid_json": lambda c, d: c._replace(answer=_broken_json(c, d), json_mode=True),
    "unfinished_code": lambda c, d: c._replace(answer=_open_code(c, d)),
}


def main() -> None:
    """Print both tables and the time an answer takes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("data", type=Path)
    options.add_argument("--show", action="store_true", help="print the prompts and answers of the false alarms")
    wanted = options.parse_args()
    cases = list(accepted(wanted.data))
    alarms: dict[str, Counter[str]] = {}
    began = time.process_time()
    for origin, case in cases:
        found = case.reasons()
        alarms.setdefault(origin, Counter()).update(["answers", *(["alarms"] if found else []), *found])
        if found and wanted.show:
            print(f"{found} | {case.prompt[:300]!r} | {case.answer[:300]!r}")
    spent = time.process_time() - began
    mean = sum(len(case.answer) for _, case in cases) // len(cases)
    print(f"accepted answers: {len(cases)} of {mean} characters on average, {spent / len(cases) * 1e6:.1f} us of CPU each")
    for origin, counts in alarms.items():
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()) if kind not in ("answers", "alarms"))
        print(
            f"  {origin:9} {counts['answers']:5} answers, {counts['alarms']:3} alarms ({counts['alarms'] / counts['answers']:.2%})  {kinds}"
        )
    draw = random.Random(1)
    print("defects put into 1,000 of them each:")
    for defect, put in DEFECTS.items():
        sample = draw.sample([case for _, case in cases], 1000)
        missed = [bad for bad in (put(case, draw) for case in sample) if defect not in bad.reasons()]
        print(f"  {defect:16} recall {1 - len(missed) / len(sample):.1%}")
        if wanted.show:
            for bad in missed[:12]:
                print(f"    missed: {bad.prompt[:100]!r} | {bad.answer[:160]!r}")


if __name__ == "__main__":
    main()
