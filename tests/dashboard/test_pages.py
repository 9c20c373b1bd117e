"""Every page: safe heads, hostile content as text, no failure on bad parameters, figures that agree with the journal."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from app.dashboard.answers import POLICY
from app.domain.record import Attempt, ScoreLine
from support import shipped

from .conftest import Make, Site, record

PAGES = ["", "/calls", "/playground", "/models", "/routing", "/savings", "/health"]
HOSTILE = "<script>alert('h')</script><img src=x onerror=alert(1)>\"'&lt;"
HOSTILE += "javascript:alert(2)\u202egnp.exe\u2066\x1b[2J\x1b]0;t\x07\x00{{7*7}}"
DANGEROUS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")


class Judge(HTMLParser):
    """Collects what would run or be fetched, and checks that ids are there once and labels have their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.labels += [found["for"] or ""] if tag == "label" and "for" in found else []
        self.bad += [f"{tag} {name}" for name in found if name.startswith("on") or name == "style"]
        if tag in ("img", "iframe", "object", "embed", "base", "style") or (tag == "script" and "src" not in found):
            self.bad.append(tag)
        self.urls += [found[name] or "" for name in ("href", "src", "action", "data-url") if name in found]


def judged(text: str, root: str = "/dashboard") -> Judge:
    judge = Judge()
    judge.feed(text)
    assert judge.bad == []
    assert len(judge.ids) == len(set(judge.ids)) and set(judge.labels) <= set(judge.ids)
    outside = [url for url in judge.urls if url not in ("#main", "") and not url.startswith(root)]
    assert outside == [], outside
    assert DANGEROUS.search(text) is None
    return judge


@pytest.fixture
def site(make: Make) -> Site:
    return make()


def hostile(site: Site) -> None:
    site.write(
        record(
            1,
            at="2026-11-25T12:00:00.000Z",
            served=HOSTILE,
            decided=HOSTILE,
            asked=HOSTILE * 50,
            provider=HOSTILE,
            model_id="m" * 10_000,
            user=HOSTILE,
            error=HOSTILE,
            outcome="failed",
            finish_reason=HOSTILE,
            price_source=HOSTILE,
            score_reasons=(HOSTILE,),
            scorer=HOSTILE,
            client_request_id=HOSTILE,
            dropped=(HOSTILE,),
            metadata={HOSTILE: HOSTILE},
            prompt=HOSTILE,
            response=HOSTILE,
            session=HOSTILE,
            attempts=(Attempt(HOSTILE, HOSTILE, HOSTILE, 500, HOSTILE, 1.0),),
        ),
        record(2, served="n" * 10_000),
    )


def test_every_answer_has_the_safe_head(site: Site) -> None:
    hostile(site)
    for path in (*PAGES, "/login", "/nowhere", "/calls/call00000001", "/static/0/x.css", "?range=zz"):
        answer = site.page(path)
        assert answer.headers["content-security-policy"] == POLICY and "unsafe" not in POLICY
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
        judged(answer.text)


@pytest.mark.parametrize("path", ["", "/calls", "/savings", "/routing"])
def test_before_the_first_call_each_page_says_what_to_do(site: Site, path: str) -> None:
    text = site.page(path).text
    assert "llm-router demo" in text and "playground" in text and "localhost:8000/query" in text


@pytest.mark.parametrize("path", [*PAGES, "/calls/call00000001", "/calls/call00000002"])
def test_hostile_content_is_text_on_every_page(site: Site, path: str) -> None:
    hostile(site)
    answer = site.page(f"{path}?range=all" if path in ("", "/calls", "/routing", "/savings") else path)
    assert answer.status_code == 200
    judged(answer.text)


def test_hostile_content_is_there_to_be_read(site: Site) -> None:
    hostile(site)
    text = site.page("/calls/call00000001").text
    assert "&lt;script&gt;alert" in text and "\u27e8U+202E\u27e9" in text and "\u27e8U+001B\u27e9" in text and "{{7*7}}" in text


def test_a_very_long_name_is_cut_in_lists(site: Site) -> None:
    hostile(site)
    assert len(site.page("/calls?range=all").text) < 60_000 and len(site.page("?range=all").text) < 60_000


