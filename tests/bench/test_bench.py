"""The benchmark harness counts what it says it counts. Each part runs once, in a tiny form; no figure is judged."""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCH = Path(__file__).parents[2] / "bench"
NAMES = ("children", "load", "measure", "scenarios", "shipped", "upstream", "usage")
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU is read from /proc")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of bench/, which are scripts beside each other and no package."""
    monkeypatch.syspath_prepend(str(BENCH))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    for name in NAMES:
        sys.modules.pop(name, None)


@linux
@pytest.mark.parametrize("mode", [[], ["stream"]])
def test_the_proxy_relays_every_answer_and_its_cpu_is_counted(bench: SimpleNamespace, mode: list[str]) -> None:
    cpus = bench.children.OTHERS
    with bench.children.announced("upstream.py", cpus=cpus) as (_, upstream):
        url = f"http://127.0.0.1:{upstream}/v1/chat/completions"
        with bench.children.announced("bare.py", url, *mode, cpus=cpus) as (bare, port):
            side = bench.measure.Side(bare.pid, port, ["--stream"] if mode else [])
            side.send(20)
            assert bench.children.cpu_seconds(bare.pid) > 0
            assert bench.children.resident_mb(bare.pid) > 1
    assert bare.returncode is not None


@linux
def test_a_refused_call_is_a_failure(bench: SimpleNamespace) -> None:
    with (
        bench.children.announced("bare.py", "http://127.0.0.1:9/", cpus=bench.children.OTHERS) as (bare, port),
        pytest.raises(bench.measure.Failed, match=r"4 of 4 calls failed; the first: 404"),
    ):
        bench.measure.Side(bare.pid, port, ["--path", "/elsewhere"]).send(4)


@linux
def test_a_server_that_is_not_there_is_a_failure(bench: SimpleNamespace) -> None:
    with pytest.raises(bench.measure.Failed, match="no connection"):
        bench.measure.Side(os.getpid(), bench.shipped.free_port(), []).send(4)


@linux
def test_the_cpu_of_children_counts(bench: SimpleNamespace) -> None:
    """Living or ended: what a worker burns is the service's cost."""
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('1', flush=True); sys.stdin.read()"
    with bench.children.child(
        sys.executable, "-c", code, cpus=bench.children.OTHERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline()
        assert bench.children.cpu_seconds(parent.pid) >= 0.18
        parent.stdin.close()


@linux
def test_whatever_a_child_leaves_behind_is_ended(bench: SimpleNamespace) -> None:
    code = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)"
    )
    with bench.children.child(sys.executable, "-c", code, cpus=bench.children.OTHERS, stdout=subprocess.PIPE) as parent:
        orphan = int(parent.stdout.readline())
        parent.wait(timeout=10)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(orphan):
        time.sleep(0.01)
    assert not _runs(orphan)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("path", "model"), [("/v1/chat/completions", "auto"), ("/v1/chat/completions", "bench_07"), ("/query", "auto")]
)
def test_bodies_are_of_one_size_and_no_two_are_equal(bench: SimpleNamespace, path: str, model: str) -> None:
    bodies = [bench.load.body_of(path, model, number, stream=False) for number in range(200)]
    assert {len(body) for body in bodies} == {230}
    assert len(set(bodies)) == 200
    assert all(json.loads(body)["temperature"] == 0 for body in bodies)


def test_the_upstream_answers_about_a_kilobyte_and_fifty_chunks(bench: SimpleNamespace) -> None:
    assert 950 <= len(bench.upstream.BODY) <= 1100
    assert len([bench.upstream.FIRST, *bench.upstream.MIDDLE, bench.upstream.LAST]) == bench.upstream.CHUNKS == 50


def record(cache: str = "miss", outcome: str = "answered", mock: bool = False) -> str:
    return json.dumps({"kind": "call", "outcome": outcome, "cache": cache, "mock": mock}) + "\n"


def test_missing_and_wrong_records_are_noticed(bench: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "per_call.jsonl"
    path.parent.mkdir()
    journal = bench.shipped.Journal(tmp_path)
    assert journal.complaint(1, "miss") is not None
    path.write_text(record() * 3 + '{"kind": "standing"}\n\n')
    assert journal.complaint(3, "miss") is None
    with path.open("a") as file:
        file.write(record() + record(outcome="failed") + record(cache="off") + record(mock=True))
    complaint = journal.complaint(4, "miss")
    assert "4 records" in complaint
    assert "1 with outcome failed" in complaint
    assert "1 with cache off" in complaint
    assert "1 with mock True" in complaint
    assert journal.complaint(0, "miss") is None


def test_records_are_read_once_across_a_rotation(bench: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "per_call.jsonl"
    path.parent.mkdir()
    path.write_text(record())
    journal = bench.shipped.Journal(tmp_path)
    journal.skip()
    with path.open("a") as file:
        file.write(record())
    path.rename(path.with_suffix(".jsonl.1"))
    path.write_text(record())
    assert journal.complaint(2, "miss") is None


def test_a_run_measures_in_a_clean_environment(bench: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LLM_ROUTER_API_KEYS", "REDIS_URL", "https_proxy"):
        monkeypatch.setenv(name, "x")
    assert not {"OPENAI_API_KEY", "LLM_ROUTER_API_KEYS", "REDIS_URL", "https_proxy"} & bench.children.environment().keys()


@linux
def test_the_projector_is_told_apart_from_what_serves(bench: SimpleNamespace) -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass\nprint('1', flush=True); input()"
    inner = f"import sys; sys.argv = ['logging_utils.usage.child']\n{spin}"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with bench.children.child(
        sys.executable, "-c", code, cpus=bench.children.OTHERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline()
        # the parent's own command holds the mark, too: here both stand for the projector
        assert bench.children.cpu_seconds(parent.pid, projecting=True) >= 0.18
        assert bench.children.cpu_seconds(parent.pid) == 0
        parent.stdin.close()


def test_every_question_about_usage_is_asked(bench: SimpleNamespace, tmp_path: Path) -> None:
    rows = bench.usage.usage_rows(tmp_path, 3000)
    assert [row["name"] for row in rows] == ["usage", "questions"]
    assert all(row["value"] > 0 for row in rows)
    asked = rows[1]["medians_ms"]
    assert len(asked) >= 50
    assert {"hour,model Asia/Kolkata", "a call", "calls user=team-03"} <= set(asked)
