"""The page that shows every case: what is due, the verdict, by what it was brought about, and what was seen. Runs nothing."""

import re
from collections.abc import Mapping

from cases import GROUPS, Case, Seen
from executed import as_claim
from plays import evidence as played
from scenarios import SCENARIOS

HEAD = """# Faults

Written by `make faults`; `make test` runs a part of it and compares.

Each row is a case of a catalogue of things that go wrong around a gateway. It was brought about with real parts: the service is a process
of its own, providers are the [toxic upstream](guides/rehearse-outages.md), callers are raw sockets, disks, caches and signals are real.
No root is needed. The verdict comes from both sides: what the caller got byte for byte, and what the provider was asked and when its
connections ended. `make faults` also prints how long things took; times depend on the machine and are not part of a verdict.

After every case the same is asked: no 500; no call that outlives its deadline; exactly one record for each call; no piece of a secret
that lies in the environment in an answer, the log, the journal, `/metrics` or `/health`; no call still under way, no descriptor more
than before; `/health` answered all the time.
"""
LATER = "later"


def page(cases: Mapping[str, Case], later: Mapping[str, str], verdicts: Mapping[str, str]) -> str:
    """docs/faults.md. `verdicts` of the cases."""
    parts = [HEAD]
    names = sorted({*cases, *later}, key=_order)
    for group, title in GROUPS.items():
        parts += [f"\n## {group}. {title}\n", "| case | due | verdict | by | seen |", "|---|---|---|---|---|"]
        for name in [name for name in names if name[0] == group]:
            parts += rows(name, cases.get(name), later.get(name), verdicts.get(name, ""))
    passed = sum(verdict == "pass" for verdict in verdicts.values())
    parts.append(f"\n{len(cases)} cases run, {passed} pass.")
    return "\n".join(parts) + "\n"


def rows(name: str, case: Case | None, later: str | None, verdict: str) -> list[str]:
    """The rows of one case: as run, and what of it is later."""
    made = []
    if case is not None:
        told = evidence(case) if verdict == "pass" else [f'not what is due: see `make faults ARGS="--only {name}"`']
        seen = "; ".join(part for part in (*told, case.note) if part)
        made.append(f"| {name} | {case.due} | {verdict} | {case.by} | {_cell(seen)} |")
    if later is not None:
        made.append(f"| {name} | {later} | {LATER} | | |")
    return made


def verdicts_of(text: str) -> dict[str, str]:
    """The verdicts on a page."""
    return dict(re.findall(r"^\| ([A-H][0-9]+) \|.*?\| (pass|FAIL) \|", text, re.M))


def evidence(case: Case) -> list[str]:
    """What a run shows that passes."""
    told = [played(play) for play in case.plays] + [SCENARIOS[name].shows for name in case.scenarios]
    return told + list(dict.fromkeys(as_claim(name) for name in case.tests))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _order(name: str) -> tuple[str, int]:
    return name[0], int(name[1:])


def summary(seen: list[Seen]) -> str:
    """One line for the terminal."""
    failed = [one.name for one in seen if one.faults]
    return f"{len(seen)} cases, {len(seen) - len(failed)} pass" + (f", these fail: {', '.join(failed)}" if failed else "")
