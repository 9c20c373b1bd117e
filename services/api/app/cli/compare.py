"""`llm-router compare`: one prompt to several models at once, their answers side by side with what each cost and how good it looks."""

from typing import Any, Final

from msgspec import Struct

from .ask import dollars
from .ending import WrongUse
from .exchange import Ask, NotOurs, Reply, Service, told
from .progress import bar
from .tables import Look, print_line, print_table
from .terminal import complain, console, is_watched, lines, one_line, print_json

MOST: Final = 8
NARROWEST: Final = 30
"""Columns of a terminal below which answers stand one below the other."""
HEAD: Final = ("asked", "answered by", "cost", "latency ms", "tokens in", "tokens out", "score", "note")
LOOK: Final = Look(left=("asked", "answered by", "note"), folds=("note",), spare=("tokens in", "answered by", "tokens out"))


class _Answered(Struct, frozen=True):
    """What came of one model that was asked: `text` and the `row` under HEAD. `fault` is empty, or says why there is no answer."""

    asked: str
    text: str
    row: tuple[str, ...]
    reply: dict[str, Any] | None = None
    fault: str = ""

    @classmethod
    def of(cls, asked: str, reply: Reply) -> "_Answered":
        """From what came back."""
        fault = reply.error if reply.status != 200 else ""
        if not fault:
            try:
                return told(reply, lambda body: cls(asked, lines(body["response"] or "(no text)"), _row(asked, body), body))
            except NotOurs as error:
                fault = str(error)
        return cls(asked, one_line(fault, 2_000), (asked, "", "", "", "", "", "", fault), fault=fault)


def _row(asked: str, body: dict[str, Any]) -> tuple[str, ...]:
    score = "" if body["score"] is None else f"{body['score']:.2f}"
    notes = [*(["from the cache"] if body["cached"] else []), *body["score_reasons"], *body["warnings"]]
    usage = (str(body["usage"][f"{way}_tokens"]) for way in ("input", "output"))
    name, latency = body["selected_model"]["name"], f"{body['latency_ms']:.0f}"
    return asked, name, dollars(body["cost_usd"]), latency, *usage, score, "; ".join(notes)


def compare(service: Service, prompt: str, models: list[str], system: str | None, as_json: bool) -> int:
    """Ask all, then show all; status 1 when one of them did not answer. Raises WrongUse."""
    asked = list(dict.fromkeys(models))
    if not 2 <= len(asked) <= MOST:
        raise WrongUse(f"name 2 to {MOST} different models: compare PROMPT -m one -m another")
    body = {"prompt": prompt, **({} if system is None else {"system": system})}
    with bar("asking", len(asked)) as step:
        asks = [Ask("/query", {**body, "model": model}) for model in asked]
        replies = service.ask_all(asks, len(asks), lambda _place, _reply: step(1))
    answers = [_Answered.of(*pair) for pair in zip(asked, replies, strict=True)]
    if as_json:
        print_json([{"asked": one.asked, "reply": one.reply, "error": one.fault or None} for one in answers])
    else:
        _show(answers)
    faults = [one for one in answers if one.fault]
    for one in faults:
        complain(f"{one.asked}: {one.fault}")
    return 1 if faults else 0


def _show(answers: list[_Answered]) -> None:
    if is_watched() and console().width // len(answers) >= NARROWEST:
        _side_by_side(answers)
    else:
        for one in answers:
            print_line(f"== {one.asked}", "bold")
            print(one.text)
            print()
    print_table(HEAD, [one.row for one in answers], LOOK)


def _side_by_side(answers: list[_Answered]) -> None:
    from rich import box  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE, header_style="bold", expand=True, pad_edge=False)
    for one in answers:
        table.add_column(Text(one_line(one.asked, 60)), ratio=1, overflow="fold")
    table.add_row(*(Text(one.text) for one in answers))
    console().print(table)
