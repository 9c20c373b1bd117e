"""`make conformance`: every feature over every face with every wire, judged by the SDKs; prints the table and writes docs/conformance.md.

Exit status 1 when a cell is weaker than conformance/expected.yaml says, or stronger and not written down there.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))  # the judges are the tests' own

import breaks  # noqa: E402, F401  - entering its features
import calling  # noqa: E402, F401
import replies  # noqa: E402, F401
import talk  # noqa: E402, F401
import thinking  # noqa: E402, F401
import unknowns  # noqa: E402, F401
import wishes  # noqa: E402, F401
from cells import ABSENT, FEATURES, Cell, verdict_of  # noqa: E402
from rows import KEYS, config  # noqa: E402
from table import Expected, Result, page  # noqa: E402
from turns import FACES  # noqa: E402

from judges.upstream import WIRES, JudgedUpstream  # noqa: E402
from support import running  # noqa: E402

PAGE = ROOT / "docs" / "conformance.md"
EXPECTED = ROOT / "conformance" / "expected.yaml"
THREADS = 4


def results(expected: Expected, only: list[str]) -> list[Result]:
    """Every cell that exists, run against one service."""
    exist = [
        (face, wire, name)
        for name in expected.names
        if not only or name in only
        for face in FACES
        for wire in WIRES
        if expected.of(name, face, wire) != ABSENT
    ]
    with (
        tempfile.TemporaryDirectory(prefix="llm-router-conformance-") as home,
        JudgedUpstream() as upstream,
        running(Path(home), config(upstream), 1, **KEYS) as service,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        cells = [Cell(face, wire, name, service, upstream) for face, wire, name in exist]
        return list(pool.map(_result, cells))


def _result(cell: Cell) -> Result:
    verdict, why = verdict_of(cell)
    return Result(cell.face, cell.wire, cell.name, verdict, why)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--check", action="store_true", help="do not write the page: fail when it is not what this run would write"
    )
    parser.add_argument("--only", action="append", default=[], help="one feature (may be given again); the page is left alone")
    args = parser.parse_args()
    expected = Expected(EXPECTED)
    if set(expected.names) != set(FEATURES):
        sys.stderr.write(f"conformance: expected.yaml and the features differ in {set(expected.names) ^ set(FEATURES)}\n")
        return 1
    seen = results(expected, args.only)
    written = page(expected, seen)
    sys.stdout.write(written)
    misses = [miss for result in seen if (miss := expected.misses(result))]
    if args.check and PAGE.read_text() != written:
        misses.append("docs/conformance.md is not what this run writes: run `make conformance`")
    elif not args.check and not args.only:
        PAGE.write_text(written)
    sys.stderr.writelines(f"conformance: {miss}\n" for miss in misses)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
