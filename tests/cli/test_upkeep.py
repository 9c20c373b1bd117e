"""`doctor`, `cache`, `config show` and `demo`: what they find is so, and what they do is done."""

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from app.caching.contents import of_file, purge_file
from app.cli.demo import planned
from caching.valkey import Server
from cli.using import COMMAND, SEQUENCE, environment, inside, piped, terminal
from support import Service, Upstream, eventually, free_port, http, running, shipped, well_behaved


def findings(home: Path, *arguments: str, **env: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit status of `doctor` and what it found, by name."""
    ended = inside(home, "doctor", "--json", *arguments, **({"PORT": str(free_port())} | env))
    found: dict[str, list[dict[str, str]]] = {}
    told = json.loads(ended.stdout)
    for one in told["checks"]:
        found.setdefault(one["name"], []).append(one)
    assert told["ok"] is (ended.returncode == 0)
    for one in told["checks"]:
        assert (one["state"] == "ok") == (one["remedy"] == ""), one
    return ended.returncode, found


def bad(found: dict[str, list[dict[str, str]]], name: str) -> list[tuple[str, str]]:
    return [(one["state"], one["says"]) for one in found[name] if one["state"] != "ok"]


class TestDoctor:
    """Each line is ok, warning or error, with what to do."""

    def test_a_fresh_home_is_well_but_for_the_missing_keys(self, tmp_path: Path) -> None:
        """Status 0: mock mode is no error."""
        status, found = findings(tmp_path)
        assert status == 0
        assert bad(found, "keys") == [("warning", "no provider has a key: every answer is simulated")]
        assert set(found) == {
            "versions", "configuration", "keys", "folders", "redis", "cache", "clock", "file limit", "port", "hosts",
        }  # fmt: skip
        assert found["hosts"][0]["says"] == "not tried; --online does"

    def test_people_get_a_line_each(self, tmp_path: Path) -> None:
        """The state first, so that a script can cut it; in colour on a terminal."""
        (tmp_path / "config.yaml").write_text(shipped())
        ended = piped(tmp_path, "doctor", PORT=str(free_port()))
        assert {line.split()[0] for line in ended.stdout.splitlines()} <= {"ok", "warning", "error"}
        with terminal(tmp_path, "doctor", PORT=str(free_port())) as screen:
            assert screen.end() == 0
        assert "\x1b[33mwarning" in screen.shown and "ok      versions" in SEQUENCE.sub("", screen.shown)

    def test_keys_are_judged_and_never_shown(self, tmp_path: Path) -> None:
        """Set, missing beside others, broken, too short."""
        key = "sk-" + "very-secret" * 4
        status, found = findings(tmp_path, OPENAI_API_KEY=key)
        assert status == 0 and "openai: OPENAI_API_KEY (environment)" in [one["says"] for one in found["keys"]]
        assert len(bad(found, "keys")) == 4 and "very-secret" not in json.dumps(found)
        status, found = findings(tmp_path, OPENAI_API_KEY="sk-two words", LLM_ROUTER_API_KEYS="short")
        assert status == 1 and [state for state, _ in bad(found, "keys")].count("error") == 2
        assert "two words" not in json.dumps(found)

    def test_an_open_door_is_an_error(self, tmp_path: Path) -> None:
        """`serve` would refuse it."""
        status, found = findings(tmp_path, HOST="0.0.0.0")
        assert status == 1 and ("error", "server.host 0.0.0.0 is open to others and callers need no key") in bad(found, "keys")

    def test_what_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        """The journal, the rollup, the cache."""
        (tmp_path / "logs").write_text("a file where a folder belongs")
        status, found = findings(tmp_path)
        assert status == 1
        assert [says.partition(":")[0] for _, says in bad(found, "folders")] == [
            "logging.per_call_path",
            "logging.daily_rollup_path",
        ]

    def test_a_redis_that_is_not_there_is_an_error_without_its_password(self, tmp_path: Path) -> None:
        """Where the cache is in Redis."""
        (tmp_path / "config.yaml").write_text(shipped().replace("backend: local", "backend: redis"))
        status, found = findings(tmp_path, REDIS_URL="redis://:hidden-word@127.0.0.1:1/0")
        assert status == 1 and bad(found, "redis") == [("error", "redis://:***@127.0.0.1:1/0: redis fails (ConnectionError)")]
        assert "hidden-word" not in json.dumps(found)

    def test_a_damaged_cache_is_a_warning(self, tmp_path: Path) -> None:
        """The service begins a new one by itself."""
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "answers.sqlite").write_bytes(b"no database at all" * 100)
        status, found = findings(tmp_path)
        assert status == 0 and [state for state, _ in bad(found, "cache")] == ["warning"]

    def test_the_port_is_free_ours_or_anothers(self, service: Service, tmp_path: Path) -> None:
        """A hanging program on it is another's, and found out in time."""
        _, found = findings(service.home, PORT=str(service.port))
        assert found["port"][0]["state"] == "ok" and f"process {service.process.pid}" in found["port"][0]["says"]
        with socket.create_server(("127.0.0.1", 0)) as other:
            status, found = findings(tmp_path, PORT=str(other.getsockname()[1]))
            assert status == 1 and [state for state, _ in bad(found, "port")] == ["error"]

    def test_a_clock_behind_the_journal_is_noticed(self, tmp_path: Path) -> None:
        """Calls would be summed under the wrong day."""
        (tmp_path / "logs").mkdir()
        journal = tmp_path / "logs" / "per_call.jsonl"
        journal.touch()
        os.utime(journal, (time.time() + 7200, time.time() + 7200))
        _, found = findings(tmp_path)
        assert [state for state, _ in bad(found, "clock")] == ["warning"]

    def test_hosts_are_tried_only_when_that_is_wanted(self, tmp_path: Path) -> None:
        """Any answer will do; no key is sent. A real provider's host out of reach is an error."""
        host = Upstream(lambda _heard: iter([http(b"", 404)]))
        (tmp_path / "config.yaml").write_text(
            f"providers:\n  near: {{dialect: openai, base_url: '{host.base_url}', key_env: NEAR_KEY, trusted: true}}\n"
            "  gone: {dialect: openai, base_url: 'http://127.0.0.1:1/v1', key_env: GONE_KEY, trusted: true}\n"
            "models:\n  one: {provider: near, id: one}\n  two: {provider: gone, id: two}\n"
        )
        findings(tmp_path, NEAR_KEY="key-of-near")
        assert host.heard == []
        status, found = findings(tmp_path, "--online", NEAR_KEY="key-of-near")
        host.close()
        assert [one["state"] for one in found["hosts"]] == ["warning", "ok"] and status == 0
        assert len(host.heard) == 1 and "key-of-near" not in json.dumps(host.heard[0].headers)
        assert findings(tmp_path, "--online", GONE_KEY="key-of-gone")[0] == 1

    def test_few_open_files_are_told(self, tmp_path: Path) -> None:
        """The hard limit counts: `serve` raises the soft one."""
        limited = f"ulimit -n 100; exec {' '.join(COMMAND)} doctor --json"
        ended = subprocess.run(
            ["/bin/sh", "-c", limited],
            env=environment(tmp_path, PORT="0"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = {one["name"]: one for one in json.loads(ended.stdout)["checks"]}
        assert (
            ended.returncode == 1 and found["file limit"]["state"] == "error" and "LimitNOFILE" in found["file limit"]["remedy"]
        )


class TestCache:
    """What is remembered, and forgetting it."""

    def test_it_counts_answers_by_model_and_what_they_cost(self, tmp_path: Path) -> None:
        """An answer that has ended is no longer among them, and what is none of ours is told apart."""
        (tmp_path / "config.yaml").write_text(shipped())
        assert inside(tmp_path, "cache", "stats").returncode == 0
        for prompt in ("one", "two"):
            assert piped(tmp_path, "query", prompt, "-m", "mistral_small").returncode == 0
        path = tmp_path / "cache" / "answers.sqlite"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            for expires in (time.time() + 3600, 1.0):
                db.execute("INSERT INTO answers (hash, key, expires, value) VALUES (1, 'k', ?, x'ff00')", (expires,))
        told = json.loads(inside(tmp_path, "cache", "stats", "--json").stdout)
        assert (told["answers"], told["unreadable"], told["over"]) == (3, 1, 1)
        assert told["models"]["mistral_small"]["answers"] == 2
        assert "mistral_small  2 " in inside(tmp_path, "cache", "stats").stdout

    def test_purge_reaches_the_memory_of_a_running_service(self, tmp_path: Path) -> None:
        """Within a moment, without a restart, and nothing is left in the file."""
        with running(tmp_path, shipped()) as service:
            prompt = "a prompt that nobody else has"

            def is_cached() -> Any:
                return service.query(prompt, model="gpt-4o-mini").json()["cached"]

            is_cached()
            eventually(is_cached)
            eventually(lambda: of_file(tmp_path / "cache" / "answers.sqlite", time.time(), lambda _: None).answers)
            ended = inside(tmp_path, "cache", "purge", "--yes", "--json")
            assert json.loads(ended.stdout)["forgotten"] == 1
            time_of_purge = time.monotonic()
            eventually(lambda: time.monotonic() - time_of_purge > 0.5)
            assert is_cached() is False
            eventually(is_cached)
            inside(tmp_path, "cache", "purge", "--yes")
            for file in (tmp_path / "cache").glob("answers.sqlite*"):
                assert prompt.encode() not in file.read_bytes()

    def test_purge_asks_on_a_terminal(self, tmp_path: Path) -> None:
        """And takes no for an answer; without a terminal it wants --yes."""
        (tmp_path / "config.yaml").write_text(shipped())
        piped(tmp_path, "query", "keep me")
        for answer, left in ((b"n\n", 1), (b"y\n", 0)):
            with terminal(tmp_path, "cache", "purge") as screen:
                screen.until("[y/N]")
                screen.type(answer)
                assert screen.end() == (1 if left else 0)
            assert json.loads(inside(tmp_path, "cache", "stats", "--json").stdout)["answers"] == left
        with terminal(tmp_path, "cache", "purge") as screen:
            screen.until("[y/N]")
            screen.type(b"\x03")
            assert screen.end() == 130

    def test_a_file_that_is_no_cache_is_left_alone(self, tmp_path: Path) -> None:
        """Status 1 and the reason; the service moves such a file aside by itself."""
        path = tmp_path / "cache" / "answers.sqlite"
        path.parent.mkdir()
        path.write_bytes(b"something of somebody's")
        for command in ("stats", "purge"):
            ended = inside(tmp_path, "cache", command, *(["--yes"] if command == "purge" else []))
            assert (ended.returncode, ended.stdout) == (1, "") and "not a database" in ended.stderr
        assert path.read_bytes() == b"something of somebody's"
        with pytest.raises(sqlite3.Error):
            purge_file(path)

    def test_without_a_cache_there_is_nothing(self, tmp_path: Path) -> None:
        """Nothing to count and nothing to ask."""
        (tmp_path / "config.yaml").write_text(shipped().replace("backend: local", "backend: none"))
        assert inside(tmp_path, "cache", "stats").stdout.startswith("none: 0 answers")
        assert inside(tmp_path, "cache", "purge").stdout == "none: 0 answers forgotten\n"

    def test_in_redis_only_keys_of_ours_are_counted_and_forgotten(self, tmp_path: Path) -> None:
        """Others use the same Redis."""
        (tmp_path / "config.yaml").write_text(shipped().replace("backend: local", "backend: redis"))
        # a socket's path must be short
        with tempfile.TemporaryDirectory(prefix="v") as folder:
            redis = Server(Path(folder))
            try:
                redis.direct.set("somebody-elses", "value")
                assert piped(tmp_path, "query", "in redis", REDIS_URL=redis.url).returncode == 0
                told = json.loads(inside(tmp_path, "cache", "stats", "--json", REDIS_URL=redis.url).stdout)
                assert told["answers"] == 1 and len(told["models"]) == 1
                _, found = findings(tmp_path, REDIS_URL=redis.url)
                assert bad(found, "redis") == []
                assert (
                    json.loads(inside(tmp_path, "cache", "purge", "--yes", "--json", REDIS_URL=redis.url).stdout)["forgotten"]
                    == 1
                )
                assert redis.direct.keys() == [b"somebody-elses"]
            finally:
                redis.stop()


class TestConfigShow:
    """Every value in force and where it comes from."""

    def test_each_kind_of_source_is_told(self, tmp_path: Path) -> None:
        """File and line, variable, default, built in, catalogue, price list."""
        (tmp_path / "config.yaml").write_text(
            "mode: fast\nmodels:\n  mini: {provider: openai, id: gpt-4o-mini}\n"
            "  own: {provider: openai, id: gpt-4o, price_in: 0.002, price_out: 0.009}\n"
            "  old: {provider: anthropic, id: claude-3-sonnet-20240229}\n"
        )
        ended = inside(tmp_path, "config", "show", "--json", PORT="8123", OPENAI_API_KEY="sk-very-secret-word")
        shown = {row["key"]: row for row in json.loads(ended.stdout)}
        assert len(shown) == len(json.loads(ended.stdout))

        def told(key: str) -> tuple[Any, str]:
            return shown[key]["value"], re.sub(r".*/", "", shown[key]["source"])

        assert told("mode") == ("fast", "config.yaml:1")
        assert told("server.port") == (8123, "environment PORT")
        assert told("timeouts.connect") == (5.0, "default")
        assert told("routing.weights.fast.latency") == (1.0, "default")
        assert told("providers.openai.key_env") == (["OPENAI_API_KEY"], "built in")
        assert told("models.mini.context_window") == (128_000, "catalogue")
        assert told("models.mini.price_in")[1] == "genai-prices"
        assert told("models.own.price_in") == (0.002, "config.yaml:4")
        assert told("models.own.price_in_per_million") == (None, "default")
        assert told("models.old.context_window")[1] == "catalogue, of its successor"
        assert told("models.old.successor")[1] == "catalogue"
        assert "very-secret" not in ended.stdout

    def test_people_see_the_same(self, tmp_path: Path) -> None:
        """A line each: the key, its value, its source."""
        (tmp_path / "config.yaml").write_text(shipped())
        rows = json.loads(inside(tmp_path, "config", "show", "--json").stdout)
        lines = inside(tmp_path, "config", "show").stdout.splitlines()
        assert [line.split()[0] for line in lines] == [row["key"] for row in rows]
        assert [line.rpartition("  # ")[2] for line in lines] == [row["source"] for row in rows]


class TestDemo:
    """Calls of many kinds, so that there is something to see."""

    def test_it_fills_a_service_with_varied_calls(self, tmp_path: Path) -> None:
        """Over every face, in every mode, whole and streamed, some twice; with a bar on a terminal."""
        with running(tmp_path, shipped()) as service:
            with terminal(tmp_path, "demo", "--url", service.url) as screen:
                assert screen.end() == 0
            assert "200 calls in" in screen.shown and "asking" in screen.shown and f"{service.url}/dashboard" in screen.shown
            records = service.records()
        assert len(records) == 200 and {one["outcome"] for one in records} == {"answered"}
        assert {one["face"] for one in records} == {"query", "chat", "messages", "responses"}
        assert {one["mode"] for one in records} == {"fast", "balanced", "accurate", None}
        assert {one["stream"] for one in records} == {True, False}
        assert len({one["served"] for one in records}) >= 4 and len({one["user"] for one in records} - {None}) == 6
        assert sum(one["cache"] == "hit" for one in records) >= 5

    def test_it_pays_nobody_unless_told_to(self, tmp_path: Path) -> None:
        """It says whom and how much, with status 2, and has sent nothing."""
        host = Upstream(well_behaved)
        config = (
            f"providers: {{near: {{dialect: openai, base_url: '{host.base_url}', key_env: null, trusted: true}}}}\n"
            "models: {one: {provider: near, id: one, price_in: 0.01, price_out: 0.02}}\n"
        )
        with running(tmp_path, config) as service:
            ended = piped(tmp_path, "demo", "--count", "20", "--url", service.url)
            assert (ended.returncode, ended.stdout) == (2, "")
            cost = re.search(r"20 of 20 calls would go to real providers \(near\) and cost about \$(\d+\.\d+)", ended.stderr)
            assert cost and float(cost[1]) > 0 and "--yes" in ended.stderr
            assert host.heard == [] and service.records() == []
            ended = piped(tmp_path, "demo", "--count", "20", "--yes", "--json", "--url", service.url)
            told = json.loads(ended.stdout)
            assert (told["sent"], told["answered"], told["failed"]) == (20, 20, 0), ended.stderr
        host.close()

    def test_failures_are_told(self, tmp_path: Path) -> None:
        """Status 1, how many and the first one's reason."""
        with running(tmp_path, shipped().replace("max_body_bytes: 33554432", "max_body_bytes: 1000")) as service:
            count = sum(len(json.dumps(call.ask().body)) > 900 for call in planned(200, []))
            assert count == 0  # no prompt of the demo is that long, so the service has to be the cause
            service.stop()
            ended = piped(tmp_path, "demo", "--count", "3", "--url", service.url)
        assert ended.returncode == 1 and "start one with `llm-router serve`" in ended.stderr

    def test_without_a_url_it_finds_the_service_of_this_configuration(self, service: Service) -> None:
        """By host, port and prefix."""
        ended = piped(service.home, "demo", "--count", "2", "--json", PORT=str(service.port))
        assert ended.returncode == 0 and json.loads(ended.stdout)["url"] == service.url

    def test_its_calls_are_always_the_same(self) -> None:
        """Two runs can be compared."""
        assert planned(200, ["a", "b"]) == planned(200, ["a", "b"])
        assert len({call.prompt for call in planned(200, [])}) > 120
