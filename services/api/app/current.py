"""The configuration in force in one process, kept fresh: when its file changes and when a day begins. No house, no timer."""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec import Struct

from .config.compile import compile_snapshot
from .config.fresh import Watched, kept_until_restart
from .config.home import Environment
from .config.load import ConfigError, load
from .config.settings import Settings
from .config.snapshot import Snapshot
from .pipeline.house import Compiled
from .router_engine.table import compile_table

_log = logging.getLogger("llm_router")


class Inherited(Struct, frozen=True):
    """What a worker gets from its supervisor: the file's path, the settings that the service began with, the last sound ones.

    The path too, since a file that is deleted under way would make a later worker look for its configuration elsewhere.
    """

    path: str
    origin: Settings
    sound: Settings


class Current:
    """`compiled` is in force (None: there was no sound file yet), `refusal` says what is wrong with the file now (None: nothing),
    `restart` the keys whose change waits for a restart, `refused` counts changes that were not taken over.

    A worker that has `inherited` starts with the last sound settings if the file is not sound when it starts, says nothing of
    faults, since its supervisor does for all, and leaves to a restart what the service did not begin with.
    """

    def __init__(self, environment: Environment, now: Callable[[], float], inherited: Inherited | None = None) -> None:
        self.environment = environment
        self.path = environment.config_path() if inherited is None else Path(inherited.path)
        self.refusal: ConfigError | None = None
        self.restart: tuple[str, ...] = ()
        self.refused = 0
        self.compiled: Compiled | None = None
        self.since: float | None = None  # when what is in force was taken over
        self._now = now
        self._speaks = inherited is None
        self._watched = Watched(self.path)
        self._due = False
        self._settings: Settings | None = None
        self._origin = None if inherited is None else self._compile(inherited.origin)
        self._read(None if inherited is None else inherited.sound)

    def _read(self, otherwise: Settings | None) -> None:
        """The first reading; a fault is kept, not raised, since a child process has to stay up with it."""
        try:
            settings = load(self.path, self.environment.values)
            self._take(settings)
        except ConfigError as error:
            self.refusal = error
            if otherwise is not None:
                self._take(otherwise)

    @property
    def fault(self) -> str | None:
        """What is wrong with the file now, in one line."""
        return None if self.refusal is None else str(self.refusal)

    def snapshot(self) -> Snapshot:
        """What is in force. Raises the ConfigError that is the reason why nothing is."""
        if self.compiled is None:
            raise self.refusal or ConfigError(self.path, "", "was not read yet")
        return self.compiled.snapshot

    def settings(self) -> Settings:
        """What it was compiled from, the last sound ones. Raises as `snapshot` does."""
        self.snapshot()
        assert self._settings is not None  # noqa: S101 - taken together with the snapshot
        return self._settings

    def _today(self) -> date:
        return datetime.fromtimestamp(self._now(), UTC).date()

    def _compile(self, settings: Settings) -> Snapshot:
        return compile_snapshot(settings, self.environment, str(self.path), self._today())

    def _take(self, settings: Settings) -> None:
        """Put `settings` in force. Raises ConfigError."""
        snapshot = self._compile(settings)
        before = self._origin or (self.compiled.snapshot if self.compiled is not None else None)
        if before is not None:
            snapshot, self.restart = kept_until_restart(snapshot, before)
        self.compiled = Compiled(snapshot, compile_table(snapshot))
        self.since = self._now()
        self._settings = settings

    def due(self) -> bool:
        """Whether `refresh` has something to do; cheap."""
        self._due |= self._watched.changed()
        return self._due or self._is_stale()

    def _is_stale(self) -> bool:
        return self.compiled is not None and self.compiled.snapshot.day != self._today().isoformat()

    def refresh(self) -> bool:
        """Take over a sound change or a new day; keep what is in force, and say so once, when the change is not sound.

        True when another configuration is in force than before. Takes milliseconds: not for an event loop.
        """
        before = self.compiled.snapshot.digest if self.compiled is not None else None
        waiting = self.restart
        if self._due:
            self._due = False
            self._reread()
        if self._is_stale() and self._settings is not None:
            self._take(self._settings)
        after = self.compiled.snapshot.digest if self.compiled is not None else None
        if self._speaks and self.restart and self.restart != waiting:
            _log.warning("a restart is needed for: %s", ", ".join(self.restart))
        return after != before

    def _reread(self) -> None:
        try:
            self._take(load(self.path, self.environment.values))
        except ConfigError as error:
            if error.unread:
                self._watched.again()  # what hinders reading may pass without a trace in the file
            if str(error) != self.fault:
                self.refused += 1
                if self._speaks:
                    _log.error("the configuration was not taken over: %s", error)
            self.refusal = error
        else:
            self.refusal = None
