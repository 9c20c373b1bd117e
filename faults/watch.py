"""The oracles that hold after every case, whatever it was about. No case's own expectation may enter."""

import json
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from calls import Call
from cases import Seen

from app.toxic.server import ToxicUpstream
from support import Service

SETTLES = 15.0
"""Seconds within which descriptors and calls under way must be back where they were."""
_PIECE = 8
_HEALTHY = 5.0


class Watch:
    """One service under watch: its health is asked all the time, and `settle` says what is wrong after a case."""

    def __init__(self, service: Service, upstream: ToxicUpstream, canaries: list[str]) -> None:
        self.service = service
        self.port = service.port
        self._upstream = upstream
        self._pieces = {canary[at : at + _PIECE] for canary in canaries for at in range(3, len(canary) - _PIECE)}
        self._journal = service.home / "logs" / "per_call.jsonl"
        self._read = self._journal.stat().st_size if self._journal.exists() else 0
        self._heard = 0
        self._over = threading.Event()
        self._slowest = 0.0
        self._sick = ""
        self._prober = threading.Thread(target=self._probe, daemon=True)
        self._base = 0

    def __enter__(self) -> "Watch":
        self.service.request("/metrics")
        self._base = self._descriptors()
        self._prober.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._prober.join(10)

    def settle(self, seen: Seen, calls: list[Call]) -> dict[str, dict[str, Any]]:
        """The records of these calls by id, once all oracles were asked; what fails is added to `seen`."""
        for call in calls:
            if call.status == 500:
                seen.faults.append(f"500 for {call.face} {call.form}: {call.body[:200]!r}")
        records = self._records(seen, [call.id for call in calls if call.id], len(calls))
        self._after(seen, calls)
        return records

    def settle_uncalled(self, seen: Seen, count: int, outcome: str) -> None:
        """As `settle`, for so many callers who did not stay to learn their call's id; each record says `outcome`."""
        records = self._records(seen, [], count)
        self._after(seen, [])
        others = [record["outcome"] for record in records.values() if record["outcome"] != outcome]
        if others:
            seen.faults.append(f"records that say {others} instead of {outcome}")

    def settle_some(self, seen: Seen, calls: list[Call]) -> None:
        """As `settle`, where other calls too may have left records."""
        self._records(seen, [call.id for call in calls], 0)
        self._after(seen, calls)

    def _after(self, seen: Seen, calls: list[Call]) -> None:
        self._quiet(seen)
        self._leaks(seen, calls)
        if self._sick:
            seen.faults.append(f"/health did not answer: {self._sick}")
        seen.times.append(f"/health at most {self._slowest * 1000:.0f} ms, memory {memory(self.service)} MB")
        self._sick, self._slowest = "", 0.0

    def _records(self, seen: Seen, ids: list[str], calls: int) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + SETTLES
        count = 0
        while True:
            for record in self._new_records():
                count += 1
                found[record["id"]] = record
            if (set(ids) <= set(found) and len(found) >= calls) or time.monotonic() > end:
                break
            time.sleep(0.02)
        missing = [one for one in ids if one not in found]
        if missing or count != len(found):
            seen.faults.append(f"{len(missing)} calls without a record, {count - len(found)} with two")
        if calls and len(found) != calls:
            seen.faults.append(f"{len(found)} records of {calls} calls")
        return found

    def _new_records(self) -> list[dict[str, Any]]:
        if not self._journal.exists():
            return []
        with self._journal.open("rb") as journal:
            journal.seek(self._read)
            data = journal.read()
        whole = data[: data.rfind(b"\n") + 1] if not data.endswith(b"}") else data
        self._read += len(whole)
        lines = [json.loads(line) for line in whole.split(b"\n") if line]
        return [line for line in lines if line["kind"] == "call"]

    def _quiet(self, seen: Seen) -> None:
        """Descriptors: what was there at the start, and the connections to the upstream that it also sees as open."""
        end = time.monotonic() + SETTLES
        while True:
            more = self._descriptors() - self._base
            under_way = _figure(self.service.request("/metrics").body, "llm_router_in_flight_requests")
            if more <= self._upstream.open + 1 and under_way == 0:
                return
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        seen.faults.append(f"{under_way:.0f} calls still under way, {more} more descriptors, {self._upstream.open} connections")

    def _leaks(self, seen: Seen, calls: list[Call]) -> None:
        outputs = {"an answer": b"".join(call.raw for call in calls)}
        outputs["the service's log"] = self.said()
        outputs["the journal"] = self._journal.read_bytes() if self._journal.exists() else b""
        outputs["/metrics"] = self.service.request("/metrics").body
        outputs["/health"] = self.service.request("/health").body
        for where, data in outputs.items():
            text = data.decode("latin-1")
            if any(piece in text for piece in self._pieces):
                seen.faults.append(f"a piece of a secret in {where}")
        if b"Traceback" in outputs["the service's log"]:
            seen.faults.append("a traceback in the service's log")

    def said(self) -> bytes:
        """What the service has logged since this was asked before."""
        with (self.service.home / "service.log").open("rb") as log:
            log.seek(self._heard)
            data = log.read()
        self._heard += len(data)
        return data

    def _descriptors(self) -> int:
        return len([*Path(f"/proc/{self.service.process.pid}/fd").iterdir()])

    def _probe(self) -> None:
        while not self._over.wait(0.1):
            began = time.monotonic()
            try:
                status = self.service.request("/health").status
            except OSError as error:
                self._sick = type(error).__name__
                continue
            took = time.monotonic() - began
            self._slowest = max(self._slowest, took)
            if status != 200 or took > _HEALTHY:
                self._sick = f"{status} after {took:.1f} s"


def _figure(page: bytes, name: str) -> float:
    for line in page.decode().split("\n"):
        if line.startswith(name + " "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {name} in /metrics")


def memory(service: Service) -> int:
    """Resident MB of the service's process."""
    for line in Path(f"/proc/{service.process.pid}/status").read_text().split("\n"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0
