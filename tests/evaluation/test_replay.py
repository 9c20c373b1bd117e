"""`llm-router replay`: logged decisions come out again bit for bit or say why not, and judge another policy by what was drawn."""

import gzip
import os
import pty
import random
import subprocess
import sys
import tracemalloc
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.cli.replay import Asked, replay
from app.config.home import Environment
from app.config.load import load
from app.domain.decision import LiveModel, Standing
from app.evaluation.policy import Policy
from app.evaluation.replay import Replay, Span
from app.router_engine.standing import standing_id
from evaluation.journals import BETTER, CHEAPER, ROWS, START, WIDE, configured, lines_of, snapshot_in, written
from support import Upstream, child_env, eventually, running, well_behaved

DRAWN = ("exploration: 0.6", WIDE, CHEAPER)


class Told:
    """What a replay printed, and its status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.out)

    def outcome(self, name: str) -> dict[str, Any]:
        (one,) = [one for one in self.json["judged"]["outcomes"] if one["name"] == name]
        return one


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs the command in this process, without keys, with a home of its own."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLM_ROUTER_HOME", str(tmp_path))

    def run(journal: Path, *, policy: str | None = None, as_json: bool = True, min_ess: float = 100, **more: Any) -> Told:
        other = None
        if policy is not None:
            other = tmp_path / "other.yaml"
            other.write_text(policy)
        asked = {"policy": other, "picture": None, "since": None, "until": None} | more
        status = replay(Asked(journal=journal, min_ess=min_ess, **asked), as_json)
        said = capsys.readouterr()
        return Told(status, said.out, said.err)

    return run


class TestBitForBit:
    def test_what_the_service_logged_comes_out_again(self, tmp_path: Path) -> None:
        """Two workers, real calls with live figures, exploration, wishes of every kind; then the command as a process of its own."""
        upstream = Upstream(well_behaved)
        config = (
            f"providers: {{here: {{base_url: {upstream.base_url}, key_env: null}}}}\n"
            "models:\n  a: {provider: here, id: a, quality: 0.7, price_in: 0.001, price_out: 0.002, capabilities: [tools, streaming]}\n"
            "  b: {provider: here, id: b, quality: 0.8, price_in: 0.004, price_out: 0.008, capabilities: [tools, streaming]}\n"
            "routing: {exploration: 0.5, exploration_gap: 1}\n"
        )
        chance = random.Random(2)
        with running(tmp_path, config, workers=2) as service:

            def ask() -> bool:
                wishes: dict[str, Any] = {"mode": chance.choice(["fast", "balanced", "accurate"]), "cache": "off", "stream": True}
                if chance.random() < 0.3:
                    wishes |= {"constraints": {"min_quality": 0.1, "exclude": ["nobody"]}, "max_tokens": 50, "session": "s"}
                assert service.query("why " * chance.randint(1, 60), **wishes).status == 200
                return any(call["decision"]["standing"] != "none" for call in service.records())

            eventually(ask, 30)
            for _ in range(40):
                ask()
            assert service.chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]).status == 200
            calls = len(service.records())
        upstream.close()
        command = [sys.executable, "-m", "app.cli", "replay", str(tmp_path / "logs" / "per_call.jsonl"), "--json"]
        done = subprocess.run(command, env=child_env(LLM_ROUTER_HOME=str(tmp_path)), capture_output=True, timeout=60, check=False)
        report = msgspec.json.decode(done.stdout)
        assert (done.returncode, report["equal"], report["different"], report["reasons"]) == (0, calls, 0, {}), done
        assert done.stderr == b""
        kinds = [line["kind"] for line in map(msgspec.json.decode, _lines(tmp_path))]
        assert "standing" in kinds
        notes = [line["decision"] for line in map(msgspec.json.decode, _lines(tmp_path)) if line["kind"] == "call"]
        assert {note["propensity"]["intended"] for note in notes} == {0.25, 0.75}
        assert len({note["ranking"][0] for note in notes}) == 2

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            (b'"ranking":["cheap","dear"]', b'"ranking":["dear","cheap"]', "ranking: logged dear > cheap, computed cheap > dear"),
            (b'"propensity":{"intended":1.0', b'"propensity":{"intended":0.5', "propensity: logged 0.5, computed 1.0"),
            (b'"z":"', b'"z":"*', "z is no base64"),
            (b'"z":"', b'"z":"","was":"', "no decision comes out"),
        ],
    )
    def test_a_line_that_was_changed_is_named(self, tmp_path: Path, told: Any, old: bytes, new: bytes, says: str) -> None:
        """File, line, call and what differs; status 1."""
        snapshot = snapshot_in(tmp_path, CHEAPER)
        lines = lines_of(snapshot, 5)
        assert old in lines[3]
        changed = lines[3].replace(old, new)
        path = written(tmp_path, [*lines[:3], changed, lines[4]], snapshot)
        found = told(path)
        assert found.status == 1 and found.json["equal"] == 4
        (one,) = found.json["differences"]
        assert (one["line"], one["file"], one["id"]) == (4, str(path), f"{3:024x}")
        assert one["what"].startswith(says)
        assert f"{path}:4: call {3:024x}: {says}" in told(path, as_json=False).out

    def test_a_missing_archive_is_a_reason_that_names_the_file(self, tmp_path: Path, told: Any) -> None:
        path = written(tmp_path, lines_of(snapshot_in(tmp_path), 4), None)
        found = told(path)
        assert found.status == 1
        ((reason, count),) = found.json["reasons"].items()
        assert count == 4 and "no archived snapshot" in reason and str(path.parent / "snapshots") in reason

    def test_weights_of_another_version_are_a_reason_that_names_them(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path)
        lines = lines_of(snapshot, 3)
        note = msgspec.json.decode(lines[1])["decision"]
        lines[1] = lines[1].replace(note["weights"].encode(), b"0123456789ab")
        found = told(written(tmp_path, lines, snapshot))
        assert (found.status, found.json["equal"]) == (0, 2)
        ((reason, count),) = found.json["reasons"].items()
        assert count == 1 and "0123456789ab" in reason and note["weights"] in reason

    def test_decisions_with_live_figures_need_their_line(self, tmp_path: Path, told: Any) -> None:
        """Written before the calls that name it; without the older file they cannot be computed, and say so."""
        snapshot = snapshot_in(tmp_path, *DRAWN)
        models = {"cheap": LiveModel(50.0, 20.0, False), "dear": LiveModel(None, None, True)}
        live = Standing(standing_id(models), models)
        lines = lines_of(snapshot, 10, standings=lambda _: live)
        assert len(lines) == 11
        assert told(written(tmp_path, lines, snapshot)).json["equal"] == 10
        found = told(written(tmp_path, lines[1:], snapshot))
        ((reason, count),) = found.json["reasons"].items()
        assert (found.status, count) == (1, 10) and "live figures" in reason


class TestReading:
    def test_damaged_and_foreign_lines_are_counted_and_skipped(self, tmp_path: Path, told: Any) -> None:
        """Torn, binary, deep, of another kind, of impossible amounts; and a tail without a newline."""
        snapshot = snapshot_in(tmp_path)
        lines = lines_of(snapshot, 6)
        bad = [
            lines[0][:200] + b"\n",
            b"\xff\xfe\x00\n",
            b"[" * 20_000 + b"\n",
            b'{"kind":"invoice","id":"x"}\n',
            lines[1].replace(b'"cost_usd":0.001', b'"cost_usd":-3'),
            b"null\n",
        ]
        path = written(tmp_path, [*bad, *lines[:3], b"\n\n", *lines[3:], lines[0][:99]], snapshot)
        found = told(path)
        assert (found.status, found.json["skipped"], found.json["calls"], found.json["equal"]) == (0, 7, 6, 6)

    def test_rotated_files_are_read_in_order_and_copies_once(self, tmp_path: Path, told: Any) -> None:
        """Packed ones too; live figures of the oldest file serve the decisions of the newest."""
        snapshot = snapshot_in(tmp_path, *DRAWN)
        models = {"dear": LiveModel(9.0, 900.0, False)}
        live = Standing(standing_id(models), models)
        lines = lines_of(snapshot, 30, standings=lambda _: live)
        path = written(tmp_path, lines[20:], snapshot)
        path.with_name("per_call.jsonl.2.gz").write_bytes(gzip.compress(b"".join(lines[:10])))
        path.with_name("per_call.jsonl.1").write_bytes(b"".join(lines[10:20]))
        path.with_name("per_call.jsonl.bak").write_bytes(b"".join(lines[10:15]))
        found = told(path)
        assert [Path(file).name for file in found.json["files"]] == ["per_call.jsonl.2.gz", "per_call.jsonl.1", "per_call.jsonl"]
        assert (found.status, found.json["calls"], found.json["equal"]) == (0, 30, 30)

    def test_a_packed_file_that_was_cut_off_is_an_error_with_its_name(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path)
        path = written(tmp_path, lines_of(snapshot, 3), snapshot)
        path.with_name("per_call.jsonl.1.gz").write_bytes(gzip.compress(b"".join(lines_of(snapshot, 200)))[:-400])
        found = told(path)
        assert found.status in (1, 2) and "per_call.jsonl" in found.err and "Traceback" not in found.err

    def test_a_long_journal_takes_no_more_memory_than_a_short_one(self, tmp_path: Path) -> None:
        """With another policy to judge; in bytes, of everything that Python allocates."""
        snapshot = snapshot_in(tmp_path, *DRAWN)
        lines = lines_of(snapshot, 1000)
        other = tmp_path / "other.yaml"
        other.write_text(configured(BETTER))
        peaks = []
        for times in (1, 1, 6):
            path = written(tmp_path, lines * times, snapshot)
            policy = Policy(load(other, {}), Environment(tmp_path, {}, frozenset()), other)
            tracemalloc.start()
            assert Replay(path, policy, Span(), 100).run(lambda _: None).equal == 1000 * times
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[2] < 1.5 * max(peaks[1], 2_000_000)

    def test_since_and_until_bound_the_calls(self, tmp_path: Path, told: Any) -> None:
        """A call is at its end; the first bound is inside, the second outside."""
        snapshot = snapshot_in(tmp_path)
        path = written(tmp_path, lines_of(snapshot, 20), snapshot)
        span = {"since": "2026-11-25T08:00:05Z", "until": "2026-11-25T10:00:15+02:00"}
        assert told(path, **span).json["calls"] == 10
        assert told(path, since=START.date().isoformat()).json["calls"] == 20
        assert told(path, until=START.date().isoformat()).json["calls"] == 0

    def test_calls_by_name_and_of_others_are_not_decisions(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path)
        named = lines_of(snapshot, 2, decision=None)
        judges = lines_of(snapshot, 3, purpose="judge")
        found = told(written(tmp_path, [*named, *judges, *lines_of(snapshot, 4)], snapshot))
        assert [found.json[name] for name in ("calls", "by_name", "equal", "skipped")] == [6, 2, 4, 0]

    def test_a_bar_is_shown_to_a_terminal_alone(self, tmp_path: Path) -> None:
        """On standard error, so that what is piped stays what it is."""
        snapshot = snapshot_in(tmp_path)
        path = written(tmp_path, lines_of(snapshot, 50), snapshot)
        ours, theirs = pty.openpty()
        env = child_env(LLM_ROUTER_HOME=str(tmp_path), TERM="xterm")
        command = [sys.executable, "-m", "app.cli", "replay", str(path), "--json"]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=False)
        os.close(theirs)
        shown = os.read(ours, 65_536)
        os.close(ours)
        assert msgspec.json.decode(done.stdout)["equal"] == 50 and b"replaying" in shown


class TestAnotherPolicy:
    def test_what_it_would_have_reached_is_covered(self, tmp_path: Path, told: Any) -> None:
        """3,000 calls of a policy that likes the cheap model, judged for one that likes the dear one: 0.8 instead of about 0.65,
        at four times the price. Every estimator's interval holds it, and the verdicts say so."""
        snapshot = snapshot_in(tmp_path, *DRAWN)
        path = written(tmp_path, lines_of(snapshot, 3000), snapshot)
        found = told(path, policy=configured(BETTER))
        assert found.status == 0
        for name, truth in (("quality", 0.8), ("cost_usd", 0.004), ("latency_ms", 800)):
            estimates = found.outcome(name)["estimates"]
            for estimator in ("ips", "snips", "doubly_robust"):
                one = estimates["values"][estimator]
                assert one["low"] - 1e-9 <= truth <= one["high"] + 1e-9, (name, estimator, one)
        assert found.outcome("quality")["verdict"] == "quality would have been higher"
        assert found.outcome("cost_usd")["verdict"] == "cost_usd would have been higher"
        assert 800 < found.outcome("quality")["estimates"]["effective_size"] < 1000
        assert found.json["judged"]["unseen"] == found.json["judged"]["refused"] == 0
        words = told(path, policy=configured(BETTER), as_json=False).out
        assert "quality would have been higher: +0.1" in words and "SNIPS" in words

    def test_the_policy_in_force_is_no_better_than_itself(self, tmp_path: Path, told: Any) -> None:
        """Without exploration on either side the estimates are the logged mean."""
        snapshot = snapshot_in(tmp_path, CHEAPER)
        found = told(written(tmp_path, lines_of(snapshot, 300), snapshot), policy=configured(CHEAPER))
        assert found.json["judged"]["differs"] == 0
        quality = found.outcome("quality")
        assert quality["verdict"] == "no difference in quality is shown"
        assert quality["estimates"]["values"]["ips"] == pytest.approx(quality["estimates"]["logged"])

    def test_too_little_evidence_is_no_verdict_but_a_remedy(self, tmp_path: Path, told: Any) -> None:
        """Status 1, so that a script does not go on as if there were one; a lower bound may be asked for."""
        snapshot = snapshot_in(tmp_path, "exploration: 0.1", WIDE, CHEAPER)
        path = written(tmp_path, lines_of(snapshot, 400), snapshot)
        found = told(path, policy=configured(BETTER))
        quality = found.outcome("quality")
        assert (found.status, quality["verdict"]) == (1, None)
        assert "below 100" in quality["refusal"] and "routing.exploration" in quality["refusal"]
        assert quality["estimates"]["values"]["ips"]["value"] > 0
        assert told(path, policy=configured(BETTER), min_ess=5).status == 0

    def test_a_difference_that_was_hardly_seen_is_no_verdict(self, tmp_path: Path, told: Any) -> None:
        """However many calls agree: the interval would rest on the router's own predictions."""
        snapshot = snapshot_in(tmp_path, "exploration: 0.04", WIDE, CHEAPER)
        path = written(tmp_path, lines_of(snapshot, 200), snapshot)
        found = told(path, policy=configured(BETTER), min_ess=1)
        assert 0 < found.json["judged"]["seen"] < 10 and found.json["judged"]["differs"] == 1
        assert (found.status, found.outcome("quality")["verdict"]) == (1, None)
        assert "10 are needed" in found.outcome("quality")["refusal"]

    def test_choices_that_were_never_drawn_are_no_evidence(self, tmp_path: Path, told: Any) -> None:
        """Without exploration, where two policies differ nothing was seen, however many calls there are."""
        snapshot = snapshot_in(tmp_path, CHEAPER)
        found = told(written(tmp_path, lines_of(snapshot, 500), snapshot), policy=configured(BETTER))
        assert (found.status, found.json["judged"]["unseen"]) == (1, 1)
        assert "never drawn" in found.outcome("quality")["refusal"]

    def test_a_model_is_known_by_its_provider_and_id_not_by_its_name(self, tmp_path: Path, told: Any) -> None:
        """The other configuration may call the rows what it likes; a name that means another model is another model."""
        snapshot = snapshot_in(tmp_path, CHEAPER)
        path = written(tmp_path, lines_of(snapshot, 150), snapshot)
        renamed = ROWS.replace("cheap:", "little:") + f"routing: {{{CHEAPER}}}\n"
        assert told(path, policy=renamed).json["judged"]["differs"] == 0
        swapped = configured(CHEAPER).replace("gpt-4o-mini", "gpt-4.1-nano")
        assert told(path, policy=swapped).json["judged"]["unseen"] == 1

    def test_who_was_real_is_the_archives_word(self, tmp_path: Path, told: Any) -> None:
        """Logged with a key for one provider: the other policy may choose that provider's models alone, wherever it is judged."""
        folder = tmp_path / "logged"
        folder.mkdir()
        from config.cases import compiled  # noqa: PLC0415

        snapshot = compiled(folder, configured(CHEAPER), {"OPENAI_API_KEY": "k"})
        found = told(written(tmp_path, lines_of(snapshot, 120), snapshot), policy=configured(BETTER))
        assert found.json["judged"]["differs"] == 0

    def test_later_scores_count_wherever_they_stand(self, tmp_path: Path, told: Any) -> None:
        """The last one takes the place of what the record said."""
        snapshot = snapshot_in(tmp_path, CHEAPER)
        lines = lines_of(snapshot, 200, score=None)
        scores = [
            msgspec.json.encode(
                {"kind": "score", "call": f"{n:024x}", "call_at": "", "model": "cheap", "at": "", "scorer": "people", "score": s}
            )
            + b"\n"
            for s in (0.9, 0.25)
            for n in range(150)
        ]
        found = told(written(tmp_path, [*scores, *lines], snapshot), policy=configured(CHEAPER))
        estimates = found.outcome("quality")["estimates"]
        assert estimates["rows"] == 150 and estimates["logged"]["value"] == pytest.approx(0.25)

    def test_a_failed_call_is_worth_nothing_and_an_abandoned_one_tells_nothing(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path, CHEAPER)
        lines = [
            *lines_of(snapshot, 100, score=0.5),
            *lines_of(snapshot, 100, score=None, outcome="failed"),
            *lines_of(snapshot, 70, score=None, outcome="abandoned"),
            *lines_of(snapshot, 50, score=None, cost_usd=None),
        ]
        found = told(written(tmp_path, lines, snapshot), policy=configured(CHEAPER))
        assert found.outcome("quality")["estimates"]["logged"]["value"] == pytest.approx(0.25)
        rows = [found.outcome(name)["estimates"]["rows"] for name in ("quality", "cost_usd", "latency_ms")]
        assert rows == [200, 200, 250]

    def test_simulated_calls_are_judged_only_where_there_are_no_others(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path, CHEAPER)
        mocks = lines_of(snapshot, 120, mock=True)
        found = told(written(tmp_path, mocks, snapshot), policy=configured(CHEAPER), as_json=False)
        assert "simulated" in found.out
        both = told(written(tmp_path, [*mocks, *lines_of(snapshot, 110)], snapshot), policy=configured(CHEAPER))
        assert (both.json["judged"]["simulated"], both.json["judged"]["decisions"]) == (False, 110)

    def test_the_picture_shows_each_estimate(self, tmp_path: Path, told: Any) -> None:
        """Sound XML, whatever the policy's file is called."""
        snapshot = snapshot_in(tmp_path, *DRAWN)
        path = written(tmp_path, lines_of(snapshot, 400), snapshot)
        picture = tmp_path / "plot.svg"
        told(path, policy=configured(BETTER), picture=picture)
        texts = [text.text for text in ET.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
        assert texts.count("SNIPS") == 3 and texts.count("logged") == 3 and "quality (score, 0..1)" in texts


class TestWrongUse:
    def test_a_policy_that_is_no_configuration_is_one_line(self, tmp_path: Path, told: Any) -> None:
        path = written(tmp_path, [], None)
        found = told(path, policy="models: {}\n")
        assert found.status == 2 and found.err.startswith(f"{tmp_path / 'other.yaml'}") and found.err.count("\n") == 1

    @pytest.mark.parametrize("more", [{"since": "yesterday"}, {"until": "2026-13-01"}, {"picture": Path("x.svg")}])
    def test_what_makes_no_sense_is_one_line(self, tmp_path: Path, told: Any, more: dict[str, Any]) -> None:
        found = told(written(tmp_path, [], None), **more)
        assert found.status == 2 and found.err.count("\n") == 1

    def test_a_journal_that_is_not_there_is_named(self, tmp_path: Path, told: Any) -> None:
        found = told(tmp_path / "no.jsonl")
        assert found.status == 2 and "no.jsonl" in found.err

    def test_an_empty_journal_shows_nothing(self, tmp_path: Path, told: Any) -> None:
        found = told(written(tmp_path, [], None), policy=configured(CHEAPER))
        assert found.status == 1 and found.json["calls"] == 0
        assert all(one["refusal"] for one in found.json["judged"]["outcomes"])

    def test_a_picture_that_cannot_be_written_is_a_failure(self, tmp_path: Path, told: Any) -> None:
        snapshot = snapshot_in(tmp_path, CHEAPER)
        path = written(tmp_path, lines_of(snapshot, 3), snapshot)
        found = told(path, policy=configured(CHEAPER), picture=tmp_path / "no" / "x.svg")
        assert found.status == 1 and "x.svg" in found.err


def _lines(home: Path) -> list[bytes]:
    return (home / "logs" / "per_call.jsonl").read_bytes().splitlines()
