"""What `/metrics` says, read by Prometheus's own parser."""

from collections import defaultdict

from prometheus_client.parser import text_string_to_metric_families

PREFIX = "llm_router_"


class Metrics:
    """The samples of one scrape. Names are given without the prefix of ours."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for family in self.families:
            for sample in family.samples:
                self._samples[sample.name].append((sample.labels, sample.value))

    def all(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Every series of a sample name: its labels and value."""
        return self._samples.get(PREFIX + name.removeprefix(PREFIX), [])

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series that have these labels."""
        return sum(value for own, value in self.all(name) if labels.items() <= own.items())

    def value(self, name: str, **labels: str) -> float:
        """The one series with exactly these labels."""
        found = [value for own, value in self.all(name) if own == labels]
        assert len(found) == 1, f"{len(found)} series of {name} with {labels}: {self.all(name)}"
        return found[0]

    def check_histograms(self) -> None:
        """Buckets only rise, end at +Inf, and the last is the count."""
        for family in self.families:
            if family.type != "histogram":
                continue
            counts = {tuple(sorted(own.items())): value for own, value in self.all(f"{family.name}_count")}
            rows: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
            for own, value in self.all(f"{family.name}_bucket"):
                rows[tuple(sorted((k, v) for k, v in own.items() if k != "le"))].append((float(own["le"]), value))
            assert rows.keys() == counts.keys()
            for key, row in rows.items():
                assert row == sorted(row) and [value for _, value in row] == sorted(value for _, value in row), key
                assert row[-1] == (float("inf"), counts[key]), key

    def counters(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Everything that may never go down."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            if family.type in ("counter", "histogram")
            for sample in family.samples
            if not sample.name.endswith("_created")
        }
