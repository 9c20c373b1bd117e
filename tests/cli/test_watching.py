"""`tail`, `top` and `stats`: what they show is what the journal and the service's metrics hold."""

import json
import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.following import Follower
from app.cli.scrape import NoMetrics, parsed, percentile, seen_between
from app.cli.stats import zone_here
from app.cli.tail import HEAD, Call, Only, tail, told
from cli.using import STEERING, inside, piped, terminal
from support import Service, eventually, running, shipped

ANY = Only()


def record(number: int, **fields: object) -> bytes:
    """A call's line with as much as a line needs."""
    whole = {"kind": "call", "id": f"{number:024x}", "at": "2026-11-25T14:00:00.000Z", "outcome": "answered", "asked": "auto"}
    return json.dumps(whole | fields, separators=(",", ":")).encode() + b"\n"


def home_with(tmp_path: Path, *lines: bytes) -> Path:
    (tmp_path / "config.yaml").write_text(shipped())
    (tmp_path / "logs").mkdir(exist_ok=True)
    (tmp_path / "logs" / "per_call.jsonl").write_bytes(b"".join(lines))
    return tmp_path


class TestFollower:
    """Each line once, in order, whatever becomes of the files."""

    def test_it_gives_the_last_lines_of_all_files_and_then_what_comes(self, tmp_path: Path) -> None:
        """What was rotated is older than the journal itself."""
        journal = tmp_path / "per_call.jsonl"
        (tmp_path / "per_call.jsonl.20261124T000000.000000Z-1").write_bytes(record(1) + record(2))
        journal.write_bytes(record(3) + record(4) + b'{"torn')
        follower = Follower(journal)
        assert numbers(follower.last(3, wanted=lambda _: True)) == [2, 3, 4]
        assert list(follower.news()) == []
        with journal.open("ab") as file:
            file.write(b"\n" + record(5))
        assert numbers(follower.news()) == [5]

    def test_filters_look_as_far_back_as_they_have_to(self, tmp_path: Path) -> None:
        """Also through blocks in which nothing is wanted."""
        journal = tmp_path / "per_call.jsonl"
        journal.write_bytes(record(1, user="ana") + b"".join(record(n, metadata={"x": "y" * 900}) for n in range(2, 300)))
        follower = Follower(journal)
        assert numbers(follower.last(2, wanted=lambda line: b"ana" in line)) == [1]

    @pytest.mark.parametrize("seed", range(5))
    def test_each_line_comes_once_over_renames_copies_and_late_writers(self, tmp_path: Path, seed: int) -> None:
        """The service renames, logrotate copies and truncates, and a worker may write to a renamed file for a second."""
        dice = random.Random(seed)
        journal = tmp_path / "per_call.jsonl"
        journal.write_bytes(record(0))
        follower = Follower(journal)
        writers = [journal.open("ab")]
        written, seen = 0, []
        for turn in range(60):
            deed = dice.choice(["write", "write", "late", "look", "rename", "copy"])
            if deed in ("write", "late"):
                written += 1
                writer = writers[-1] if deed == "write" else writers[max(len(writers) - 2, 0)]
                writer.write(record(written))
                writer.flush()
            elif deed == "look":
                seen += numbers(follower.news())
            elif deed == "rename" and journal.stat().st_size:
                journal.rename(tmp_path / f"per_call.jsonl.20261125T0000{turn:02}.000000Z-1")
                writers.append(journal.open("ab"))
            elif deed == "copy" and journal.stat().st_size:
                seen += numbers(follower.news())
                (tmp_path / f"per_call.jsonl.copy{turn:02}").write_bytes(journal.read_bytes())
                seen += numbers(follower.news())
                os.truncate(journal, 0)
        seen += numbers(follower.news())
        assert sorted(seen) == list(range(1, written + 1))
        for writer in writers:
            writer.close()


def numbers(lines: object) -> list[int]:
    assert isinstance(lines, list | Iterator)
    return [int(json.loads(line)["id"], 16) for line in lines if line.startswith(b'{"kind"')]


