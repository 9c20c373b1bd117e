"""How long a decision takes: prompt -> z -> ranking with the shipped config, one thread. Printed, never judged: machines differ."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from app.config.compile import compile_snapshot
from app.config.home import PACKAGE, Environment
from app.config.load import load
from app.domain.decision import EMPTY_STANDING
from app.domain.request import ChatRequest, Message, Text, Wishes
from app.router_engine.decide import decide
from app.router_engine.first_stage import first_stage
from app.router_engine.table import compile_table

from .report import Section, table

PROMPTS: Final = Path(__file__).parents[1] / "prompts.jsonl"
CONFIG: Final = PACKAGE / "config.yaml"
DAY: Final = date(2026, 11, 25)
CALLS: Final = 3000
WARM: Final = 200
LENGTHS: Final = (30, 300)


class _Line(msgspec.Struct):
    prompt: str


def prompt_of(words: int) -> list[str]:
    """Different prompts of exactly `words` words, cut from the benchmark's own."""
    lines = [msgspec.json.decode(line, type=_Line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    text = [word for line in lines for word in line.prompt.split()]
    return [" ".join(text[start : start + words]) for start in range(0, len(text) - words, words)]


def microseconds(call: Callable[[int], object], calls: int = CALLS) -> tuple[float, float]:
    """`(p50, p99)` of `call(i)` after some calls to warm up."""
    taken = np.empty(calls)
    for i in range(-WARM, calls):
        began = time.thread_time_ns()
        call(i)
        if i >= 0:
            taken[i] = time.thread_time_ns() - began
    p50, p99 = np.quantile(taken / 1000, [0.5, 0.99])
    return float(p50), float(p99)


def section() -> Section:
    """Both lengths, the first stage alone and the whole decision."""
    machine = Environment(CONFIG.parent, {}, frozenset())
    compiled = compile_table(compile_snapshot(load(CONFIG, {}), machine, str(CONFIG), DAY))
    rows: list[tuple[str, ...]] = []
    figures: dict[str, float] = {}
    for words in LENGTHS:
        requests = [ChatRequest(messages=(Message("user", (Text(prompt),)),)) for prompt in prompt_of(words)]
        wishes = Wishes(mode="balanced", tokens_in=words)

        def read(i: int, requests: list[ChatRequest] = requests) -> bytes:
            return first_stage(requests[i % len(requests)])

        def whole(i: int, requests: list[ChatRequest] = requests, wishes: Wishes = wishes) -> object:
            return decide(first_stage(requests[i % len(requests)]), wishes, compiled, EMPTY_STANDING, 0.0)

        for name, call in (("prompt -> z", read), ("whole decision", whole)):
            p50, p99 = microseconds(call)
            rows.append((f"{name}, {words} words", f"{p50:.0f}", f"{p99:.0f}"))
            figures |= {f"timing.{words}.{name}.p50_us": p50, f"timing.{words}.{name}.p99_us": p99}
    lines = [f"CPU microseconds, {len(compiled.rows.names)} models; another machine gives other figures.", ""]
    return Section("Decision time", (*lines, *table(("what", "p50", "p99"), rows)), figures)
