"""`GET /usage` and the projector beside real workers: exact after kills, for the operator alone, no question that breaks it."""

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

import app.endpoints.usage as usage_endpoint
from app.endpoints.usage import answered as answered_usage
from app.errors import CallerError, NotReady
from app.logging_utils.usage.asked import WrongQuestion, understood, zone_of
from app.logging_utils.usage.keeper import Keeper
from logging_utils.lines import call
from logging_utils.usage.places import Place, nano_of
from support import Service, Upstream, completion, eventually, running, shipped
from support import http as answered

ADMIN = "an-operators-key-of-more-than-32-characters"
CALLER = "a-callers-key-of-more-than-32-characters-too"
PRICED = """
providers: {hosted: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1, price_in: 0.123457, price_out: 0.000321}
  b: {provider: hosted, id: b-1, price_in: 0.7, price_out: 0.00000123}
cache: {backend: none}
logging: {max_bytes: 30000}
"""


def projector(service: Service) -> int | None:
    """The process that projects, of whichever worker."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = found.read_bytes()
            if b"logging_utils.usage.child" in words and str(service.home).encode() in words:
                return int(found.parent.name)
    return None


def sums(service: Service, query: str = "?group_by=day,model") -> Any:
    return service.request(f"/usage{query}").json()


def settled(service: Service, calls: int) -> Any:
    """The answer once the projection has this many calls."""
    return eventually(lambda: (found := sums(service))["totals"]["calls"] == calls and not found["unread_bytes"] and found, 30)


def test_sums_agree_to_the_nano_dollar_after_workers_and_projectors_were_killed(tmp_path: Path) -> None:
    upstream = Upstream(lambda _heard: [answered(completion())])
    with contextlib.closing(upstream), running(tmp_path, PRICED % upstream.base_url, workers=2) as service:

        def ask(number: int) -> None:
            with contextlib.suppress(OSError, HTTPException):  # it was at a worker that was killed
                service.query(f"question {number} " + "word " * (number % 17), model="ab"[number % 2])

        with ThreadPoolExecutor(4) as callers:
            for turn in range(3):
                asked = [callers.submit(ask, turn * 50 + number) for number in range(50)]
                eventually(lambda: projector(service), 30)
                worker = service.request("/health").json()["pid"]
                os.kill(worker, signal.SIGKILL)
                if turn == 1 and (process := projector(service)) is not None:
                    os.kill(process, signal.SIGKILL)
                for one in asked:
                    one.result()
        rotated = list((tmp_path / "logs").glob("per_call.jsonl.*"))
        eventually(lambda: projector(service), 30)
        journal = tmp_path / "logs" / "per_call.jsonl"
        wanted = nano_of(journal)
        count = sum(file.read_bytes().count(b'"kind":"call"') for file in (tmp_path / "logs").glob("per_call.jsonl*"))
        found = settled(service, count)
        asked_of_it = {f"{row['day']} {row['model']}": row["cost_nano_usd"] for row in found["rows"]}

        def rolled_up() -> dict[str, int]:
            daily = json.loads((tmp_path / "logs" / "daily.json").read_bytes())
            return {
                f"{day} {model}": round(row["cost_usd"] * 1e9) for day, models in daily.items() for model, row in models.items()
            }

        eventually(lambda: rolled_up() == wanted, 30)
    assert rotated and count >= 100
    assert asked_of_it == dict(wanted)
    assert found["totals"]["cost_nano_usd"] == sum(wanted.values()) > 0


class TestAnswers:
    @pytest.fixture(scope="class")
    @staticmethod
    def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
        with running(tmp_path_factory.mktemp("usage"), shipped()) as service:
            assert sums(service)["totals"]["calls"] == 0
            for number in range(6):
                assert service.query(f"hello {number}", user="=HYPERLINK(1)", mode="fast").status == 200
            assert service.query("by name", model="openai_gpt4o_mini", user="-2+3").status == 200
            settled(service, 7)
            yield service

    def test_are_grouped_as_asked(self, service: Service) -> None:
        rows = sums(service, "?group_by=mode,user")["rows"]
        assert [(row["mode"], row["user"], row["calls"]) for row in rows] == [("fast", "=HYPERLINK(1)", 6), (None, "-2+3", 1)]
        assert [row["calls"] for row in sums(service, "?group_by=outcome")["rows"]] == [7]
        assert sums(service, "?group_by=")["rows"] == []

    def test_have_the_figures_that_the_reference_names(self, service: Service) -> None:
        page = (Path(__file__).parent.parent / "docs" / "reference" / "http.md").read_text()
        section = page.partition("## `GET /usage`")[2].partition("\n## ")[0]
        told = sums(service, "?group_by=model")
        assert all(f"`{name}`" in section for name in {**told["rows"][0], **told["totals"]})
        assert all(name in section for name in told)

    def test_a_day_is_the_askers(self, service: Service) -> None:
        today = datetime.now(UTC)
        for zone, hours in (("+14:00", 14), ("-11:30", -11.5)):
            days = {row["day"] for row in sums(service, f"?tz={zone.replace('+', '%2B')}&from=3d")["rows"]}
            around = {(today + timedelta(hours=hours, minutes=minutes)).date().isoformat() for minutes in (-10, 0)}
            assert days <= around and days

    def test_as_csv_hold_no_formula(self, service: Service) -> None:
        answer = service.request("/usage?group_by=user&format=csv")
        assert (
            answer.headers["content-type"] == "text/csv; charset=utf-8" and "usage.csv" in answer.headers["content-disposition"]
        )
        head, *rows = list(csv.reader(io.StringIO(answer.body.decode())))
        assert head[:2] == ["user", "calls"] and [row[:2] for row in rows] == [["'-2+3", "1"], ["'=HYPERLINK(1)", "6"]]

    @pytest.mark.parametrize(
        ("query", "param", "words"),
        [
            ("from=2026-02-01&to=2026-01-01", "from", "the range is empty"),
            ("from=2026-13-01", "from", "is no day"),
            ("to=%00", "to", "is no day"),
            ("from=0001-01-01", "from", "outside the years"),
            ("to=9999-12-31", "to", "outside the years"),
            ("from=1971-01-01&group_by=hour", "from", "narrow it"),
            ("from=999999d", "from", "outside the years"),
            ("group_by=prompt", "group_by", "is no grouping"),
            ("group_by=day,day", "group_by", "twice"),
            ("group_by=day,hour", "group_by", "not both"),
            ("tz=Mars", "tz", "is no time zone"),
            ("tz=../../etc/passwd", "tz", "is no time zone"),
            ("tz=Europe", "tz", "is no time zone"),
            ("tz=" + "x" * 2000, "tz", "is no time zone"),
            ("format=xml", "format", "json or csv"),
            ("form=json", "form", "the fields are"),
            ("tz=UTC&tz=UTC", "tz", "twice"),
        ],
    )
    def test_say_what_is_wrong_with_a_question(self, service: Service, query: str, param: str, words: str) -> None:
        answer = service.request(f"/usage?{query}")
        error = answer.json()["error"]
        assert (answer.status, error["param"]) == (400, param) and words in error["message"] and len(error["message"]) < 250

    def test_a_proxy_does_not_make_a_stranger_local(self, service: Service) -> None:
        answer = service.request("/usage", headers={"x-forwarded-for": "203.0.113.7"})
        assert (answer.status, answer.json()["error"]["code"]) == (403, "keys_required")

    def test_head_is_get_without_a_body(self, service: Service) -> None:
        answer = service.request("/usage", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")


def test_the_operators_key_alone_opens_it(tmp_path: Path) -> None:
    with running(tmp_path, LLM_ROUTER_API_KEYS=CALLER, LLM_ROUTER_ADMIN_KEY=ADMIN) as service:
        for headers, status in (
            ({}, 401),
            ({"authorization": f"Bearer {CALLER}"}, 401),
            ({"x-api-key": ADMIN[:-1]}, 401),
            ({"x-api-key": ADMIN, "authorization": f"Bearer {ADMIN}"}, 401),
            ({"authorization": f"Bearer {ADMIN}"}, 200),
            ({"x-api-key": ADMIN, "x-forwarded-for": "203.0.113.7"}, 200),
        ):
            assert service.request("/usage", headers=headers).status == status, headers
        assert service.request("/v1/models", headers={"x-api-key": ADMIN}).status == 401


def test_with_caller_keys_alone_it_is_closed(tmp_path: Path) -> None:
    with running(tmp_path, LLM_ROUTER_API_KEYS=CALLER) as service:
        for headers in ({}, {"authorization": f"Bearer {CALLER}"}):
            answer = service.request("/usage", headers=headers)
            assert answer.status == 403 and "LLM_ROUTER_ADMIN_KEY" in answer.json()["error"]["message"]


def test_without_a_projection_there_is_no_usage_and_no_projector(tmp_path: Path) -> None:
    with running(tmp_path, shipped().replace("logging:\n", "logging:\n  usage_path: null\n")) as service:
        assert service.query().status == 200
        answer = service.request("/usage")
        assert answer.status == 404 and "logging.usage_path" in answer.json()["error"]["message"]
    assert not list((tmp_path / "cache").glob("usage*"))


def test_a_projector_gets_no_key_and_ends_with_its_worker(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), OPENAI_API_KEY="sk-a-secret-of-the-operator") as service:
        service.query(model="anthropic_claude_haiku")
        process = eventually(lambda: projector(service))
        assert b"sk-a-secret" not in Path(f"/proc/{process}/environ").read_bytes()
        service.process.kill()
        service.process.wait()
        eventually(lambda: projector(service) is None)


def test_a_killed_projector_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, shipped()) as service:
        service.query()
        first = eventually(lambda: projector(service))
        settled(service, 1)
        os.kill(first, signal.SIGKILL)
        service.query("another")
        eventually(lambda: (found := projector(service)) is not None and found != first)
        settled(service, 2)


@pytest.mark.parametrize("content", [b"no database at all " * 1000, None])
def test_a_projection_that_cannot_be_read_is_said_and_made_anew(tmp_path: Path, content: bytes | None) -> None:
    place = Place(tmp_path)
    place.write(call(1, at="2026-11-23T12:00:00.000Z"))
    place.project()
    asked = understood({"from": "2026-11-23"}, datetime(2026, 11, 25, tzinfo=UTC).timestamp())
    if content is None:
        with sqlite3.connect(place.usage) as db:
            db.execute("PRAGMA user_version = 1")
        db.close()
    else:
        place.usage.write_bytes(content)
    with pytest.raises(NotReady):
        answered_usage(asked, place.journal, place.usage)
    place.project()
    assert answered_usage(asked, place.journal, place.usage).totals.calls == 1


def test_an_answer_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    place.write(*(call(number, served=f"model-{number}", at="2026-11-23T12:00:00.000Z") for number in range(20)))
    place.project()
    asked = understood({"from": "2026-11-23", "group_by": "model"}, datetime(2026, 11, 25, tzinfo=UTC).timestamp())
    monkeypatch.setattr(usage_endpoint, "MOST_ROWS", 19)
    with pytest.raises(CallerError, match="more than 19 rows"):
        answered_usage(asked, place.journal, place.usage)
    monkeypatch.setattr(usage_endpoint, "MOST_ROWS", 20)
    assert len(answered_usage(asked, place.journal, place.usage).rows) == 20


def test_a_keeper_takes_over_from_one_that_ends(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(call(1))
    first, second = (Keeper(place.journal, place.usage, interval=0.02, report=place.told.append) for _ in range(2))
    first.start()
    eventually(place.usage.exists)
    second.start()
    place.write(call(2))
    first.stop()
    place.write(call(3))

    def projected() -> bool:
        with place.asked() as db:
            return db.execute("SELECT calls FROM state").fetchone() == (3,)

    eventually(projected)
    second.stop()
    assert place.told == []


class TestQuestions:
    NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC).timestamp()

    def window(self, **texts: str) -> tuple[str, str]:
        asked = understood({name.rstrip("_"): text for name, text in texts.items()}, self.NOW)
        return tuple(datetime.fromtimestamp(at / 1000, UTC).isoformat()[:16] for at in (asked.window.since, asked.window.until))  # type: ignore[return-value]

    def test_a_day_at_the_end_is_whole_and_a_moment_is_not(self) -> None:
        assert self.window(from_="2026-11-01", to="2026-11-02") == ("2026-11-01T00:00", "2026-11-03T00:00")
        assert self.window(from_="2026-11-01T12:00", to="2026-11-02T06:00+02:00") == ("2026-11-01T12:00", "2026-11-02T04:00")

    def test_days_are_the_zones(self) -> None:
        assert self.window(from_="2026-11-01", to="2026-11-01", tz="Asia/Kolkata") == ("2026-10-31T18:30", "2026-11-01T18:30")
        assert self.window(from_="1d", to="1d", tz="+05:30") == ("2026-11-23T18:30", "2026-11-24T18:30")

    def test_ago_is_before_now(self) -> None:
        assert self.window(from_="90m") == ("2026-11-25T13:00", "2026-11-25T14:30")
        assert self.window() == ("2026-10-27T00:00", "2026-11-25T14:30")

    def test_a_plus_that_a_url_made_a_blank_is_one(self) -> None:
        assert understood({"tz": " 05:30"}, self.NOW).zone_name == "+05:30"
        assert self.window(from_="2026-11-01T12:00:00 02:00") == ("2026-11-01T10:00", "2026-11-25T14:30")

    def test_an_offset_of_a_day_is_none(self) -> None:
        with pytest.raises(WrongQuestion):
            zone_of("+24:00")