class TestTail:
    """The journal, a line a call."""

    def test_it_shows_the_last_calls_and_filters(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """By a part of the model's name, by mode, outcome and user; together they all have to fit."""
        home = home_with(
            tmp_path,
            record(1, served="openai_gpt4o", model_id="gpt-4o", mode="fast", user="ana"),
            record(2, decided="mistral_small", outcome="failed", error="provider_error", status=502, mode="fast", user="bruno"),
            record(3, asked="gpt-4o", outcome="abandoned", user="ana"),
            b'{"kind": "standing", "id": "x", "at": "y", "models": {}}\n',
            b"not json\n",
        )

        monkeypatch.setenv("LLM_ROUTER_HOME", str(home))

        def ids(only: Only = ANY, last: int = 10) -> list[int]:
            assert tail(only, last, follow=False, as_json=True) == 0
            return [int(json.loads(line)["id"], 16) for line in capsys.readouterr().out.splitlines()]

        assert ids() == [1, 2, 3]
        assert ids(last=1) == [3] and ids(last=0) == []
        assert ids(Only(model="GPT-4o")) == [1, 3]
        assert ids(Only(mode="fast", user="ana")) == [1]
        assert ids(Only(outcome="failed")) == [2]
        shown = piped(home, "tail", "--no-follow").stdout.splitlines()
        assert "502 provider_error" in shown[1] and "user bruno" in shown[1]

    def test_it_follows_a_running_service_over_a_rotation(self, tmp_path: Path) -> None:
        """On a terminal, with the head above and failures in red."""
        (tmp_path / "config.yaml").write_text(shipped().replace("  prompts: hash", "  max_bytes: 4000\n  prompts: hash"))
        with running(tmp_path, (tmp_path / "config.yaml").read_text()) as service, terminal(tmp_path, "tail") as screen:
            screen.until("outcome")
            for number in range(12):
                service.query(f"number {number}", user=f"user-{number}")
            screen.until("user-11")
            assert len(list((tmp_path / "logs").glob("per_call.jsonl.*"))) >= 1
            assert [int(one) for one in re.findall(r"user-(\d+)", screen.shown)] == list(range(12))
            screen.type(b"\x03")
            assert screen.end() == 130

    def test_without_a_journal_it_waits_for_the_first_call(self, tmp_path: Path) -> None:
        """And says so; without following there is nothing to show."""
        ended = piped(tmp_path, "tail", "--no-follow")
        assert (ended.returncode, ended.stdout) == (0, "") and "no journal" in ended.stderr
        with terminal(tmp_path, "tail") as screen:
            screen.until("waiting for the first call")
            home_with(tmp_path, record(1, user="first-of-all"))
            screen.until("first-of-all")

    @given(st.text(), st.text(), st.text(), st.text())
    def test_a_line_is_one_line_in_columns_whatever_stands_in_the_record(self, model: str, mode: str, user: str, at: str) -> None:
        """Callers choose the user, and providers' names come from a configuration."""
        shown = told(Call(kind="call", at=at, outcome=mode, asked=model, mode=mode, user=user, error=user, cache=mode))
        assert not STEERING.search(shown) and len(shown) < 400
        assert HEAD.index("model") == len(told(Call(kind="call", at="", outcome="", asked="x")).partition("x")[0])


class TestTop:
    """A service as it is now."""

    def test_json_and_table_say_what_was_called(self, service: Service) -> None:
        """One object, or one table, for each look."""
        ended = piped(service.home, "top", "--url", service.url, "--count", "2", "--every", "0.2", "--json")
        assert ended.returncode == 0, ended.stderr
        looks = [json.loads(line) for line in ended.stdout.splitlines()]
        assert len(looks) == 2
        called = {record["served"] for record in service.records()}
        assert called <= {one["model"] for one in looks[0]["models"]}
        assert looks[0]["workers"] == 1 and all(one["health"] == "ok" for one in looks[0]["models"])
        table = piped(service.home, "top", "--url", service.url, "--count", "1", "--every", "0.2").stdout
        assert "calls/s" in table and "\x1b" not in table and all(name in table for name in called)

    def test_on_a_terminal_it_is_drawn_anew_in_its_place(self, service: Service) -> None:
        """And waits for a service that is not there for a while."""
        with terminal(service.home, "top", "--url", service.url, "--every", "0.2", "--count", "3", columns=160) as screen:
            assert screen.end() == 0
        assert "\x1b[1A" in screen.shown and "health" in screen.shown

    def test_rates_and_percentiles_are_of_the_time_between_two_looks(self) -> None:
        """A counter that fell belongs to a service that began again."""
        target = 'model="m\\"x",provider="p"'

        def page(calls: int, cost: float, fast: int, slow: int, state: int) -> str:
            return (
                f'llm_router_build_info{{version="9"}} 1\nllm_router_workers 2\nllm_router_circuit_state{{{target}}} {state}\n'
                f'llm_router_requests_total{{{target},route="/query",status="200"}} {calls}\n'
                f"llm_router_cost_usd_total{{{target}}} {cost}\n"
                f'llm_router_request_duration_seconds_bucket{{{target},le="0.1"}} {fast}\n'
                f'llm_router_request_duration_seconds_bucket{{{target},le="1.0"}} {fast + slow}\n'
                f'llm_router_request_duration_seconds_bucket{{{target},le="+Inf"}} {fast + slow}\n'
            )

        seen = seen_between(parsed(page(10, 1.0, 5, 5, 0)), parsed(page(30, 1.5, 15, 15, 2)), 10.0)
        (one,) = seen.models
        assert (one.model, one.provider, one.health, one.calls, seen.version, seen.workers) == ('m"x', "p", "open", 30, "9", 2)
        assert (one.flow.calls_per_second, one.flow.cost_per_hour) == (2.0, 180.0)
        assert one.flow.latency_p50 == 100.0 and 900 < (one.flow.latency_p95 or 0) < 1000
        assert seen_between(parsed(page(10, 1.0, 5, 5, 0)), parsed(page(4, 0.1, 4, 0, 0)), 2.0).total.calls_per_second == 2.0

    @given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.floats(0.01, 0.99))
    def test_a_percentile_lies_in_the_bucket_that_holds_it(self, counts: list[int], share: float) -> None:
        """However the calls are spread."""
        bounds = [float(2**place) for place in range(len(counts))]
        sums = [sum(counts[: place + 1]) for place in range(len(counts))]
        found = percentile(list(zip(bounds, sums, strict=True)), share)
        if not sums[-1]:
            assert found is None
            return
        place = next(place for place, total in enumerate(sums) if total >= sums[-1] * share and total)
        assert found is not None
        assert (bounds[place - 1] if place else 0.0) * 1000 <= found <= bounds[place] * 1000

    @given(st.text())
    def test_any_other_text_is_no_page_of_metrics(self, text: str) -> None:
        """And says so in one way."""
        with pytest.raises(NoMetrics):
            parsed(text)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that was asked by two users in two modes."""
    with running(tmp_path_factory.mktemp("stats"), shipped()) as service:
        for number in range(6):
            service.query(
                f"number {number % 4}", user="ana" if number % 2 else "bruno", mode="fast" if number < 3 else "accurate"
            )
        yield service


class TestStats:
    """Sums, from a service or from the files."""

    def test_service_files_and_journal_agree_to_the_nano_dollar(self, filled: Service) -> None:
        """With a URL, without one, and counted by hand."""
        records = filled.records()

        def remote() -> dict[str, object] | None:
            usage = json.loads(inside(filled.home, "stats", "--by", "model", "--json", "--url", filled.url).stdout)
            return usage if usage["totals"]["calls"] == len(records) else None

        there = eventually(remote, 30)
        here = json.loads(inside(filled.home, "stats", "--by", "model", "--json").stdout)
        assert there["rows"] == here["rows"] and there["totals"] == here["totals"]
        assert here["totals"]["cost_nano_usd"] == sum(one["cost_nano_usd"] for one in records)
        assert here["totals"]["tokens_out"] == sum(one["tokens_out"] for one in records)
        assert {row["model"] for row in here["rows"]} == {one["served"] for one in records}

    def test_without_a_service_the_journal_is_read_first(self, tmp_path: Path) -> None:
        """What was asked in process a moment ago counts, also where the configuration keeps no projection."""
        (tmp_path / "config.yaml").write_text(shipped())
        assert piped(tmp_path, "query", "once").returncode == 0
        assert json.loads(inside(tmp_path, "stats", "--json").stdout)["totals"]["calls"] == 1
        without = shipped().replace("logging:", "logging:\n  usage_path: null", 1)
        (tmp_path / "config.yaml").write_text(without)
        ended = inside(tmp_path, "stats", "--by", "mode", "--json")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["totals"]["calls"] == 1

    def test_people_get_a_table_with_a_total(self, filled: Service) -> None:
        """Each group a row, and all of them below."""
        ended = inside(filled.home, "stats", "--by", "user", "--by", "mode", "--since", "1h", "--tz", "UTC")
        assert ended.returncode == 0, ended.stderr
        lines = ended.stdout.splitlines()
        assert lines[0].endswith(", UTC") and lines[1].split()[:3] == ["user", "mode", "calls"]
        assert [line.split()[:2] for line in lines[2:-1]] == [
            ["ana", "accurate"],
            ["ana", "fast"],
            ["bruno", "accurate"],
            ["bruno", "fast"],
        ]
        assert lines[-1].split()[:2] == ["total", "6"]

    def test_nothing_called_says_what_to_do(self, tmp_path: Path) -> None:
        """An empty table would be no help."""
        ended = inside(tmp_path, "stats")
        assert ended.returncode == 0 and "llm-router demo" in ended.stdout

    def test_days_are_those_of_this_machine(self, tmp_path: Path) -> None:
        """By TZ, else by the system's own setting; what is no name of the database is UTC."""
        zones = tmp_path / "zoneinfo" / "Asia"
        zones.mkdir(parents=True)
        (zones / "Tokyo").touch()
        link = tmp_path / "localtime"
        link.symlink_to(zones / "Tokyo")
        assert zone_here({}, link) == "Asia/Tokyo"
        assert zone_here({"TZ": "Europe/Berlin"}, link) == "Europe/Berlin"
        assert zone_here({"TZ": "CET-1CEST"}, link) == "UTC"
        assert zone_here({}, tmp_path / "none") == "UTC"
        home_with(tmp_path, record(1, at="2026-11-24T20:00:00.000Z", latency_ms=1.0))
        usage = json.loads(inside(tmp_path, "stats", "--json", "--since", "2026-11-24", TZ="Asia/Tokyo").stdout)
        assert [row["day"] for row in usage["rows"]] == ["2026-11-25"] and usage["tz"] == "Asia/Tokyo"
        assert datetime.fromisoformat(usage["from"]).astimezone(UTC).hour == 15
