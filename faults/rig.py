"""The parts under test: a toxic upstream, and services with a row for every call of the plays. No verdict may enter."""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cases import FACES, Case, Play
from watch import Watch

from app.toxic.server import ToxicUpstream
from support import Service, eventually, running

CANARIES = [f"sk-{secrets.token_urlsafe(36)}" for _ in range(2)]
"""Secrets that no output may show, nor any piece of them; of so many letters that no digest holds a piece by chance."""
ENVIRONMENT = {f"CANARY_{number}": canary for number, canary in enumerate(CANARIES, 1)}
PATIENT = {"connect": 5, "first_token": 15, "idle": 15, "attempt": 20, "total": 40}
BRISK = {"connect": 0.7, "first_token": 1.0, "idle": 1.0, "attempt": 1.5, "total": 4.0}


@dataclass(frozen=True)
class Spot:
    """One call of a play."""

    case: str
    play: Play
    number: int
    face: str
    form: str
    situation: str

    @property
    def row(self) -> str:
        """The row of config.yaml, its provider and its model's id there: nobody else's, so that no call meets another's breaker."""
        return f"{self.case.lower()}_{self.number}_{self.face}_{self.form}_{self.situation}"


@dataclass
class Rig:
    """What a run works with."""

    upstream: ToxicUpstream
    patient: Watch
    brisk: Watch

    def of(self, play: Play) -> Watch:
        """The service that a play meets."""
        return self.brisk if play.brisk else self.patient


def spots(name: str, case: Case, plays: tuple[Play, ...]) -> list[Spot]:
    """The calls of these plays of a case."""
    return [
        Spot(name, play, case.plays.index(play), face, form, situation)
        for play in plays
        for face in play.faces
        for form in play.forms
        for situation in ("alone", "behind")
    ]


def row_of(fault: str, face: str) -> str:
    """The row of a scenario's fault for callers of this face."""
    return f"s_{fault.replace(':', '_')}_{FACES[face]}"


def config(upstream: ToxicUpstream, rows: list[Spot], faults: list[str], timeouts: dict[str, float]) -> str:
    """config.yaml: each spot's own provider and row, those of scenarios, and a sound model in each dialect."""
    price = {"price_in": 0.001, "price_out": 0.002, "avg_latency_ms": 300}
    providers: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for dialect in FACES.values():
        providers[f"sound_{dialect}"] = {"dialect": dialect, "base_url": upstream.base_url(dialect), "key_env": ["CANARY_1"]}
        models[f"sound_{dialect}"] = {"provider": f"sound_{dialect}", "id": "sound", **price}
    for face, dialect in FACES.items():
        for fault in faults:
            name = row_of(fault, face)
            providers[name] = {"dialect": dialect, "base_url": _address(upstream, dialect, fault), "key_env": ["CANARY_1"]}
            models[name] = {"provider": name, "id": name, **price}
            if fault.startswith("embeddings"):
                models[f"{name}_vectors"] = {"provider": name, "id": f"{name}-vectors", "kind": "embedding", **price}
    for spot in rows:
        dialect = FACES[spot.face]
        address = _address(upstream, dialect, spot.play.fault)
        keys = [*ENVIRONMENT][: spot.play.keys]
        providers[spot.row] = {"dialect": dialect, "base_url": address, "key_env": keys}
        models[spot.row] = {"provider": spot.row, "id": spot.row, **price}
        if spot.situation == "behind":
            models[spot.row]["fallbacks"] = [f"sound_{dialect}"]
    return yaml.safe_dump(
        {
            "providers": providers,
            "models": models,
            "timeouts": timeouts,
            "cache": {"backend": "none"},
            "routing": {"retries": {"share": 1.0, "per_second": 100}},
        }
    )


def _address(upstream: ToxicUpstream, dialect: str, fault: str) -> str:
    if fault.startswith("port "):
        sound = upstream.base_url(dialect)
        return sound.replace(f":{upstream.port}", f":{upstream.doors[fault.removeprefix('port ')]}")
    return upstream.base_url(dialect, fault)


@contextmanager
def rig(home: Path, rows: list[Spot], faults: list[str]) -> Iterator[Rig]:
    """Everything started."""
    with ExitStack() as stack:
        upstream = stack.enter_context(toxic())
        watches = []
        for name, timeouts in (("patient", PATIENT), ("brisk", BRISK)):
            mine = [spot for spot in rows if spot.play.brisk == (name == "brisk")]
            (home / name).mkdir()
            written = config(upstream, mine, faults, timeouts)
            service: Service = stack.enter_context(running(home / name, written, 1, **ENVIRONMENT))
            _warm(service, home / name)
            watches.append(stack.enter_context(Watch(service, upstream, CANARIES)))
        yield Rig(upstream, *watches)


def _warm(service: Service, home: Path) -> None:
    """A first call, and the projector that begins with the first record: what it keeps open is no leak."""
    assert service.query(model="sound_openai").status == 200
    eventually((home / "cache" / "usage.sqlite").exists, 30)


@contextmanager
def toxic() -> Iterator[ToxicUpstream]:
    """A toxic upstream on a loop of its own."""
    started, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    made: list[ToxicUpstream] = []

    async def serve() -> None:
        async with ToxicUpstream() as upstream:
            made.append(upstream)
            started.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
