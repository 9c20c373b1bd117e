"""`llm-router rollup`: daily.json and the usage projection again from the journal alone, with a bar on a terminal."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from ..config.home import read_environment
from ..config.load import ConfigError
from ..config.snapshot import LoggingPlan
from ..logging_utils.rollup import Rollup, Summary
from ..logging_utils.rotation import journal_files, size_of
from ..logging_utils.usage.projection import Projection
from ..logging_utils.usage.values import Projected
from .configuration import in_force
from .progress import bar
from .tables import print_line
from .terminal import complain, print_json, say

Progress = Callable[[int, int], None]


class _Failed(Exception):
    """A file could not be made; the message names it and the reason."""


class _Made(Struct, frozen=True):
    """What was found; `projected` None = the projection is off."""

    rolled_up: Summary
    projected: Projected | None


def rollup(as_json: bool) -> int:
    """Rebuild both and say what was read."""
    environment = read_environment()
    try:
        plan = in_force(environment, environment.config_path()).logging
    except ConfigError as error:
        say(error)
        return 2
    try:
        made = _made(plan)
    except _Failed as failed:
        return complain(failed)
    if as_json:
        print_json(_told(plan, made))
    else:
        _print(plan, made)
    return 0


def _made(plan: LoggingPlan) -> _Made:
    """Rebuild both. Raises _Failed."""
    passes = 1 if plan.usage_path is None else 2
    size = sum(map(size_of, journal_files(Path(plan.per_call_path))))
    with bar("reading the journal", passes * size) as advance:
        rolled_up = _rolled_up(plan, _by_steps(advance))
        return _Made(rolled_up, None if plan.usage_path is None else _projected(plan, plan.usage_path, _by_steps(advance)))


def _rolled_up(plan: LoggingPlan, progress: Progress) -> Summary:
    rollup = Rollup(plan.per_call_path, plan.daily_rollup_path, keep=plan.keep, report=say)
    try:
        return rollup.rebuild(progress)
    except OSError as error:
        raise _Failed(f"{plan.daily_rollup_path}: {error}") from None
    finally:
        rollup.close()


def _projected(plan: LoggingPlan, path: str, progress: Progress) -> Projected:
    projection = Projection(plan.per_call_path, path, report=say)
    try:
        return projection.rebuild(progress)
    except (OSError, sqlite3.Error) as error:
        raise _Failed(f"{path}: {error}") from None
    finally:
        projection.close()


def _by_steps(advance: Callable[[int], None]) -> Progress:
    """From bytes so far to bytes since the last time."""
    told = 0

    def progress(done: int, _total: int) -> None:
        nonlocal told
        advance(done - told)
        told = done

    return progress


def _told(plan: LoggingPlan, made: _Made) -> dict[str, object]:
    found = made.rolled_up
    return {
        "records": found.records,
        "skipped": found.skipped,
        "days": found.days,
        "kept_days": found.kept_days,
        "file": plan.daily_rollup_path,
        "projected": None if made.projected is None else made.projected.calls,
        "projection": plan.usage_path,
    }


def _print(plan: LoggingPlan, made: _Made) -> None:
    found = made.rolled_up
    print_line(f"{plan.daily_rollup_path}: {found.records} records of {found.days} days, {found.skipped} damaged lines skipped")
    if found.kept_days:
        print_line(f"kept as they were, since the journal no longer holds them whole: {', '.join(found.kept_days)}")
    if made.projected is not None:
        print_line(f"{plan.usage_path}: {made.projected.calls} records")