BAD_QUERIES = [
    "range=zz",
    "range=" + "9" * 5000,
    "tz=Nowhere/There",
    "tz=../../../etc/passwd",
    "tz=%00",
    "tz=" + "A" * 70,
    "cursor=zz",
    "cursor=9999999999999999.9999999999999999",
    "cursor=-9999999999999999.0",
    "mock=maybe",
    "model=%00%ff%c3%28",
    "model=" + "m" * 10_000,
    "outcome=strange&mode=-&user=&error=%27%22%3B--&cache=1&face=x",
    "range=24h&range=7d&tz=UTC&tz=x",
    "&".join(f"a{n}=1" for n in range(300)),
    "%",
    "prompt=" + "p" * 20_000,
]


@pytest.mark.parametrize("path", PAGES)
def test_bad_parameters_are_a_clear_answer(site: Site, path: str) -> None:
    site.write(record(1))
    for query in BAD_QUERIES:
        answer = site.page(f"{path}?{query}")
        assert answer.status_code in (200, 400), query
        judged(answer.text)


def test_an_unknown_call_is_a_page_that_says_so(site: Site) -> None:
    site.write(record(1))
    for call_id in ("x", "..", "%00", "a/b", "%E2%80%AE", "x" * 200, "'%20OR%201=1", "call00000001%0d%0ax:y"):
        answer = site.page(f"/calls/{call_id}")
        assert answer.status_code in (404, 200) and "x" not in answer.headers, call_id
        judged(answer.text)


def test_a_call_that_is_not_listed_yet_is_looked_for_again_a_few_times(site: Site) -> None:
    site.write(record(1))
    first = site.page("/calls/soon")
    assert first.headers["refresh"] == "2; url=/dashboard/calls/soon?again=1"
    assert "refresh" not in site.page("/calls/soon?again=3").headers


def test_paging_by_cursor_shows_each_call_once(site: Site) -> None:
    site.write(*(record(n, at=f"2026-11-25T12:00:{n % 60:02d}.000Z") for n in range(130)))
    seen: list[str] = []
    path = "/calls?range=all"
    for _ in range(10):
        text = site.page(path).text
        seen += re.findall(r'/dashboard/calls/(call\d+)"', text)
        following = re.search(r'href="/dashboard(/calls\?[^"]*cursor[^"]*)" rel="next"', text)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    assert len(seen) == 130 and len(set(seen)) == 130


def test_filters_narrow_the_list_and_stay_in_the_links(site: Site) -> None:
    site.write(
        record(1, mode=None, served="a"),
        record(2, served="b", user="al ice & co"),
        record(3, served="b", mock=True, cost_nano_usd=0),
    )

    def found(query: str) -> set[str]:
        return set(re.findall(r"/dashboard/calls/(call\d+)\"", site.page(f"/calls?range=all&{query}").text))

    assert found("model=a") == {"call00000001"} and found("mode=-") == {"call00000001"}
    assert found("mock=yes") == {"call00000003"} and found("user=al+ice+%26+co") == {"call00000002"}
    assert found("model=nobody") == set()
    assert "user=al+ice+%26+co" in site.page("/calls?range=all&user=al+ice+%26+co").text


def test_the_figures_of_the_tiles_are_those_of_the_journal(site: Site) -> None:
    site.write(
        record(1, cost_nano_usd=1_500_000_000, cost_usd=1.5),
        record(2, outcome="failed", cost_nano_usd=None, cost_usd=None, cache="hit"),
        record(3, outcome="abandoned"),
    )
    tiles = site.page("/tiles?range=all").json()
    assert tiles["calls"][0] == "3" and tiles["cost"] == ["$1.50", "1 calls of unknown price not counted", "$1.501000000"]
    assert tiles["failures"] == ["33 %", "1 failed, 1 hung up", ""] and tiles["hits"] == ["33 %", "1 of 3 looked up", ""]
    text = site.page("?range=all").text
    for name, (value, _, exact) in tiles.items():
        assert re.search(rf'id="tile-{name}"[^>]*>{re.escape(value)}<', text) and exact in text, name


def test_every_chart_has_its_values_on_hover_and_in_a_table(site: Site) -> None:
    site.write(record(1))
    text = site.page("?range=all").text
    assert text.count('<svg class="chart"') == 3 and text.count("as a table</summary>") == 3
    assert "1 calls, 0 failed, 0 hung up</title>" in text


