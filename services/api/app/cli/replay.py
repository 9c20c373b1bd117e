"""`llm-router replay`: logged decisions computed again, and another policy judged by them."""

from datetime import datetime
from pathlib import Path

from msgspec import Struct

from ..config.home import read_environment
from ..config.load import ConfigError, load
from ..evaluation.logged import JournalUnreadable
from ..evaluation.policy import Policy
from ..evaluation.replay import Replay, Report, Span, moment_of
from ..evaluation.telling import lines, plot
from .progress import bar
from .terminal import one_line, print_json, say


class Asked(Struct, frozen=True):
    """What the command line asks. `since` and `until` as typed."""

    journal: Path
    policy: Path | None
    picture: Path | None
    since: str | None
    until: str | None
    min_ess: float


class _Wrong(Exception):
    """Wrong use; the message says what."""


def replay(asked: Asked, as_json: bool) -> int:
    """0; 1 when a decision came out otherwise, none could be computed, or the policy got no verdict on quality; 2 wrong use."""
    try:
        work = _work(asked)
    except (ConfigError, _Wrong) as error:
        return _failed(error, 2)
    try:
        report = _run(work)
        if asked.picture is not None and report.judged is not None:
            asked.picture.write_text(plot(report.judged, str(asked.policy)), "utf-8")
    except JournalUnreadable as error:
        return _failed(error, 1)
    except OSError as error:
        return _failed(f"{asked.picture}: {error.strerror}", 1)
    if as_json:
        print_json(report)
    else:
        for line in lines(report, str(asked.policy)):
            print(one_line(line, 1_000))
    return 0 if report.sound and _decided(report) else 1


def _failed(error: Exception | str, status: int) -> int:
    say(error)
    return status


def _work(asked: Asked) -> Replay:
    """Raises ConfigError and _Wrong."""
    if not asked.journal.is_file():
        raise _Wrong(f"{asked.journal}: there is no such journal")
    if asked.picture is not None and asked.policy is None:
        raise _Wrong("--plot shows estimates: it needs --policy")
    return Replay(asked.journal, _policy(asked.policy), Span(_moment(asked.since), _moment(asked.until)), asked.min_ess)


def _decided(report: Report) -> bool:
    """Whether there is a verdict on quality, where one was asked for."""
    return report.judged is None or any(one.name == "quality" and one.verdict for one in report.judged.outcomes)


def _run(work: Replay) -> Report:
    """With a bar on standard error, when somebody looks."""
    with bar("replaying", work.size()) as advance:
        return work.run(advance)


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    environment = read_environment()
    return Policy(load(path, environment.values), environment, path)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return moment_of(text)
    except ValueError:
        raise _Wrong(f"{text!r} is no moment: write 2026-11-23 or 2026-11-23T14:00:00Z") from None
