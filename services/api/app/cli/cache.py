"""`llm-router cache check`: is what is remembered sound. Repairs nothing: the service moves an unsound file aside by itself."""

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from ..caching.examine import examine
from ..caching.factory import open_cache
from ..config.home import read_environment
from ..config.load import ConfigError
from ..config.snapshot import CachePlan
from .configuration import in_force


def check(as_json: bool) -> int:
    """Say what the configured cache is and holds, or what is wrong with it (status 1)."""
    environment = read_environment()
    try:
        plan = in_force(environment, environment.config_path()).cache
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    told, faults = _local(plan) if plan.backend == "local" else asyncio.run(_asked(plan))
    if as_json:
        print(msgspec.json.encode({"ok": not faults, "cache": told, "faults": faults}).decode())
    elif faults:
        print(*(f"{told}: {fault}" for fault in faults), sep="\n", file=sys.stderr)
    else:
        print(f"{told}: sound")
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