def test_days_are_those_of_the_asked_zone(site: Site) -> None:
    site.write(record(1, at="2026-11-25T23:30:00.000Z"))
    assert "2026-11-25 23:30:00" in site.page("/calls?range=all").text
    assert "2026-11-26 12:30:00" in site.page("/calls?range=all&tz=Pacific/Auckland").text


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"])
def test_a_call_of_now_is_in_a_column_of_every_range_and_zone(site: Site, zone: str) -> None:
    site.write(record(1, at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")))
    for span in ("24h", "7d", "30d", "90d", "all"):
        assert "1 calls, 0 failed, 0 hung up</title>" in site.page(f"?range={span}&tz={zone}").text, span


def test_prompts_are_shown_only_where_the_record_has_them(site: Site) -> None:
    site.write(record(1), record(2, prompt="secret question", response="secret answer"))
    assert "logging.prompts" in site.page("/calls/call00000001").text
    text = site.page("/calls/call00000002").text
    assert "secret question" in text and "secret answer" in text


def test_a_later_score_stands_beside_the_first(site: Site) -> None:
    late = ScoreLine(
        call="call00000001",
        call_at="2026-11-25T12:00:00.000Z",
        model="m",
        at="2026-11-25T12:01:00.000Z",
        scorer="judge-1",
        score=0.25,
        reasons=("wrong: 2+2",),
        replaces=0.9,
    )
    site.write(record(1), late)
    text = site.page("/calls/call00000001").text
    assert ("0.25 of 1, by judge-1" in text and "wrong: 2+2" in text and "0.90" in text) or "gates-1" in text


def test_a_call_whose_line_is_gone_is_told_with_what_is_left(site: Site) -> None:
    site.write(record(1))
    (site.home / "logs" / "per_call.jsonl").unlink()
    answer = site.page("/calls/call00000001")
    assert answer.status_code == 200 and "no longer in the journal" in answer.text
    judged(answer.text)


def test_torn_and_foreign_lines_break_no_page(site: Site) -> None:
    site.write(record(1))
    with (site.home / "logs" / "per_call.jsonl").open("ab") as file:
        file.write(
            b'\n{"kind":"call","id":"odd","at":"2026-11-25T12:00:00Z","outcome":"answered","asked":"x","decision":7,"served":5}\n{torn\n'
        )
    site.project()
    for path in ("?range=all", "/calls?range=all", "/routing?range=all", "/calls/odd", "/savings?range=all", "/health"):
        answer = site.page(path)
        assert answer.status_code in (200, 404), path
        judged(answer.text)


def test_a_projection_of_another_format_or_a_damaged_one_is_told(site: Site) -> None:
    site.write(record(1))
    usage = site.home / "cache" / "usage.sqlite"
    for content in (b"", b"no database at all" * 1000):
        for suffix in ("", "-wal", "-shm"):
            usage.with_name(usage.name + suffix).unlink(missing_ok=True)
        usage.write_bytes(content)
        for path in PAGES:
            answer = site.page(path)
            assert answer.status_code == 200, path
            judged(answer.text)


def test_the_projection_can_be_switched_off(make: Make) -> None:
    site = make(config=shipped().replace("logging:", "logging:\n  usage_path: null"))
    assert "logging.usage_path" in site.page().text


def test_the_configuration_is_shown_without_secrets(make: Make) -> None:
    config = shipped().replace("redis://localhost:6379/0", "redis://me:hidden-password@localhost:6379/0")
    site = make(config=config, OPENAI_API_KEY="sk-not-to-be-seen-anywhere")
    text = site.page("/health").text
    assert "cache.backend" in text and "hidden-password" not in text and "sk-not-to-be-seen" not in text
    assert "real" in site.page("/models").text


def test_a_file_that_became_unsound_is_told_and_what_is_in_force_is_shown(site: Site) -> None:
    (site.home / "config.yaml").write_text('"<b>strange</b>": 1\n')
    text = site.page("/health").text
    assert "not sound" in text and "timeouts.total" in text and "&lt;b&gt;" in text
    judged(text)


def test_reading_pages_leaves_no_call_and_no_file_of_its_own(site: Site) -> None:
    for path in PAGES:
        site.page(path)
    assert not (site.home / "logs" / "per_call.jsonl").exists() or site.page("/calls").text.count("/dashboard/calls/") == 0


def test_a_page_says_what_is_not_counted_yet(site: Site) -> None:
    site.write(record(1))
    with (site.home / "logs" / "per_call.jsonl").open("ab") as file:
        file.write(b"\n" + b" " * 700_000)
    for path in ("?range=all", "/calls?range=all", "/savings?range=all", "/health"):
        assert "700.0 KB of the journal" in site.page(path).text, path
