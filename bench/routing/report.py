"""What a part of the proof hands back, and the text made of it. Pure: no measuring, no file, no terminal may enter here."""

from collections.abc import Iterable, Sequence

from msgspec import Struct


class Plot(Struct, frozen=True):
    """A picture of a section. `name` is its file's stem under `docs/plots/`; `alt` says what is seen on it."""

    name: str
    alt: str
    svg: bytes


class Target(Struct, frozen=True):
    """Something the project wants to reach, and whether these figures reach it. `text` names the figure and the bound."""

    text: str
    met: bool


class Section(Struct, frozen=True):
    """One part of the proof: Markdown lines for people, `figures` by dotted name for machines, and what was aimed at."""

    title: str
    lines: tuple[str, ...]
    figures: dict[str, float]
    plots: tuple[Plot, ...] = ()
    targets: tuple[Target, ...] = ()


class Estimate(Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 3, signed: bool = False) -> str:
        """As a table cell: `.604 [.590, .618]`, with a sign where differences are meant."""
        form = f"{'+' if signed else ''}.{digits}f"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first column to the left, figures to the right, padded so that a terminal shows it too."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(_padded(cell, widths[i], i > 0) for i, cell in enumerate(row)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return [lines[0], rule, *lines[1:]]


def _padded(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def verdicts(targets: Iterable[Target]) -> list[str]:
    """One line per target, a missed one as loud as a met one."""
    return [f"- **{'met' if target.met else 'MISSED'}**: {target.text}" for target in targets]


def body(section: Section, plots: str | None = None) -> list[str]:
    """A section as Markdown. `plots` = the folder that pictures are linked from; None leaves them out (a terminal)."""
    lines = [f"## {section.title}", "", *section.lines]
    if section.targets:
        lines += ["", *verdicts(section.targets)]
    if plots is not None:
        for plot in section.plots:
            lines += ["", f"![{plot.alt}]({plots}/{plot.name}.svg)"]
    return lines


def page(intro: Sequence[str], sections: Sequence[Section], after: Sequence[str]) -> str:
    """The whole page: what it is, all targets at a glance, the sections, and what the figures do not say."""
    aims = verdicts(target for section in sections for target in section.targets)
    lines = [*intro, "", "## Targets at a glance", "", *aims]
    for section in sections:
        lines += ["", *body(section, "plots")]
    return "\n".join([*lines, "", *after]).rstrip() + "\n"
