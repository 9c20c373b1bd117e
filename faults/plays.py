"""Runs plays: each fault over both faces, whole and streamed, alone and with a sound model behind; judged from both sides."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from calls import Call, ask
from cases import FACES, Case, Play, Seen
from rig import BRISK, PATIENT, Rig, Spot, spots

from app.toxic.log import Entry

_ALLOWED = re.compile(
    r"x-router-(model|provider|mode|reason|mock|cost-usd|estimated-cost-usd|overhead-ms|config|fallback|dropped)"
    r"|x-request-id|request-id|x-cache|x-should-retry|x-accel-buffering|retry-after|content-(type|length)|transfer-encoding"
    r"|connection|cache-control|date|server"
)
_LONGEST_PAUSE = 3600

THREADS = 8
SOUND = "Say hello."
"""What every good answer of the toxic upstream quotes."""
GRACE = 10.0
"""Seconds beyond its deadline after which a call counts as hanging; by how much it was late is printed."""


def play(seen: Seen, name: str, case: Case, plays: tuple[Play, ...], rig: Rig) -> None:
    """Run these plays of a case, and say in `seen` what was seen."""
    for brisk in (False, True):
        mine = tuple(one for one in plays if one.brisk == brisk)
        if mine:
            _played(seen, spots(name, case, mine), rig)


def _played(seen: Seen, calling: list[Spot], rig: Rig) -> None:
    watch = rig.of(calling[0].play)
    rig.upstream.reset()
    with ThreadPoolExecutor(THREADS) as pool:
        calls = list(pool.map(lambda spot: ask(watch.port, spot.face, spot.row, spot.form), calling))
    entries = list(rig.upstream.log.entries)
    records = watch.settle(seen, calls)
    for spot, call in zip(calling, calls, strict=True):
        heard = [entry for entry in entries if entry.path.startswith(f"/~{spot.play.fault}/") and entry.model == spot.row]
        seen.faults += judged(spot, call, records.get(call.id, {}), heard)
    slowest = max(zip(calls, calling, strict=True), key=lambda pair: pair[0].seconds)
    seen.times.append(f"slowest call {slowest[0].seconds * 1000:.0f} ms ({slowest[1].play.fault}, {slowest[1].form})")
    waits = [entry.client_closed - entry.monotonic for entry in entries if entry.client_closed is not None and not entry.complete]
    if waits:
        seen.times.append(f"the provider was left after {max(waits) * 1000:.0f} ms at most")


def judged(spot: Spot, call: Call, record: dict[str, Any], heard: list[Entry]) -> list[str]:
    """What is wrong with one call, each with its place."""
    found = outcome(call, record)
    expected = spot.play.expected(spot.face, spot.form, spot.situation)
    wrong = []
    if found != expected:
        wrong.append(f"{found} instead of {expected} ({call.broke or call.body[-200:]!r})")
    total = (BRISK if spot.play.brisk else PATIENT)["total"]
    if call.seconds > total + GRACE:
        wrong.append(f"it took {call.seconds:.1f} s of {total} s")
    least, most = spot.play.bounds
    if not spot.play.fault.startswith("port ") and not least <= len(heard) <= most:
        wrong.append(f"asked {len(heard)} times instead of {spot.play.asked}")
    if spot.play.keys > 1:
        keys = Counter(entry.headers.get("authorization") or entry.headers.get("x-api-key", "") for entry in heard)
        if max(keys.values(), default=0) > 1:
            wrong.append(f"one key was used {max(keys.values())} times")
    wrong += _record_faults(spot, call, record, found) + _byte_faults(spot, call, found)
    where = f"{spot.play.fault} {spot.face} {spot.form} {spot.situation}"
    return [f"{where}: {fault}" for fault in wrong]


def _byte_faults(spot: Spot, call: Call, found: str) -> list[str]:
    """What no answer may hold, and what this one must."""
    wrong = []
    strange = [name for name in call.headers if not _ALLOWED.fullmatch(name)]
    if strange:
        wrong.append(f"headers of somebody else: {strange}")
    pause = call.headers.get("retry-after", "1")
    if not (pause.isascii() and pause.isdigit() and 0 < int(pause) <= _LONGEST_PAUSE):
        wrong.append(f"retry-after: {pause}")
    if b"<html" in call.raw.lower():
        wrong.append("a page of HTML in the answer")
    due = spot.play.text
    if due and found == "answered":
        said = call.text
        if not (SOUND in said if due == "same" else all(letter in said for letter in due)):
            wrong.append(f"the text is {said!r}")
    return wrong


def _record_faults(spot: Spot, call: Call, record: dict[str, Any], found: str) -> list[str]:
    wrong = []
    served = record.get("served")
    if found == "answered" and record.get("outcome") != "answered":
        wrong.append(f"answered, but the record says {record.get('outcome')}")
    if found != "answered" and record.get("outcome") != "failed":
        wrong.append(f"failed, but the record says {record.get('outcome')}")
    fell_back = spot.situation == "behind" and spot.play.alone != "answered" and found == "answered"
    if fell_back and served != f"sound_{FACES[spot.face]}":
        wrong.append(f"served by {served}, not by the sound model")
    if fell_back and "x-router-fallback" not in call.headers:
        wrong.append("no x-router-fallback")
    figures = ("cost_nano_usd", "tokens_in", "tokens_out", "latency_ms")
    wrong += [f"{name} is {record[name]}" for name in figures if (record.get(name) or 0) < 0]
    if spot.play.usage and found == "answered" and not fell_back and record.get("usage_source") != spot.play.usage:
        wrong.append(f"usage_source is {record.get('usage_source')} instead of {spot.play.usage}")
    return wrong


def outcome(call: Call, record: dict[str, Any]) -> str:
    """What became of a call, in the words of Play."""
    errors = call.errors
    code = record.get("error") or ""
    if call.status != 200:
        told = errors[0].get("code") if errors and call.face != "messages" else code
        same = "" if told == code else f" (the record says {code})"
        return f"{call.status} {told}{same}" if call.status else f"nothing ({call.broke})"
    if errors:
        fake = " and an end" if call.finished else ""
        more = f" in {len(errors)} events" if len(errors) > 1 else ""
        return f"cut {code}{more}{fake}"
    return "answered" if call.finished else "an answer without its end"


def evidence(one: Play) -> str:
    """What a play that passed has shown, without figures that differ from run to run."""
    calls = len(one.faces) * len(one.forms) * 2
    told = {form: one.expected("", form, "alone") for form in one.forms}
    alone = told.get("whole", "")
    if len(set(told.values())) > 1:
        alone = ", ".join(f"{form}: {said}" for form, said in told.items())
    elif not alone:
        alone = next(iter(told.values()))
    behind = {form: one.expected("", form, "behind") for form in one.forms}
    where = "answered" if set(behind.values()) == {"answered"} else ", ".join(f"{form}: {said}" for form, said in behind.items())
    asked = f"asked {one.asked} times" if not one.fault.startswith("port ") and one.asked != "1" else "asked once"
    if one.fault.startswith("port "):
        asked = "no request seen"
    second = "" if one.alone == "answered" else f"; with a second model {where}"
    return f"`{one.fault}` ({calls} calls): caller {alone}{second}; provider {asked}"
