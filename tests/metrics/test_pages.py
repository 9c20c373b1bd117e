"""docs/reference/metrics.md and docs/guides/metrics.md against the code: every metric with what it is, and no other."""

import re

import yaml

from app.metrics.names import ALL, DURATION, FIRST_TOKEN, LAG, OVERHEAD, PREFIX, ROUTE_OF, ROUTES, Metric
from app.metrics.tally import MOST_SERIES
from support import ROOT

REFERENCE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
GUIDE = (ROOT / "docs" / "guides" / "metrics.md").read_text()


def rows(head: str) -> list[list[str]]:
    """The cells of the table that begins with `head`."""
    table = REFERENCE.partition(head)[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_reference_lists_exactly_the_metrics_as_they_are() -> None:
    listed = [(words(name)[0], kind, tuple(words(labels)), text) for name, kind, labels, text in rows("| name |")]
    assert listed == [(metric.name, metric.kind, metric.labels, metric.help) for metric in ALL]


def test_the_reference_explains_exactly_the_labels() -> None:
    assert {words(row[0])[0] for row in rows("| label |")} == {label for metric in ALL for label in metric.labels}


def test_the_reference_names_every_route_and_the_bound() -> None:
    (cell,) = [row[1] for row in rows("| label |") if words(row[0]) == ["route"]]
    assert ROUTES | set(ROUTE_OF.values()) <= set(words(cell))
    assert f"at most {MOST_SERIES:,} series" in REFERENCE


def _bounds(metric: Metric) -> str:
    return ", ".join(f"{bound / metric.scale:g}" for bound in metric.bounds)


def test_the_reference_lists_the_buckets() -> None:
    assert DURATION.bounds == FIRST_TOKEN.bounds and OVERHEAD.bounds == LAG.bounds
    buckets = re.findall(r"seconds`: ([0-9., ]+)\.", " ".join(REFERENCE.split()))
    assert buckets == [_bounds(DURATION), _bounds(OVERHEAD)]


def test_the_guide_is_sound_yaml_and_asks_only_for_metrics_that_are_there() -> None:
    (scrape,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    assert scrape["scrape_configs"][0]["authorization"]["type"] == "Bearer"
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(rf"{PREFIX}[a-z_]+", GUIDE)}
    assert len(named) >= 6 and named <= {metric.name for metric in ALL}


def test_the_guide_filters_by_labels_that_the_metric_has() -> None:
    known = {metric.name: metric.labels for metric in ALL}
    for name, inside in re.findall(rf"({PREFIX}[a-z_]+)\{{([^}}]*)\}}", GUIDE):
        assert set(re.findall(r"(\w+)=", inside)) <= set(known[name])
    for labels, name in re.findall(rf"by \(([^)]*)\) \((?:\w+\()?({PREFIX}[a-z_]+)", GUIDE):
        metric = re.sub(r"_(bucket|sum|count)$", "", name)
        assert set(re.split(r", ", labels)) <= {*known[metric], "le"}
