"""One worker process: its configuration kept fresh, its house opened when the first call or the server needs it. No route."""

import asyncio
import contextlib
import gc
import logging
import os
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from . import __version__
from .access.admin import AdminKey
from .access.keys import CallerKeys, KeysError
from .caching.factory import open_cache
from .clients import anthropic_client, gemini_client, llama_client, mistral_client, openai_client
from .clients.common.protocols import Transport
from .clients.mock_transport import MockTransport
from .clients.pool.transport import PoolTransport
from .config.home import Environment, read_environment
from .config.load import TRANSPORT
from .config.snapshot import Snapshot
from .current import Current, Inherited
from .errors import NotReady
from .evaluation.archive import Archive
from .logging_utils.journal import Journal, JournalUnavailable
from .logging_utils.rollup import Rollup, RollupThread
from .logging_utils.usage.keeper import Keeper
from .logging_utils.usage.unread import Unread
from .logging_utils.wording import hide
from .metrics.meter import Meter, shelf_of
from .metrics.names import RELOADS, STALE
from .metrics.tally import Tally
from .pipeline.figures import put_figures
from .pipeline.house import Compiled, House
from .router_engine.standing import Live
from .tracing.start import open_tracer

_log = logging.getLogger("llm_router")
WIRES = {
    "openai": openai_client.WIRE,
    "llama": llama_client.WIRE,
    "anthropic": anthropic_client.WIRE,
    "gemini": gemini_client.WIRE,
    "mistral": mistral_client.WIRE,
}
FACES = {
    "openai": openai_client.FACE,
    "anthropic": anthropic_client.FACE,
    "gemini": gemini_client.FACE,
    "mistral": mistral_client.FACE,
}
POLL_SECONDS = 0.5
TRACES_SECONDS = 3.0  # that a stop gives the collector for what waits
YOUNG_OBJECTS = (20_000, 20, 20)  # a call makes some hundreds of objects, nearly all freed without the collector


def _transport(environment: Environment) -> Transport:
    """Who carries calls to providers: our own pool, or aiohttp for a host that our pool cannot talk to."""
    if environment.values.get(TRANSPORT, "").strip() != "aiohttp":
        return PoolTransport(environment.values.get)
    from .clients.http_transport import HttpTransport  # noqa: PLC0415 - loaded only where it is wanted

    return HttpTransport(environment.values.get)


