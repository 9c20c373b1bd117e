"""`llm-router rollup`: daily.json again from the journal alone."""

import sys

import msgspec

from ..config.home import read_environment
from ..config.load import ConfigError
from ..logging_utils.rollup import Rollup
from .configuration import in_force


def rollup(as_json: bool) -> int:
    """Rebuild and say what was read."""
    environment = read_environment()
    try:
        snapshot = in_force(environment, environment.config_path())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    plan = snapshot.logging
    rollup = Rollup(plan.per_call_path, plan.daily_rollup_path, keep=plan.keep)
    try:
        found = rollup.rebuild()
    except OSError as error:
        print(f"{plan.daily_rollup_path}: {error}", file=sys.stderr)
        return 1
    finally:
        rollup.close()
    told = {
        "records": found.records,
        "skipped": found.skipped,
        "days": found.days,
        "kept_days": found.kept_days,
        "file": plan.daily_rollup_path,
    }
    if as_json:
        print(msgspec.json.encode(told).decode())
        return 0
    print(f"{plan.daily_rollup_path}: {found.records} records of {found.days} days, {found.skipped} damaged lines skipped")
    if found.kept_days:
        print(f"kept as they were, since the journal no longer holds them whole: {', '.join(found.kept_days)}")
    return 0
