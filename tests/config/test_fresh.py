"""What keeps a configuration fresh: the look at the file, and what of a change has to wait for a restart."""

import os
import time
from datetime import date
from pathlib import Path

import msgspec
import pytest

from app.config.compile import compile_snapshot
from app.config.fresh import Watched, kept_until_restart
from app.config.home import read_environment
from app.config.load import load
from app.config.snapshot import Snapshot

ONE = "models: {a: {provider: openai, id: gpt-4o-mini}}\n"


def snapshot(folder: Path, more: str = "") -> Snapshot:
    path = folder / "config.yaml"
    path.write_text(ONE + more)
    environment = read_environment({"LLM_ROUTER_HOME": str(folder)})
    return compile_snapshot(load(path, environment.values), environment, str(path), date(2026, 11, 25))


def later() -> float:
    """A clock by which whatever was written has come to rest."""
    return time.time() + 60


class TestWatched:
    """A change is told once, whatever kind it is."""

    def test_an_untouched_file_has_not_changed(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        watched = Watched(file, later)
        assert [watched.changed(), watched.changed()] == [False, False]

    def test_a_write_is_told_once(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        watched = Watched(file, later)
        file.write_text("ab")
        assert [watched.changed(), watched.changed()] == [True, False]

    def test_another_file_of_the_same_size_and_time_is_a_change(self, tmp_path: Path) -> None:
        """Editors and deployments put a new file in the old one's place and may keep its times."""
        file, new = tmp_path / "config.yaml", tmp_path / "new"
        file.write_text("a")
        new.write_text("b")
        stat = file.stat()
        os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        watched = Watched(file, later)
        new.replace(file)
        assert watched.changed()

    def test_a_file_that_goes_and_one_that_comes_are_changes(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        watched = Watched(file, later)
        file.write_text("a")
        came = watched.changed()
        file.unlink()
        assert (came, watched.changed(), watched.changed()) == (True, True, False)

    def test_one_whose_reading_was_allowed_meanwhile_is_a_change(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        file.chmod(0o200)
        watched = Watched(file, later)
        file.chmod(0o600)
        assert [watched.changed(), watched.changed()] == [True, False]

    def test_one_that_is_being_written_is_told_when_it_has_come_to_rest(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        watched = Watched(file, lambda: file.stat().st_mtime + 0.01)
        told = []
        for text in ("mod", "mode: fa", "mode: fast"):
            file.write_text(text)
            told.append(watched.changed())
        assert told == [False, False, False]
        assert [watched.changed(), watched.changed()] == [True, False]

    @pytest.mark.parametrize("jump", [-3600, 3600, -1.8e9, 1e9])
    def test_a_clock_that_jumps_delays_nothing_for_good(self, tmp_path: Path, jump: float) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        watched = Watched(file, lambda: time.time() + jump)
        file.write_text("ab")
        assert [watched.changed(), watched.changed()] == [True, False]

    def test_what_could_not_be_read_is_told_again(self, tmp_path: Path) -> None:
        file = tmp_path / "config.yaml"
        file.write_text("a")
        watched = Watched(file)
        watched.again()
        assert [watched.changed(), watched.changed()] == [True, False]


class TestKeptUntilRestart:
    """What a running worker cannot change keeps its value and is named; all else is taken over."""

    @pytest.mark.parametrize(
        ("change", "waits"),
        [
            ("server: {port: 9000}\n", ("server",)),
            ("server: {root_path: /llm}\n", ("server",)),
            ("logging: {prompts: full}\n", ("logging",)),
            ("logging: {per_call_path: ./elsewhere.jsonl}\n", ("logging",)),
            ("cache: {backend: none}\n", ("cache.backend",)),
            ("cache: {path: ./other.sqlite}\n", ("cache.path",)),
            ("cache: {redis_url: 'redis://other:6379/0'}\n", ("cache.redis_url",)),
            ("cache: {max_mb: 1}\n", ("cache.max_mb",)),
            ("cache: {backend: redis, max_mb: 1}\nserver: {port: 1}\n", ("server", "cache.backend", "cache.max_mb")),
        ],
    )
    def test_it_keeps_the_old_value_and_names_the_key(self, tmp_path: Path, change: str, waits: tuple[str, ...]) -> None:
        old, new = snapshot(tmp_path), snapshot(tmp_path, change)
        kept, waiting = kept_until_restart(new, old)
        assert waiting == waits
        assert (kept.server, kept.logging, kept.cache) == (old.server, old.logging, old.cache)
        assert kept.digest == new.digest != old.digest

    @pytest.mark.parametrize(
        "change",
        [
            "mode: fast\n",
            "mock_latency_scale: 0\n",
            "aliases: {b: a}\n",
            "routing: {baseline: a}\n",
            "scoring: {gates: false}\n",
            "cache: {ttl_seconds: 1, version: two, quality_slack: 0.5, faces: [query, chat]}\n",
            "timeouts: {total: 1}\n",
            "limits: {max_in_flight: 1}\n",
        ],
    )
    def test_all_else_is_taken_over_at_once(self, tmp_path: Path, change: str) -> None:
        old, new = snapshot(tmp_path), snapshot(tmp_path, change)
        kept, waiting = kept_until_restart(new, old)
        assert waiting == () and kept == new != old

    def test_what_may_change_of_the_cache_is_taken_over_beside_what_may_not(self, tmp_path: Path) -> None:
        old, new = snapshot(tmp_path), snapshot(tmp_path, "cache: {backend: none, ttl_seconds: 7}\n")
        kept, waiting = kept_until_restart(new, old)
        assert waiting == ("cache.backend",)
        assert kept.cache == msgspec.structs.replace(old.cache, ttl_seconds=7)

    def test_going_back_leaves_nothing_to_wait_for(self, tmp_path: Path) -> None:
        old = snapshot(tmp_path)
        kept, _ = kept_until_restart(snapshot(tmp_path, "server: {port: 9000}\n"), old)
        assert kept_until_restart(snapshot(tmp_path), kept) == (old, ())
