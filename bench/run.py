"""`make bench`: CPU per request of the service as shipped, as ratios to a bare proxy measured in the same run.

CPU is user plus system time of the whole process tree, never wall time; each ratio is the median of the rounds' ratios. Exit
status 1 when a call failed or its record is missing, else 0: no verdict here depends on a time. Needs Linux (/proc).
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from measure import Failed, compare, import_ms, memory
from scenarios import IMPORT_TARGET, MEMORY_CALLS, MEMORY_TARGET_MB, SCENARIOS, Scenario
from usage import CALLS, RECORDS, projection_row, usage_rows

LONGEST_RUN = 1800  # seconds
ROUNDS, SHORT_ROUNDS = 5, 3
SHORTER = 4  # `--short` makes this many times fewer calls
OTHER_FIGURES = ("memory", "import", "projection", "usage")
Row = dict[str, Any]


def verdict(value: float, target: float | None) -> str:
    """One word for the table."""
    if target is None:
        return ""
    return "PASS" if value <= target else "MISS"


def ratio_row(scenario: Scenario, home: Path, rounds: int) -> Row:
    """One scenario's line. Raises Failed."""
    figures = compare(scenario, home, rounds)
    return {
        "name": scenario.name,
        "title": scenario.title,
        "service_us": [round(value, 1) for value in figures.service],
        "proxy_us": [round(value, 1) for value in figures.proxy],
        "ratios": [round(value, 3) for value in figures.ratios],
        "value": round(figures.ratio, 3),
        "target": scenario.target,
        "calls": scenario.calls,
    }


def memory_row(home: Path) -> Row:
    """The memory line. Raises Failed."""
    service, projector = memory(home, MEMORY_CALLS)
    title = f"resident MiB after {MEMORY_CALLS} calls (projector {projector:.0f})"
    return {"name": "memory", "title": title, "projector": projector, "value": round(service, 1), "target": MEMORY_TARGET_MB}


def import_row(home: Path, rounds: int) -> Row:
    """The import line: CPU of `import app.main` beside `import fastapi`. Raises Failed."""
    ours, fastapi = import_ms(home, "import app.main", rounds), import_ms(home, "import fastapi", rounds)
    value = round(ours / fastapi, 2)
    title = f"import app.main ({ours:.0f} ms) / import fastapi ({fastapi:.0f} ms)"
    return {"name": "import", "title": title, "service_ms": ours, "fastapi_ms": fastapi, "value": value, "target": IMPORT_TARGET}


def line_of(row: Row) -> str:
    """One line of the table."""
    target = "" if row["target"] is None else f"<= {row['target']:g}"
    service, proxy = (f"{statistics.median(row[side]):.0f}" if side in row else "" for side in ("service_us", "proxy_us"))
    spread = f"{min(row['ratios']):.2f}..{max(row['ratios']):.2f}" if "ratios" in row else ""
    word = verdict(row["value"], row["target"])
    return f"{row['title']:<52}{service:>8}{proxy:>8}{row['value']:>9.2f}  {spread:<12}{target:>8}  {word}".rstrip()


HEAD = f"{'CPU microseconds per request':<52}{'service':>8}{'proxy':>8}{'ratio':>9}  {'rounds':<12}{'target':>8}"


def measured(args: argparse.Namespace, show: Callable[[str], None]) -> list[Row]:
    """Every row asked for, shown as soon as it is there. Raises Failed."""
    rounds = SHORT_ROUNDS if args.short else ROUNDS
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="llm-router-bench-") as folder:
        for name in args.only or [*(scenario.name for scenario in SCENARIOS), *OTHER_FIGURES]:
            home = Path(folder) / name
            for row in rows_of(name, home, rounds, SHORTER if args.short else 1):
                rows.append(row)
                show(line_of(row))
    return rows


def rows_of(name: str, home: Path, rounds: int, shorter: int) -> list[Row]:
    """The lines of one name. Raises Failed."""
    if name == "memory":
        return [memory_row(home)]
    if name == "import":
        return [import_row(home, rounds)]
    if name == "projection":
        return [projection_row(home, rounds, CALLS // shorter)]
    if name == "usage":
        return usage_rows(home, RECORDS // shorter)
    scenario = next(one for one in SCENARIOS if one.name == name)
    return [ratio_row(replace(scenario, calls=scenario.calls // shorter), home, rounds)]


def _printed(line: str) -> None:
    print(line, flush=True)


def _silent(_line: str) -> None:
    pass


def stop(_signal: int, _frame: Any) -> None:
    """Leave by the way that ends the children."""
    raise SystemExit(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    names = [*(scenario.name for scenario in SCENARIOS), *OTHER_FIGURES]
    parser.add_argument("--only", action="append", choices=names, help="one line of the table; may be given again")
    parser.add_argument("--short", action="store_true", help="fewer calls and rounds: a quick look, not a measurement")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    args = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        print("bench: CPU is read from /proc, which only Linux has", file=sys.stderr)
        return 0
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_RUN)
    show = _silent if args.json else _printed
    show(HEAD)
    try:
        rows = measured(args, show)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    if args.json:
        for row in rows:
            row["verdict"] = verdict(row["value"], row["target"]) or None
        print(json.dumps({"short": args.short, "rows": rows}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
