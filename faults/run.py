"""`make faults`: every case of the fault catalogue against real parts, judged from both sides; prints the table and writes docs/faults.md.

Exit status 1 when a case fails.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))  # the real parts are the tests' own

import executed  # noqa: E402
from cases import Case, Play, Seen, load  # noqa: E402
from page import page, rows, summary, verdicts_of  # noqa: E402
from plays import play  # noqa: E402
from rig import Rig, rig, spots  # noqa: E402
from scenarios import SCENARIOS, needed  # noqa: E402

PAGE = ROOT / "docs" / "faults.md"
CASES = ROOT / "faults" / "cases.yaml"


def main() -> int:
    """The command."""
    args = _arguments()
    cases, later = load(CASES)
    chosen = {name: _part(case, args.short) for name, case in cases.items() if _wanted(name, args.only)}
    chosen = {name: case for name, case in chosen.items() if case.plays or case.scenarios or case.tests}
    began = time.monotonic()
    seen = _executed(chosen, args.short)
    failed = [one for one in seen if one.faults]
    _tell(f"\n{summary(seen)}; {time.monotonic() - began:.0f} s")
    verdicts = {one.name: one.verdict for one in seen}
    if args.short or args.only:
        return 1 if failed or (args.check and _stale(cases, later, verdicts, part=True)) else 0
    written = page(cases, later, verdicts)
    if args.check:
        return 1 if failed or _stale(cases, later, verdicts, part=False) else 0
    PAGE.write_text(written)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--short", action="store_true", help="a part of every group, in less than a minute; the page is left alone"
    )
    parser.add_argument(
        "--check", action="store_true", help="do not write the page: fail when its rows are not what this run shows"
    )
    parser.add_argument("--only", action="append", default=[], help="one case (A7) or group (A); may be given again")
    return parser.parse_args()


def _wanted(name: str, only: list[str]) -> bool:
    return not only or name in only or name[0] in only


def _part(case: Case, short: bool) -> Case:
    """The case, or the share of it that the short run takes."""
    if not short:
        return case
    plays: tuple[Play, ...] = tuple(one for one in case.plays if one.short)
    return Case(due=case.due, by=case.by, plays=plays, scenarios=(), tests=case.short)


def _executed(chosen: dict[str, Case], together: bool) -> list[Seen]:
    """What was seen of each of these cases: plays and scenarios, and the tests in one go, at the same time or afterwards."""
    seen = {name: Seen(name) for name in chosen}
    tests = [test for case in chosen.values() for test in case.tests]
    with ThreadPoolExecutor(1) as beside:
        early = beside.submit(executed.run, tests) if together else None
        _stage(seen, chosen)
        ended = early.result() if early else executed.run(tests)
    for name, case in chosen.items():
        for test in case.tests:
            _judge(seen[name], test, ended.of(test))
        if case.tests:
            _show(seen[name])
    return list(seen.values())


def _stage(seen: dict[str, Seen], chosen: dict[str, Case]) -> None:
    staged = {name: case for name, case in chosen.items() if case.plays or case.scenarios}
    if not staged:
        return
    calling = [spot for name, case in staged.items() for spot in spots(name, case, case.plays)]
    with tempfile.TemporaryDirectory(prefix="llm-router-faults-") as home, rig(Path(home), calling, [*needed()]) as parts:
        for name, case in staged.items():
            _staged(seen[name], name, case, parts)


def _staged(seen: Seen, name: str, case: Case, parts: Rig) -> None:
    try:
        play(seen, name, case, case.plays, parts)
        for one in case.scenarios:
            SCENARIOS[one].run(seen, parts)
    except (AssertionError, OSError) as error:
        seen.faults.append(f"{type(error).__name__}: {error}")
    if not case.tests:
        _show(seen)


def _judge(seen: Seen, test: str, ended: executed.Ended) -> None:
    if not (ended.passed or ended.failures):
        seen.faults.append(f"{test} did not run")
        return
    seen.faults += ended.failures
    seen.times.append(f"{ended.passed} x {executed.as_claim(test)[:60]}, {ended.seconds:.1f} s")


def _show(seen: Seen) -> None:
    """The case on the terminal."""
    _tell(f"{seen.name:4} {seen.verdict}  {'; '.join(seen.times)}")
    for fault in seen.faults:
        _tell(f"       {fault[:600]}")


def _stale(cases: dict[str, Case], later: dict[str, str], verdicts: dict[str, str], part: bool) -> bool:
    """Whether the page is not what the cases and these verdicts make of it. What passed in part leaves the page's verdict alone."""
    there = PAGE.read_text() if PAGE.exists() else ""
    known = verdicts | verdicts_of(there) if part else verdicts_of(there) | verdicts
    missing = [name for name in cases if rows(name, cases[name], None, known.get(name, "pass"))[0] not in there]
    missing += [name for name, said in later.items() if rows(name, None, said, "")[0] not in there]
    if missing or page(cases, later, known) != there:
        _tell(f"docs/faults.md is not what this run shows ({', '.join(missing) or 'its head'}): run `make faults`")
        return True
    return False


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
