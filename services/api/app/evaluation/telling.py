"""A replay's report in words and as a picture. Computes nothing."""

from math import isnan
from typing import Final

from .estimators import Estimate
from .judge import Judged, Outcome
from .replay import Report
from .svg import Panel, picture

NAMES: Final = {"ips": "IPS", "snips": "SNIPS", "doubly_robust": "doubly robust", "direct": "model alone"}
TITLES: Final = {
    "quality": "quality (score, 0..1)",
    "cost_usd": "cost of a call, US dollars",
    "latency_ms": "latency of a call, ms",
}


def lines(report: Report, policy: str) -> list[str]:
    """What a person reads; `policy` is the other policy's file, if there is one."""
    routed = report.calls - report.by_name
    told = [
        f"{report.files[-1]}: {report.calls} calls in {_count(len(report.files), 'file')}; {routed} decided by the router, "
        f"{report.by_name} asked by name; {_count(report.skipped, 'damaged or foreign line')} skipped",
        f"{_count(report.equal, 'decision')} came out as logged, bit for bit; {report.different} otherwise; "
        f"{sum(report.reasons.values())} could not be computed",
    ]
    told += [f"  {count} x {reason}" for reason, count in report.reasons.items()]
    told += [f"  {one.file}:{one.line}: call {one.id}: {one.what}" for one in report.differences]
    if report.different > len(report.differences):
        told.append(f"  and {report.different - len(report.differences)} more")
    return told + (_judged(report.judged, policy) if report.judged is not None else [])


def plot(judged: Judged, policy: str) -> str:
    """The estimates with their intervals beside what was logged."""
    panels = [
        Panel(
            TITLES[one.name], one.estimates.logged.value, [(NAMES[name], value) for name, value in one.estimates.values.items()]
        )
        for one in judged.outcomes
        if one.estimates is not None
    ]
    return picture(f"{policy}, judged by {_count(judged.decisions, 'logged decision')}; 95 % intervals", panels)


def _judged(judged: Judged, policy: str) -> list[str]:
    told = [
        "",
        f"{policy} on {_count(judged.decisions, 'decision')}: differs in {100 * judged.differs:.1f} %, where its choice was drawn "
        f"{_count(judged.seen, 'time')}; a choice never drawn in {100 * judged.unseen:.1f} %, none in {100 * judged.refused:.1f} %",
    ]
    if judged.simulated:
        told.append("these calls were simulated (mock mode): their scores, costs and times tell of no real model")
    for one in judged.outcomes:
        told += ["", *_outcome(one)]
    return told


def _outcome(one: Outcome) -> list[str]:
    told = [TITLES[one.name]]
    if one.estimates is not None:
        told.append(f"  {'logged'.ljust(14)} {_interval(one.estimates.logged)}")
        for name, value in one.estimates.values.items():
            gain = one.estimates.gains[name]
            told.append(f"  {NAMES[name].ljust(14)} {_interval(value).ljust(36)} against logged {gain.value:+.4g}")
        told.append(f"  effective sample size {one.estimates.effective_size:.0f} of {one.estimates.rows}")
    if one.verdict is None:
        return [*told, f"  no verdict: {one.refusal}"]
    return [*told, f"  {one.verdict}: {_interval(_gain(one), '+.4g')} (doubly robust)"]


def _gain(one: Outcome) -> Estimate:
    assert one.estimates is not None  # noqa: S101 - a verdict stands on estimates
    return one.estimates.gains["doubly_robust"]


def _interval(one: Estimate, form: str = ".4g") -> str:
    if isnan(one.value):
        return "not known"
    return f"{one.value:{form}} [{one.low:{form}}, {one.high:{form}}]"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
