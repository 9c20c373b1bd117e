"""`llm-router cache check | stats | purge`: is what is remembered sound, what is it, and forgetting it."""

import asyncio
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..caching.contents import Contents, OnValue, of_file, purge_file, size_of
from ..caching.examine import examine
from ..caching.factory import open_cache
from ..config.snapshot import CachePlan
from .configuration import here
from .ending import WrongUse
from .progress import bar, waiting
from .tables import Look, print_line, print_table
from .terminal import complain, is_watched, one_line, print_json

HEAD = ("model", "answers", "bytes", "cost USD")


def check(as_json: bool) -> int:
    """Say what the configured cache is and holds, or what is wrong with it (status 1)."""
    plan = here().snapshot.cache
    with waiting("checking"):
        told, faults = _local(plan) if plan.backend == "local" else asyncio.run(_asked(plan))
    if as_json:
        print_json({"ok": not faults, "cache": told, "faults": faults})
    elif faults:
        for fault in faults:
            complain(f"{told}: {fault}")
    else:
        print_line(f"{told}: sound")
    return 1 if faults else 0


def _local(plan: CachePlan) -> tuple[str, list[str]]:
    found = examine(Path(plan.path))
    return f"local {plan.path}, {found.answers} answers in {found.size} bytes", list(found.faults)


async def _asked(plan: CachePlan) -> tuple[str, list[str]]:
    """Whether a store that is no file of ours answers to a read."""
    cache = open_cache(plan, time.time)
    await cache.get_many(["check"])
    await cache.close()  # by now also a read that nobody waited for any longer has failed
    return cache.describe(), ["does not answer"] if cache.counts.errors else []


def stats(as_json: bool) -> int:
    """Count what is remembered."""
    plan = here().snapshot.cache
    name = f"local {plan.path}" if plan.backend == "local" else plan.backend
    try:
        with bar("reading", size_of(Path(plan.path)) if plan.backend == "local" else None) as step:
            found = _contents(plan, step)
    except _Failed as error:
        return complain(f"{name}: {error}")
    if as_json:
        print_json({"cache": name, **msgspec.to_builtins(found)})
        return 0
    age = "" if found.oldest is None else f", the oldest of {datetime.fromtimestamp(found.oldest, UTC):%Y-%m-%d %H:%M} UTC"
    print_line(f"{name}: {found.answers} answers in {found.size} bytes{age}; {found.over} more have ended")
    if found.unreadable:
        print_line(f"{found.unreadable} of them are no entries of this version")
    rows = [
        (model, str(held.answers), str(held.size), f"{held.cost_nano / 1e9:.6f}")
        for model, held in sorted(found.models.items(), key=lambda pair: -pair[1].answers)
    ]
    if rows:
        print_table(HEAD, rows, Look(left=("model",)))
    return 0


def purge(agreed: bool, as_json: bool) -> int:
    """Forget every answer, after asking."""
    plan = here().snapshot.cache
    name = f"local {plan.path}" if plan.backend == "local" else plan.backend
    if plan.backend != "none" and not agreed:
        if not is_watched(sys.stdin):
            raise WrongUse("purge forgets every answer that is remembered: repeat it with --yes")
        if not _agrees(f"Forget every answer of the cache ({one_line(name, 1_000)})?"):
            return complain("nothing was forgotten")
    try:
        with waiting("forgetting"):
            gone = _purged(plan)
    except _Failed as error:
        return complain(f"{name}: {error}")
    if as_json:
        print_json({"cache": name, "forgotten": gone})
    else:
        print_line(f"{name}: {gone} answers forgotten")
    return 0


def _agrees(question: str) -> bool:
    """Ask on the terminal; Ctrl-C is not taken for an answer."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _Failed(Exception):
    """The store did not do it; the message says why."""


def _contents(plan: CachePlan, on_value: OnValue) -> Contents:
    if plan.backend == "none":
        return Contents()
    if plan.backend == "local":
        try:
            return of_file(Path(plan.path), time.time(), on_value)
        except sqlite3.Error as error:
            raise _Failed(str(error)) from None
    from ..caching.redis_contents import Unanswered, of_redis  # noqa: PLC0415 - redis-py takes 150 ms of CPU to import

    try:
        return asyncio.run(of_redis(plan.redis_url, on_value))
    except Unanswered as error:
        raise _Failed(str(error)) from None


def _purged(plan: CachePlan) -> int:
    if plan.backend == "none":
        return 0
    if plan.backend == "local":
        try:
            return purge_file(Path(plan.path))
        except sqlite3.Error as error:
            raise _Failed(str(error)) from None
    from ..caching.redis_contents import Unanswered, purge_redis  # noqa: PLC0415 - as above

    try:
        return asyncio.run(purge_redis(plan.redis_url))
    except Unanswered as error:
        raise _Failed(str(error)) from None
