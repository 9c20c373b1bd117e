"""One worker process: its configuration kept fresh, its house opened when the first call or the server needs it. No route."""

import asyncio
import contextlib
import gc
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from . import __version__
from .access.keys import CallerKeys, KeysError
from .caching.factory import open_cache
from .clients import anthropic_client, gemini_client, llama_client, mistral_client, openai_client
from .clients.common.protocols import Transport
from .clients.mock_transport import MockTransport
from .clients.pool.transport import PoolTransport
from .config.compile import compile_snapshot
from .config.fresh import Watched, kept_until_restart
from .config.home import Environment, read_environment
from .config.load import TRANSPORT, ConfigError, load
from .config.snapshot import Snapshot
from .errors import NotReady
from .logging_utils.journal import Journal
from .logging_utils.rollup import Rollup, RollupThread
from .pipeline.house import Compiled, House
from .router_engine.standing import Live
from .router_engine.table import compile_table

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
YOUNG_OBJECTS = (20_000, 20, 20)  # a call makes some hundreds of objects, nearly all freed without the collector


def _transport(environment: Environment) -> Transport:
    """Who carries calls to providers: our own pool, or aiohttp for a host that our pool cannot talk to."""
    if environment.values.get(TRANSPORT, "").strip() != "aiohttp":
        return PoolTransport(environment.values.get)
    from .clients.http_transport import HttpTransport  # noqa: PLC0415 - loaded only where it is wanted

    return HttpTransport(environment.values.get)


class Worker:
    """One process's share of the service. `fault` is the one line that says what is wrong with the configuration, or None."""

    def __init__(self, environment: Environment, now: Callable[[], float] = time.time) -> None:
        self.environment = environment
        self.path: Path = environment.config_path()
        self.fault: str | None = None
        self.keys = CallerKeys()
        self._now = now
        self._compiled: Compiled | None = None
        self._house: House | None = None
        self._rollup: RollupThread | None = None
        self._poller: asyncio.Task[None] | None = None
        self._watched: Watched | None = Watched(self.path)
        self._restart: tuple[str, ...] = ()
        self._draining = False
        self._born = time.monotonic()
        self._read()

    @classmethod
    def from_environment(cls) -> "Worker":
        """A worker of this process's environment."""
        return cls(read_environment())

    def _read(self) -> None:
        """The first reading; a fault is kept, not raised, since a child process has to stay up with it."""
        try:
            self.keys = CallerKeys.from_env(self.environment.values)
        except KeysError as error:
            # the environment does not change under way: no edit of the file may open a service whose keys are unsound
            self.fault = str(error)
            self._watched = None
            return
        try:
            self._compiled = self._compile()
        except ConfigError as error:
            self.fault = str(error)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._now(), UTC).date()

    def _compile(self) -> Compiled:
        settings = load(self.path, self.environment.values)
        snapshot = compile_snapshot(settings, self.environment, str(self.path), self._today())
        return Compiled(snapshot, compile_table(snapshot))

    def house(self) -> House:
        """The house, opened at the first need. Raises NotReady while there is no sound configuration or while draining."""
        if self._house is not None and not self._draining:
            return self._house
        reason = self.not_ready()
        if reason is not None or self._compiled is None:
            raise NotReady(reason or "starting")
        self._open(self._compiled)
        assert self._house is not None  # noqa: S101 - opened in the line above
        return self._house

    def _open(self, compiled: Compiled) -> None:
        plan = compiled.snapshot.logging
        journal = Journal(plan.per_call_path, max_bytes=plan.max_bytes, report=_log.error, now=self._now)
        self._house = House(
            compiled=compiled,
            cache=open_cache(compiled.snapshot.cache, self._now),
            journal=journal,
            http=_transport(self.environment),
            mock=MockTransport(FACES, compiled.snapshot.mock_latency_scale),
            wires=WIRES,
            live=Live(),
            now=self._now,
            clock=time.perf_counter,
            draw=random.random,
        )
        self._rollup = RollupThread(Rollup(plan.per_call_path, plan.daily_rollup_path, self._now, keep=plan.keep))
        self._rollup.start()

    async def start(self) -> None:
        """Open the house, if the configuration allows, and begin to watch the file."""
        if self._compiled is not None and self._house is None:
            self._open(self._compiled)
        self._poller = asyncio.create_task(self._poll())
        # what is here now stays: the collector need not walk it again and again (about a twentieth of a call)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*YOUNG_OBJECTS)

    async def stop(self) -> None:
        """Take no more calls; write out and close everything."""
        self._draining = True
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._house is not None:
            await self._house.http.close()
            await self._house.cache.close()
            self._house.journal.close()
        if self._rollup is not None:
            await asyncio.to_thread(self._rollup.stop)

    async def _poll(self) -> None:
        while self._watched is not None:
            await asyncio.sleep(POLL_SECONDS)
            day = self._compiled.snapshot.day if self._compiled is not None else ""
            if self._house is not None and self._house.journal.spooled:
                self._house.journal.retry()
            if self._watched.changed() or (self._compiled is not None and day != self._today().isoformat()):
                await asyncio.to_thread(self._reload)

    def _reload(self) -> None:
        """Take over a sound change; keep what is in force and say so once when the change is not sound."""
        try:
            compiled = self._compile()
        except ConfigError as error:
            if self.fault != str(error):
                self.fault = str(error)
                _log.error("the configuration was not taken over: %s", error)
            if error.unread and self._watched is not None:
                self._watched.again()
            return
        self.fault = None
        before = self._compiled.snapshot if self._compiled is not None else None
        if before is not None:
            snapshot, self._restart = kept_until_restart(compiled.snapshot, before)
            compiled = Compiled(snapshot, compiled.table)
            if self._restart:
                _log.warning("a restart is needed for: %s", ", ".join(self._restart))
        self._compiled = compiled
        if self._house is not None:
            self._house.compiled = compiled
            self._house.mock = MockTransport(FACES, compiled.snapshot.mock_latency_scale)
        if before is None or before.digest != compiled.snapshot.digest:
            _log.info("configuration %s is in force", compiled.snapshot.digest)

    def snapshot(self) -> Snapshot:
        """The configuration in force. Raises NotReady when there is none."""
        if self._compiled is None:
            raise NotReady(self.fault or "starting")
        return self._compiled.snapshot

    def not_ready(self) -> str | None:
        """Why no call can be taken now."""
        if self._draining:
            return "draining: the service is going down"
        if self._compiled is None:
            return f"misconfigured: {self.fault}"
        return None

    def health(self) -> dict[str, Any]:
        """Alive, and how the configuration stands."""
        snapshot = self._compiled.snapshot if self._compiled is not None else None
        storage = _storage(self._house) if self._house is not None else {}
        degraded = any(place["trouble"] for place in storage.values())
        return {
            "status": "degraded" if degraded else "ok",
            "version": __version__,
            "uptime_s": round(time.monotonic() - self._born, 1),
            "in_flight": self._house.admission.in_flight if self._house is not None else 0,
            "config": {
                "digest": snapshot.digest if snapshot is not None else None,
                "file": str(self.path),
                "error": self.fault,
                "restart_needed": list(self._restart),
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
