"""The proof of routing, section by section: run as `make bench-routing DATA=<folder>` or `python -m bench.routing.run --data <folder>`.

Prints every section, with `--json` its figures; a whole run writes `docs/routing-quality.md` and `docs/plots/*.svg`. Only this module
of the folder prints and writes files. Exit status 2 without data.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from training.rows import OPEN, TRAIN, Item, Row, load_open, load_train

from . import baselines, board, calibration, few_label, many_models, offpolicy, ours, timing, zero_shot
from .head import Space
from .many_models import Entrant, Guesses
from .pool import FOLDS, Pool, answers, columns_of, facets_of, pool_of
from .report import Section, body, page
from .scored import count_line, scored

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "routing-quality.md"
NOTES: Final = Path(__file__).with_name("notes.md")
RECIPE: Final = ROOT / "training" / "DATA.md"
INTRO: Final = (
    "# How good the routing is",
    "",
    "Made by `make bench-routing DATA=<folder>`; `training/DATA.md` says how to get the data from its public repositories. Brackets hold",
    "95 % bootstrap intervals over items; gains are paired. What is missed is listed like what is met.",
)


class Run:
    """One run over a folder: what several sections need is made once."""

    def __init__(self, folder: Path, tick: Callable[[], None]) -> None:
        self.folder, self.tick = folder, tick

    @cached_property
    def rows(self) -> list[Row]:
        return load_train(self.folder)

    @cached_property
    def items(self) -> list[Item]:
        return load_open(self.folder)

    @cached_property
    def pool(self) -> Pool:
        return pool_of(self.rows)

    @cached_property
    def guessed(self) -> dict[str, Guesses]:
        return many_models.guesses(self.pool, entrants(self.pool), self.tick)

    def trainings(self, name: str) -> int:
        """How often a section ticks; calibration shares what many-models trained, whichever comes first."""
        parts = FOLDS + len(set(self.pool.tasks))
        often = {"zero-shot": 1, "few-label": 2 * len(few_label.SEEDS), "many-models": len(entrants(self.pool)) * parts}
        return often.get(name, 0)

    def zero_shot(self) -> Section:
        boards = board.boards(self.items)
        wrong = ours.taught_wrongly(self.rows)
        guessed = {
            name: {
                "shuffled labels": ours.wins(one.prompts, wrong),
                "difficulty alone": ours.weak_fails(one.prompts),
                zero_shot.OURS: ours.wins(one.prompts),
            }
            for name, one in boards.items()
        }
        self.tick()
        return zero_shot.section(boards, guessed, count_line(scored()))

    def few_label(self) -> Section:
        boards = board.boards(self.items, few_label.RESAMPLES)
        space = Space([row.prompt for row in self.rows], ours.z)
        return few_label.section(boards, space, count_line(scored()), self.tick)

    def many_models(self) -> Section:
        return many_models.section(self.pool, self.guessed)

    def calibration(self) -> Section:
        return calibration.section(self.pool, self.guessed)

    def timing(self) -> Section:
        return timing.section()

    def off_policy(self) -> Section:
        return offpolicy.section_of(self.rows)


SECTIONS: Final[dict[str, Callable[[Run], Section]]] = {
    "zero-shot": Run.zero_shot,
    "few-label": Run.few_label,
    "many-models": Run.many_models,
    "calibration": Run.calibration,
    "timing": Run.timing,
    "off-policy": Run.off_policy,
}


def entrants(pool: Pool) -> dict[str, Entrant]:
    """Everyone in the comparison of many models, ours before the ceiling."""
    known = answers(pool)
    columns, facets = columns_of(pool), facets_of(pool)

    def made() -> ours.Ours:
        return ours.Ours(columns, facets)

    return {
        "random": Entrant(baselines.Random),
        "prompt length": Entrant(baselines.Length),
        "shuffled labels": Entrant(lambda: baselines.Shuffled(made), joint=True),
        many_models.BEST_SINGLE: Entrant(baselines.BestSingle),
        "kNN": Entrant(baselines.KNearest),
        "k-means": Entrant(baselines.Clusters),
        many_models.OURS: Entrant(made, joint=True),
        "oracle": Entrant(lambda: baselines.Oracle(known), joint=True),
    }


def made(folder: Path, names: Sequence[str], console: Console) -> dict[str, Section]:
    """The named sections, with a bar that shows which one is being made and how many of all trainings are done."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    found = {}
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)
        run = Run(folder, lambda: progress.advance(task))
        progress.update(task, total=sum(run.trainings(name) for name in names))
        for name in names:
            progress.update(task, description=name)
            found[name] = SECTIONS[name](run)
    return found


def write(sections: Sequence[Section]) -> None:
    """The page and its pictures."""
    plots = PAGE.parent / "plots"
    plots.mkdir(exist_ok=True)
    for section in sections:
        for plot in section.plots:
            (plots / f"{plot.name}.svg").write_bytes(plot.svg)
    PAGE.write_text(page(INTRO, sections, NOTES.read_text(encoding="utf-8").splitlines()), encoding="utf-8")


def how_to_get_the_data(folder: Path | None) -> str:
    """What to do when there is no data."""
    recipe = RECIPE.read_text(encoding="utf-8") if RECIPE.is_file() else ""
    missing = "no folder was named" if folder is None else f"{folder} does not hold {TRAIN} and {OPEN}"
    return f"{missing}. Get the data, then: make bench-routing DATA=<folder>\n\n{recipe}"


def main(arguments: Sequence[str]) -> int:
    """Make, print and write; 2 without data."""
    parser = argparse.ArgumentParser(prog="bench-routing", description="Measure the quality of routing on public data.")
    parser.add_argument("--data", type=Path, help="the folder that training/DATA.md says how to build")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="this section alone (repeatable); writes no page")
    parser.add_argument("--json", action="store_true", help="print the figures and targets as JSON")
    asked = parser.parse_args(arguments)
    folder: Path | None = asked.data
    if folder is None or not all((folder / name).is_file() for name in (TRAIN, OPEN)):
        print(how_to_get_the_data(folder), file=sys.stderr)
        return 2
    names = asked.only or list(SECTIONS)
    sections = made(folder, names, Console(stderr=True))
    if asked.json:
        print(msgspec.json.encode({name: as_json(one) for name, one in sections.items()}).decode())
    else:
        print("\n\n".join("\n".join(body(one)) for one in sections.values()))
    if not asked.only:
        write(list(sections.values()))
    return 0


def as_json(section: Section) -> dict[str, object]:
    """Figures and targets of a section; the lines are for people."""
    targets = [{"text": one.text, "met": one.met} for one in section.targets]
    return {"title": section.title, "figures": section.figures, "targets": targets}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