class Worker:
    """One process's share of the service. `inherited`: what its supervisor gives it, see `Current`; alone it has none."""

    def __init__(
        self, environment: Environment, now: Callable[[], float] = time.time, inherited: Inherited | None = None
    ) -> None:
        self.environment = environment
        self.supervised = inherited is not None
        self.keys = CallerKeys()
        self.admin = AdminKey()
        self.metrics = Meter(__version__, shelf_of(environment.home))
        self._now = now
        self._current: Current | None = None
        self._unsound: str | None = None
        self._house: House | None = None
        self._archive: Archive | None = None
        self._rollup: RollupThread | None = None
        self._usage: Keeper | None = None
        self._poller: asyncio.Task[None] | None = None
        self._draining = False
        self._stopping = False
        self._born = time.monotonic()
        try:
            self.keys = CallerKeys.from_env(environment.values)
            self.admin = AdminKey.from_env(environment.values)
        except KeysError as error:
            # the environment does not change under way: no edit of the file may open a service whose keys are unsound
            self._unsound = str(error)
        else:
            self._current = Current(environment, now, inherited)

    @classmethod
    def from_environment(cls) -> "Worker":
        """A worker of this process's environment."""
        return cls(read_environment())

    @property
    def fault(self) -> str | None:
        """The one line that says what is wrong with the keys, with the journal at the start or with the configuration."""
        return self._unsound or (self._current.fault if self._current is not None else None)

    @property
    def _compiled(self) -> Compiled | None:
        return self._current.compiled if self._current is not None else None

    def house(self) -> House:
        """The house, opened at the first need. Raises NotReady while there is no sound configuration or while draining."""
        if self._house is not None and not self._draining:
            return self._house
        if not self._draining and self._compiled is not None and self._unsound is None:
            self._open_if_possible(self._compiled)
        if self._house is None or self._draining:
            raise NotReady(self.not_ready() or "starting")
        return self._house

    def _open_if_possible(self, compiled: Compiled) -> None:
        """Open the house; a journal that cannot be opened leaves the worker not ready until it can."""
        try:
            self._open(compiled)
        except JournalUnavailable as error:
            if self._unsound is None:
                _log.error("%s", error)
            self._unsound = str(error)
        else:
            self._unsound = None

    def _open(self, compiled: Compiled) -> None:
        plan = compiled.snapshot.logging
        journal = Journal(plan.per_call_path, max_bytes=plan.max_bytes, report=_log.error, now=self._now)
        self._house = House(
            compiled=compiled,
            cache=open_cache(compiled.snapshot.cache, self._now),
            journal=journal,
            metrics=self.metrics,
            http=_transport(self.environment),
            mock=MockTransport(FACES, compiled.snapshot.mock_latency_scale),
            wires=WIRES,
            live=Live(),
            now=self._now,
            clock=time.perf_counter,
            draw=random.random,
            tracer=open_tracer(self.environment.values, __version__, self._now, time.perf_counter),
        )
        self._hide_keys(compiled.snapshot)
        self._archive = Archive(plan.per_call_path, _log.warning)
        self._archive.keep(compiled.snapshot)
        rollup = Rollup(plan.per_call_path, plan.daily_rollup_path, self._now, keep=plan.keep)
        if plan.usage_path is not None:
            rollup.needed = Unread(plan.usage_path)
            self._usage = Keeper(plan.per_call_path, plan.usage_path)
            self._usage.start()
        self._rollup = RollupThread(rollup)
        self._rollup.start()

    async def start(self) -> None:
        """Open the house, if the configuration allows, and begin to watch the file."""
        if self._compiled is not None and self._house is None:
            self._open_if_possible(self._compiled)
        if self._house is not None:
            await self._house.cache.prepare()
        await self.metrics.start(self._show)
        self._poller = asyncio.create_task(self._poll())
        # what is here now stays, and need not be walked again and again (about a twentieth of a call)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*YOUNG_OBJECTS)

    def stopping(self) -> None:
        """A stop has begun: what came before is served, but from now on the worker says that it is not ready."""
        self._stopping = True

    def drain_seconds(self) -> float:
        """How long a stop waits for what runs."""
        return self._compiled.snapshot.limits.drain_seconds if self._compiled is not None else 0.0

    def busy(self) -> bool:
        """Whether anything runs that no caller waits for."""
        return self._house is not None and len(self._house.drains) > 0

    async def stop(self) -> None:
        """Take no more calls; write out and close everything."""
        self._draining = True
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._house is not None:
            await self._house.drains.finish(0.0 if self._stopping else self.drain_seconds())
            await self._house.http.close()
            await self._house.cache.close()
            self._house.journal.close()
            if self._house.tracer is not None:
                await asyncio.to_thread(self._house.tracer.stop, TRACES_SECONDS)
        await self.metrics.stop()
        if self._rollup is not None:
            await asyncio.to_thread(self._rollup.stop)
        if self._usage is not None:
            await asyncio.to_thread(self._usage.stop)

    def _show(self, tally: Tally) -> None:
        """What `/metrics` says beside the calls."""
        if self._house is not None:
            put_figures(self._house, tally)
        tally.put(RELOADS, value=self._current.refused if self._current is not None else 0)
        tally.put(STALE, value=int(self.fault is not None))

    async def _poll(self) -> None:
        while self._current is not None:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look_after(self._current)
            except Exception:  # noqa: BLE001 - the border of a timer: the watch goes on, whatever one look met
                _log.exception("looking after the configuration failed; it is tried again")

    async def _look_after(self, current: Current) -> None:
        if self._house is not None and self._house.journal.spooled:
            self._house.journal.retry()
        if current.due() and await asyncio.to_thread(current.refresh):
            self._take_over(current)
        if self._house is None and current.compiled is not None:
            self._open_if_possible(current.compiled)
        compiled = current.compiled
        if self._archive is not None and compiled is not None and self._archive.lacks(compiled.snapshot):
            await asyncio.to_thread(self._archive.keep, compiled.snapshot)

    def _take_over(self, current: Current) -> None:
        """Let the calls that come from now on have the new configuration; those under way keep theirs."""
        compiled = current.compiled
        if compiled is None:
            return
        self._hide_keys(compiled.snapshot)
        if self._house is not None:
            self._house.compiled = compiled
            self._house.mock = MockTransport(FACES, compiled.snapshot.mock_latency_scale)
        if not self.supervised:
            _log.info("configuration %s is in force", compiled.snapshot.digest)

    def _hide_keys(self, snapshot: Snapshot) -> None:
        """Keys of providers may be in variables of any name."""
        named = {name for model in snapshot.models.values() for target in model.targets for name in target.key_env}
        hide(self.environment.secrets(named))

    def snapshot(self) -> Snapshot:
        """The configuration in force. Raises NotReady when there is none."""
        if self._compiled is None:
            raise NotReady(self.fault or "starting")
        return self._compiled.snapshot

    def not_ready(self) -> str | None:
        """Why no call can be taken now."""
        if self._draining or self._stopping:
            return "draining: the service is going down"
        if self._compiled is None or self._unsound is not None:
            return f"misconfigured: {self.fault}"
        return None

    def health(self) -> dict[str, Any]:
        """Alive, and how the configuration and the files stand. For the event loop alone, whose tasks it counts."""
        snapshot = self._compiled.snapshot if self._compiled is not None else None
        storage = _storage(self._house) if self._house is not None else {}
        degraded = any(place["trouble"] for place in storage.values())
        return {
            "status": "degraded" if degraded else "ok",
            "version": __version__,
            "uptime_s": round(time.monotonic() - self._born, 1),
            "pid": os.getpid(),
            "tasks": len(asyncio.all_tasks()),
            "in_flight": self._house.admission.in_flight if self._house is not None else 0,
            "config": {
                "digest": snapshot.digest if snapshot is not None else None,
                "file": str(self._current.path if self._current is not None else self.environment.config_path()),
                "error": self.fault,
                "since": self._current.since if self._current is not None else None,
                "restart_needed": list(self._current.restart) if self._current is not None else [],
            },
            **storage,
        }


def _storage(house: House) -> dict[str, dict[str, Any]]:
    """How the journal and the cache stand; their `trouble` never fails a call."""
    journal, cache = house.journal, house.cache
    return {
        "journal": {
            "trouble": journal.trouble,
            "waiting": journal.spooled,
            "lost": journal.dropped,
            "write_errors": journal.write_errors,
        },
        "cache": {"trouble": cache.trouble, **msgspec.structs.asdict(cache.counts)},
    }
