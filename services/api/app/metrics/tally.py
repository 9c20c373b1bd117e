"""One worker's counts: whole numbers in lists, found by metric and labels. Cheap to raise; no file, no text, no clock.

Measured for the nine operations of a call: prometheus_client 4.9 us in one process and 11.9 us in its multiprocess mode, the lists
here less than a microsecond. Cells belong to the event loop's thread: another thread may only read them.
"""

from msgspec import Struct

from .names import ALL, OTHER, Metric

MOST_SERIES = 2_000
"""Series of one metric; what comes after goes into one series whose labels all say `other`."""

Cells = list[int]
Series = tuple[tuple[str, ...], Cells]


class State(Struct, frozen=True):
    """All counts of a worker, or of several: series by the metric's name."""

    series: dict[str, list[Series]]


class Tally:
    """The series of one worker. Metrics without labels are there from the start, at 0."""

    def __init__(self) -> None:
        self._series: dict[str, dict[tuple[str, ...], Cells]] = {metric.name: {} for metric in ALL}
        for metric in ALL:
            if not metric.labels:
                self.cells(metric)

    def cells(self, metric: Metric, *labels: str) -> Cells:
        """The cells of one series, to be kept by whoever raises them often."""
        known = self._series[metric.name]
        found = known.get(labels)
        if found is not None:
            return found
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
        if len(known) >= MOST_SERIES:
            labels = (OTHER,) * len(labels)
        return known.setdefault(labels, [0] * metric.cells)

    def add(self, metric: Metric, *labels: str, amount: int = 1) -> None:
        """Raise a counter."""
        self.cells(metric, *labels)[0] += amount

    def put(self, metric: Metric, *labels: str, value: int) -> None:
        """Set a gauge, or a counter that somebody else counts."""
        self.cells(metric, *labels)[0] = value

    def clear(self, metric: Metric) -> None:
        """Forget the series of a gauge whose labels come and go."""
        self._series[metric.name].clear()

    def state(self) -> State:
        """The counts as they are; the lists are the living ones."""
        return State({name: list(known.items()) for name, known in self._series.items() if known})
