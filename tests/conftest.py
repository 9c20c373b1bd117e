"""What was not run is said plainly at the end, with the reason: a test that wants a program which is not here skips with "not run: ..."."""

import pytest
from hypothesis import settings

NOT_RUN = "not run: "
# how long an example takes says how busy the machine is, not whether a property holds
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.getreports("skipped"):
        _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(NOT_RUN):
            reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({count} {'test' if count == 1 else 'tests'})", yellow=True)
