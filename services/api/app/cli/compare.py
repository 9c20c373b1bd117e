"""`llm-router compare`: one prompt to several models at once, their answers side by side with what each cost and how good it looks."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from .ask import dollars
from .ending import WrongUse
from .exchange import Ask, Reply, Service
from .progress import bar
from .tables import print_line, print_table
from .terminal import complain, console, is_watched, lines, one_line, print_json

MOST: Final = 8
NARROWEST: Final = 30
"""Columns of a terminal below which answers stand one below the other."""
HEAD: Final = ("asked", "answered by", "cost", "latency ms", "tokens in", "tokens out", "score", "note")
TEXT: Final = ("asked", "answered by", "note")


class _Answered(Struct, frozen=True):
    """What came of one model that was asked; `told` is the reply, `fault` why there is none."""

    asked: str
    told: dict[str, Any] | None
    fault: str

    @property
    def text(self) -> str:
        """The answer, or in its place what went wrong."""
        return self.fault if self.told is None else lines(self.told["response"] or "(no text)")

    def row(self) -> tuple[str, ...]:
        """The cells under HEAD."""
        told = self.told
        if told is None:
            return self.asked, "", "", "", "", "", "", self.fault
        score = "" if told["score"] is None else f"{told['score']:.2f}"
        notes = [*(["from the cache"] if told["cached"] else []), *told["score_reasons"], *told["warnings"]]
        usage = (str(told["usage"][f"{way}_tokens"]) for way in ("input", "output"))
        name, latency = told["selected_model"]["name"], f"{told['latency_ms']:.0f}"
        return self.asked, name, dollars(told["cost_usd"]), latency, *usage, score, "; ".join(notes)


def compare(service: Service, prompt: str, models: list[str], system: str | None, as_json: bool) -> int:
    """Ask all, then show all; status 1 when one of them did not answer. Raises WrongUse."""
    asked = list(dict.fromkeys(models))
    if not 2 <= len(asked) <= MOST:
        raise WrongUse(f"name 2 to {MOST} different models: compare PROMPT -m one -m another")
    body = {"prompt": prompt, **({} if system is None else {"system": system})}
    with bar("asking", len(asked)) as step:
        asks = [Ask("/query", {**body, "model": model}) for model in asked]
        replies = service.ask_all(asks, len(asks), lambda _place, _reply: step(1))
    answers = [_answered(*pair) for pair in zip(asked, replies, strict=True)]
    if as_json:
        print_json([{"asked": one.asked, "reply": one.told, "error": one.fault or None} for one in answers])
    else:
        _show(answers)
    faults = [one for one in answers if one.told is None]
    for one in faults:
        complain(f"{one.asked}: {one.fault}")
    return 1 if faults else 0


def _answered(asked: str, reply: Reply) -> _Answered:
    if reply.status != 200:
        return _Answered(asked, None, reply.error)
    try:
        told = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return _Answered(asked, None, "what answers there is not this router")
    return _Answered(asked, told, "")


def _show(answers: list[_Answered]) -> None:
    if is_watched() and console().width // len(answers) >= NARROWEST:
        _side_by_side(answers)
    else:
        for one in answers:
            print_line(f"== {one.asked}", "bold")
            print(one.text)
            print()
    print_table(HEAD, [one.row() for one in answers], TEXT)


def _side_by_side(answers: list[_Answered]) -> None:
    from rich import box  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE, header_style="bold", expand=True, pad_edge=False)
    for one in answers:
        table.add_column(Text(one_line(one.asked, 60)), ratio=1, overflow="fold")
    table.add_row(*(Text(one.text) for one in answers))
    console().print(table)
