"""Charts as SVG, made on the server from plain numbers. Shapes alone: labels and tables stand beside them in the page.

A chart is as wide as its place, so nothing in it may be text: that would be stretched too. No shape has a style of its own, since the
page's policy allows none; classes of the stylesheet colour them. What a shape stands for is its `<title>`, shown where one points.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from .wording import plain

WIDTH: Final = 600.0
HEIGHT: Final = 120.0
SMALLEST: Final = 0.8
"""A column of something is never too low to be seen."""


class Series(Struct, frozen=True):
    """One kind of figure: its name, the class that colours it, a value for each place (None = there is none)."""

    name: str
    kind: str
    values: Sequence[float | None]


def columns(title: str, labels: Sequence[str], series: Sequence[Series], told: Sequence[str]) -> Markup:
    """Stacked columns; `told` says of each place what is shown there on hover."""
    step = WIDTH / max(len(labels), 1)
    wide = max(step * 0.8, step - 6)
    highest = _highest([sum(one.values[at] or 0 for one in series) for at in range(len(labels))])
    parts = []
    for at in range(len(labels)):
        top = HEIGHT
        shapes = []
        for one in series:
            value = one.values[at] or 0
            if value <= 0:
                continue
            high = max(value / highest * HEIGHT, SMALLEST)
            top -= high
            shapes.append(
                f'<rect class="{one.kind}" x="{at * step + (step - wide) / 2:.2f}" y="{top:.2f}" width="{wide:.2f}" height="{high:.2f}"/>'
            )
        shapes.append(f'<rect class="touch" x="{at * step:.2f}" y="0" width="{step:.2f}" height="{HEIGHT:g}"/>')
        parts.append(f"<g><title>{_text(told[at])}</title>{''.join(shapes)}</g>")
    return _picture(title, "".join(parts))


def lines(title: str, labels: Sequence[str], series: Sequence[Series], told: Sequence[str]) -> Markup:
    """One line for each series, with a gap where it has no value; a value alone is a dot."""
    step = WIDTH / max(len(labels), 1)
    highest = _highest([value for one in series for value in one.values if value is not None])
    parts = []
    for one in series:
        for run in _runs(one.values):
            points = [(at * step + step / 2, HEIGHT - value / highest * (HEIGHT - 4)) for at, value in run]
            if len(points) == 1:
                x, y = points[0]
                points = [(x - step * 0.3, y), (x + step * 0.3, y)]
            path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
            parts.append(f'<polyline class="{one.kind}" points="{path}" vector-effect="non-scaling-stroke"/>')
    for at in range(len(labels)):
        touch = f'<rect class="touch" x="{at * step:.2f}" y="0" width="{step:.2f}" height="{HEIGHT:g}"/>'
        parts.append(f"<g><title>{_text(told[at])}</title>{touch}</g>")
    return _picture(title, "".join(parts))


def bar(share: float, told: str, kind: str = "bar", low: float | None = None, high: float | None = None) -> Markup:
    """A bar in a cell of a table, `share` 0..1 of its width; with `low` and `high` also the interval around its end."""
    wide = min(max(share, 0.0), 1.0) * 100
    shapes = f'<rect class="{kind}" x="0" y="2" width="{max(wide, 0.6):.2f}" height="8" rx="1"/>' if wide else ""
    if low is not None and high is not None:
        first, last = (min(max(edge, 0.0), 1.0) * 100 for edge in (low, high))
        shapes += f'<line class="range" x1="{first:.2f}" x2="{last:.2f}" y1="6" y2="6" vector-effect="non-scaling-stroke"/>'
        shapes += "".join(
            f'<line class="range" x1="{x:.2f}" x2="{x:.2f}" y1="2.5" y2="9.5" vector-effect="non-scaling-stroke"/>'
            for x in (first, last)
        )
    return _cell(shapes, told)


def span(begin: float, end: float, told: str, kind: str) -> Markup:
    """A piece of a waterfall, from `begin` to `end`, 0..1 of its width."""
    first, last = (min(max(edge, 0.0), 1.0) * 100 for edge in (begin, end))
    wide = max(last - first, 0.8)
    return _cell(f'<rect class="{kind}" x="{min(first, 99.2):.2f}" y="2" width="{wide:.2f}" height="8" rx="1"/>', told)


def scatter(title: str, points: Sequence[tuple[float, float, str, str]]) -> Markup:
    """Points of (x, y, class, what it is), both 0..1 of the place."""
    wide, high = WIDTH - 16, HEIGHT * 2 - 16
    dots = "".join(
        f'<g><title>{_text(told)}</title><circle class="{kind}" cx="{8 + x * wide:.2f}" cy="{8 + (1 - y) * high:.2f}" r="6"/></g>'
        for x, y, kind, told in points
    )
    return Markup(  # noqa: S704 - numbers, classes of ours, escaped text
        f'<svg class="chart scatter" viewBox="0 0 {WIDTH:g} {HEIGHT * 2:g}" role="img" aria-label="{_text(title)}">{dots}</svg>'
    )


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at, value))
    return [run for run in runs if run]


def _highest(values: Sequence[float]) -> float:
    return max(values, default=0.0) or 1.0


def _text(text: str) -> str:
    return str(escape(plain(text)))


def _picture(title: str, shapes: str) -> Markup:
    return Markup(  # noqa: S704 - numbers, classes of ours, escaped text
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" aria-label="{_text(title)}">'
        f"{shapes}</svg>"
    )


def _cell(shapes: str, told: str) -> Markup:
    return Markup(  # noqa: S704 - as above
        f'<svg class="cell" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{_text(told)}">'
        f"<title>{_text(told)}</title>{shapes}</svg>"
    )
