"""The Grafana dashboard and Prometheus's rules against what `GET /metrics` really exports; by promtool where it is found."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.errors import RouterError
from app.metrics.names import ALL, ROUTES
from support import ROOT, Heard, Service, Upstream, eventually, http, running, well_behaved

DEPLOY = ROOT / "deploy"
BOARD = DEPLOY / "grafana" / "llm-router.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
FOREIGN = {"job", "instance", "le", "severity"}
"""Labels that Prometheus adds, or that a histogram has; few values each."""
BOUNDED = {"model", "provider", "route", "status", "code", "result", "type", "kind", "state", "version"}
PROMTOOL = shutil.which("promtool")
promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="not run: promtool is not on the PATH (Debian's package prometheus has it)"
)

Exported = dict[str, set[str]]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The text of a service at which something of everything happened."""
    sound, ill = Upstream(well_behaved), Upstream(failing)
    config = f"""
providers: {{sound: {{base_url: "{sound.base_url}", key_env: null}}, ill: {{base_url: "{ill.base_url}", key_env: null}}}}
models:
  a: {{provider: ill, id: a-1, fallbacks: [b]}}
  b: {{provider: sound, id: b-1}}
  c: {{provider: ill, id: c-1}}
"""
    with running(tmp_path_factory.mktemp("boards"), config) as service:
        talked_with(service)
        yield eventually(lambda: text_with_all(service))
    sound.close()
    ill.close()


def failing(_heard: Heard) -> Iterator[bytes]:
    yield http(b'{"error": {"message": "overloaded"}}', 503)


def talked_with(service: Service) -> None:
    for number in range(8):
        service.chat(f"number {number}", model="a")
        service.chat(f"number {number}", model="c")
    for _ in range(2):
        service.query("the same", model="b")
    service.chat(model="b", stream=True)
    for name in ("<script>", "x" * 10_000, "a\nb"):
        service.chat(model=name, user=f"canary {name[:10]}")
        service.request(f"/canary-{len(name)}")


def text_with_all(service: Service) -> str:
    text = service.request("/metrics").body.decode()
    return text if "llm_router_circuit_state{" in text else ""


def exported(text: str) -> Exported:
    """Every metric as queries name it, with the labels that its series have."""
    known = {metric.name: set(metric.labels) for metric in ALL}
    found: Exported = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = set().union(*(set(sample.labels) for sample in family.samples)) - {"le"} if family.samples else known[name]
        for spelled in [f"{name}_bucket", f"{name}_sum", f"{name}_count"] if family.type == "histogram" else [name]:
            found[spelled] = labels
    return found


def board() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(BOARD.read_text())
    return read


def panels() -> list[dict[str, Any]]:
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    variables = [one["definition"] for one in board()["templating"]["list"] if one["type"] == "query"]
    return [*asked, *variables, *(rule["expr"] for rule in rules())]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bllm_router_\w+", expression))


def labels_in(expression: str) -> set[str]:
    """The labels of matchers, of `by (...)` and of `label_values`."""
    found = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    for listed in re.findall(r"\bby\s*\(([^)]*)\)", expression):
        found |= {name.strip() for name in listed.split(",")}
    found |= set(re.findall(r"^label_values\(.*,\s*(\w+)\)$", expression))
    return found


def test_every_metric_and_label_that_is_asked_for_is_exported(metrics: str) -> None:
    there = exported(metrics)
    assert len(expressions()) > 40
    for expression in expressions():
        names = names_in(expression)
        assert names <= set(there), expression
        labels = set().union(*(there[name] for name in names)) | FOREIGN
        assert labels_in(expression) <= labels, expression
        assert names or expression.startswith("up{"), expression


def test_every_metric_that_is_exported_is_on_the_board(metrics: str) -> None:
    shown = set().union(*(names_in(target["expr"]) for panel in panels() for target in panel["targets"]))
    for metric in ALL:
        assert shown & {metric.name, f"{metric.name}_bucket"}, metric.name
    assert shown <= set(exported(metrics))


def test_no_label_takes_a_caller_s_words(metrics: str) -> None:
    assert "canary" not in metrics and "xxxx" not in metrics and "script" not in metrics
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            assert set(sample.labels) <= BOUNDED | {"le"}
            assert sample.labels.get("model") in {None, "a", "b", "c", "none"}
            assert sample.labels.get("route") in {None, "other", *ROUTES}


def test_values_that_rules_and_panels_look_for_exist() -> None:
    codes = {shape.code for shape in tree(RouterError)}
    for expression in expressions():
        for values in re.findall(r'\bcode=~?"([^"$]+)"', expression):
            assert set(values.split("|")) <= codes, expression
        for values in re.findall(r'\bkind=~?"([^"$]+)"', expression):
            assert set(values.split("|")) <= {"failed", "unreadable", "dropped", "quarantined"}, expression


def tree(shape: type[RouterError]) -> Iterator[type[RouterError]]:
    yield shape
    for below in shape.__subclasses__():
        yield from tree(below)


def test_counters_are_asked_for_their_growth() -> None:
    """A counter's own value says how long a process lives; only the one rule that explains itself looks at it."""
    counters = "|".join(metric.name for metric in ALL if metric.kind == "counter")
    for expression in [target["expr"] for panel in panels() for target in panel["targets"]]:
        for name in re.findall(rf"\b(?:{counters})\b", expression):
            assert re.search(rf"\b(?:rate|increase)\({name}\b", expression), expression


def test_panels_do_not_overlap_and_each_has_an_id_of_its_own() -> None:
    every = board()["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 8
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}


def ran(*arguments: str, given: bytes | None = None) -> str:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments],
        input=given,
        cwd=DEPLOY / "prometheus",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


@promtool
def test_promtool_takes_rules_configuration_and_metrics(metrics: str) -> None:
    assert f"{len(rules())} rules found" in ran("check", "rules", "alerts.yml")
    ran("check", "config", "scrape.yml")
    ran("check", "metrics", given=metrics.encode())


@promtool
def test_promtool_sees_the_alerts_come_and_go() -> None:
    assert "SUCCESS" in ran("test", "rules", "alerts.test.yml")


@promtool
def test_promtool_parses_every_expression_of_the_board(tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = [re.sub(r"\$__\w+", "5m", target["expr"]) for panel in panels() for target in panel["targets"]]
    path = tmp_path_factory.mktemp("board") / "board.yml"
    recorded = [{"record": f"board:{number}", "expr": expression} for number, expression in enumerate(plain)]
    path.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": recorded}]}))
    assert f"{len(plain)} rules found" in ran("check", "rules", str(path))


def test_the_guide_lists_every_alert_with_its_severity() -> None:
    page = (ROOT / "docs" / "guides" / "metrics.md").read_text()
    listed = dict(re.findall(r"^\| `(LlmRouter\w+)` \|.*\| (\w+) \|$", page, re.M))
    assert listed == {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
