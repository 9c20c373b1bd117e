"""Several workers' counts as one. What a dead worker counted stays counted; what it was holding it holds no longer."""

from collections.abc import Iterable

from .names import ALL, Metric
from .tally import ABSENT, State


def merged(alive: Iterable[State], dead: Iterable[State] = ()) -> State:
    """Counters and histograms of all, gauges of the living. Series of another shape (an older version's) are left out."""
    series: dict[str, dict[tuple[str, ...], list[int]]] = {}
    for states, living in ((alive, True), (dead, False)):
        for state in states:
            for metric in ALL:
                if living or metric.kind != "gauge":
                    _join(series.setdefault(metric.name, {}), metric, state)
    return State({name: list(known.items()) for name, known in series.items() if known})


def _join(known: dict[tuple[str, ...], list[int]], metric: Metric, state: State) -> None:
    for labels, cells in state.series.get(metric.name, ()):
        if len(labels) != len(metric.labels) or len(cells) != metric.cells or cells[0] == ABSENT:
            continue
        before = known.get(labels)
        if before is None:
            known[labels] = list(cells)
        elif metric.merged == "max":
            before[0] = max(before[0], cells[0])
        else:
            before[:] = map(int.__add__, before, cells)
