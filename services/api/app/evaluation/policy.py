"""Another policy: a configuration, compiled as it would have been on the day of a logged decision, and what it would have chosen.

It is judged without exploration of its own. Which providers had keys is taken from the archive, so that a replay on another machine
comes to the same; prices and facts are those of this version.
"""

import struct
from collections import OrderedDict
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from ..config.compile import compile_snapshot
from ..config.home import Environment
from ..config.providers import providers_of
from ..config.settings import Settings
from ..config.snapshot import Grounds
from ..errors import CallerError
from ..router_engine.decide import Ranked, ranked
from ..router_engine.table import Table, compile_table
from .recompute import Recomputed, Situation

KEPT: Final = 64
_SET: Final = "set"


class Choice(Struct, frozen=True, eq=False):
    """What the policy would have chosen: `arm` is the logged row of the same provider and model, None if there was none.

    `place` is the row's among the `found` figures of the policy's own table.
    """

    arm: str | None
    found: Ranked
    place: int


class _Compiled(Struct, frozen=True, eq=False):
    table: Table
    arms: dict[str, str | None]


class Policy:
    """`settings` came from `path`; `environment` says which keys are set for providers that the archive does not know."""

    def __init__(self, settings: Settings, environment: Environment, path: Path) -> None:
        self._settings = settings
        self._environment = environment
        self._path = path
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()

    def choose(self, logged: Recomputed) -> Choice | None:
        """Its first choice in the same situation; None where it would have refused."""
        compiled = self._of(logged.ground.grounds)
        asked: Situation = logged.situation
        try:
            found = ranked(asked.z, asked.wishes, compiled.table, asked.standing)
        except (CallerError, struct.error, ValueError):
            return None
        name = compiled.table.rows.names[found.rows[0]]
        return Choice(compiled.arms[name], found, found.rows[0])

    def _of(self, grounds: Grounds) -> _Compiled:
        kept = self._compiled.get(grounds.digest)
        if kept is None:
            kept = self._compiled[grounds.digest] = self._compile(grounds)
            if len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(grounds.digest)
        return kept

    def _compile(self, grounds: Grounds) -> _Compiled:
        settings = self._settings if grounds.any_real else self._settings.model_copy(update={"mock": "always"})
        environment = msgspec.structs.replace(self._environment, values=self._values(grounds))
        snapshot = compile_snapshot(settings, environment, str(self._path), date.fromisoformat(grounds.day))
        table = msgspec.structs.replace(compile_table(snapshot), exploration=0.0)
        logged = {(model.provider, model.model_id): model.name for model in grounds.models.values()}
        arms = {model.name: logged.get((model.provider, model.model_id)) for model in snapshot.models.values()}
        return _Compiled(table, arms)

    def _values(self, grounds: Grounds) -> dict[str, str]:
        """The environment with the keys that were set when it was logged."""
        targets = [target for model in grounds.models.values() for target in model.targets]
        known = {target.provider for target in targets}
        real = {target.provider for target in targets if not target.mock}
        values = dict(self._environment.values)
        for provider in providers_of(self._settings).values():
            if provider.name in known:
                values |= dict.fromkeys(provider.key_env, "")
                values |= dict.fromkeys(provider.key_env[:1], _SET if provider.name in real else "")
        return values
