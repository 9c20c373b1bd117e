"""The dashboard as people meet it, in a headless Chromium where one is found."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from app.logging_utils.usage.projection import Projection
from support import Service, child_env, running, shipped

from .browser import Browser, browsing, chromium
from .conftest import ADMIN, record
from .test_pages import HOSTILE

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="not run: the dashboard's browser tests want a Chromium (chromium, google-chrome) in PATH"
)
PAGES = ["", "/calls", "/playground", "/models", "/routing", "/savings", "/health"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with browsing(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two workers in mock mode, with nothing configured but the speed of simulated answers."""
    with running(tmp_path_factory.mktemp("home"), shipped(), workers=2) as found:
        yield found


@pytest.fixture
def tab(browser: Browser) -> Browser:
    browser.seen_as(1280)
    browser.open("about:blank")
    browser.forget()
    return browser


def assert_clean(tab: Browser, service: Service) -> None:
    assert tab.complaints == []
    assert tab.refused() == []
    assert tab.hosts() <= {f"127.0.0.1:{service.port}"}


def demo(service: Service) -> None:
    command = [sys.executable, "-m", "app.cli", "demo", "--count", "60", "--url", service.url, "--json"]
    subprocess.run(command, env=child_env(LLM_ROUTER_HOME=str(service.home)), check=True, capture_output=True, timeout=120)


def test_a_newcomers_walk(tab: Browser, service: Service) -> None:
    """Start, demo, overview, open a call, read why, ask, compare."""
    at = f"{service.url}/dashboard"
    tab.open(at)
    assert "llm-router demo" in tab.text()
    demo(service)
    tab.until(lambda: (tab.open(at), tab.run("document.getElementById('tile-calls')?.innerText") == "60")[1])
    tab.click("Calls")
    tab.run("document.querySelector('#calls tbody a').click()")
    tab.until("document.querySelector('h2')?.innerText === 'Why this model?'")
    assert "chosen" in tab.text() and "What happened?" in tab.text()
    assert tab.run("document.querySelectorAll('table.why svg.cell title').length") > 6
    tab.click("Playground")
    tab.run(
        "document.getElementById('prompt').value = 'Say hello <b>twice</b>';"
        "for (const name of ['openai_gpt4o', 'mistral_small']) document.querySelector(`input[value=${name}]`).checked = true;"
        "document.querySelector('#ask button').click()"
    )
    tab.until("document.querySelectorAll('#sides article dl').length === 3")
    text = tab.text()
    assert "Decision before the call" in text and text.count("[MOCK]") == 3 and "Say hello <b>twice</b>" in text
    tab.until("document.querySelectorAll('#snippets pre').length === 3")
    assert_clean(tab, service)


def test_calls_appear_while_one_looks(tab: Browser, service: Service) -> None:
    service.query("a first one")
    tab.until(lambda: (tab.open(f"{service.url}/dashboard/calls?range=all"), tab.run("!!document.querySelector('#calls')"))[1])
    tab.until("document.getElementById('live').innerText === 'Live.'")
    call_id = service.query("look, it is live").json()["id"]
    tab.until(f"!!document.querySelector('#calls tr.new a[href$=\"{call_id}\"]')")
    assert_clean(tab, service)


def test_tiles_follow_what_happens(tab: Browser, service: Service) -> None:
    service.query("something")
    tab.until(lambda: (tab.open(f"{service.url}/dashboard"), tab.run("!!document.getElementById('tile-calls')"))[1])
    tab.until("document.getElementById('live').innerText === 'Live.'")
    before = tab.run("document.getElementById('tile-calls').innerText")
    service.query("one more")
    tab.until(f"document.getElementById('tile-calls').innerText !== {before!r}")
    assert_clean(tab, service)


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_every_window_in_both_schemes(tab: Browser, service: Service, path: str) -> None:
    if not service.records():
        service.query("something to see")
    grounds = set()
    for width, scheme in ((360, "light"), (360, "dark"), (820, "light"), (1600, "dark")):
        tab.seen_as(width, scheme)
        tab.open(f"{service.url}/dashboard{path}")
        assert tab.run("document.documentElement.scrollWidth") <= width, (width, scheme)
        grounds.add(tab.run("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2, "dark is not light"
    assert_clean(tab, service)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab: Browser, service: Service, path: str, scheme: str) -> None:
    if not service.records():
        service.query("something to see")
    tab.seen_as(1280, scheme)
    tab.open(f"{service.url}/dashboard{path}")
    assert found_by_axe(tab) == []


def found_by_axe(tab: Browser) -> list[str]:
    """Serious and critical findings with the places they are about."""
    tab.do("Page.setBypassCSP", enabled=True)  # what judges the page makes elements of its own
    tab.do("Page.reload")
    tab.until("document.readyState === 'complete'")
    tab.run("for (const one of document.querySelectorAll('details')) one.open = true")
    tab.run((files("axe_core_python") / "axe.min.js").read_text() + ";1")
    found = tab.run("axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations)")
    tab.do("Page.setBypassCSP", enabled=False)
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']][:3]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def test_the_keyboard_alone_is_enough(tab: Browser, service: Service) -> None:
    """The first stop skips to the content, every stop can be seen, and a form can be sent."""
    tab.open(f"{service.url}/dashboard/playground")
    tab.key("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    for _ in range(12):
        tab.key("Tab")
        outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", tab.run("document.activeElement.outerHTML")
    tab.run("document.getElementById('prompt').value = 'by keyboard'; document.querySelector('#ask button').focus()")
    tab.key("Enter")
    tab.until("document.querySelectorAll('#sides article dl').length === 1")
    assert_clean(tab, service)


def test_pages_work_without_script(tab: Browser, service: Service) -> None:
    tab.seen_as(1280, script=False)
    tab.open(f"{service.url}/dashboard/playground")
    tab.seen_as(1280)  # from here on scripts of ours may act in the page; the page's own did not start
    tab.run(
        "document.getElementById('prompt').value = 'without script'; HTMLFormElement.prototype.submit.call(document.getElementById('ask'))"
    )
    tab.until("document.body.innerText.includes('[MOCK]') && document.body.innerText.includes('Everything about this call')")


def test_hostile_content_runs_nowhere(tab: Browser, tmp_path: Path) -> None:
    lines = [
        record(1, served=HOSTILE, asked=HOSTILE, user=HOSTILE, error=HOSTILE, outcome="failed", prompt=HOSTILE, response=HOSTILE),
        record(2, served="n" * 10_000, metadata={HOSTILE: HOSTILE}),
    ]
    journal = tmp_path / "logs" / "per_call.jsonl"
    journal.parent.mkdir()
    journal.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    projection = Projection(journal, tmp_path / "cache" / "usage.sqlite")
    assert projection.step()
    projection.close()
    with running(tmp_path, shipped()) as service:
        for width in (1280, 360):
            tab.seen_as(width)
            for path in (*PAGES, "/calls/call00000001", "/calls/call00000002"):
                tab.open(f"{service.url}/dashboard{path}?range=all")
                assert tab.run("document.documentElement.scrollWidth") <= width, (path, width)
                assert tab.run("document.querySelectorAll('img, main script').length") == 0
        assert_clean(tab, service)


def test_logging_in_and_out(tab: Browser, tmp_path: Path) -> None:
    with running(tmp_path, shipped(), LLM_ROUTER_ADMIN_KEY=ADMIN) as service:
        tab.open(f"{service.url}/dashboard/models")
        assert tab.run("location.pathname") == "/dashboard/login"
        tab.run(f"document.getElementById('key').value = {ADMIN!r}; document.querySelector('.login form').requestSubmit()")
        tab.until("location.pathname === '/dashboard/models' && document.body.innerText.includes('openai_gpt4o')")
        assert ADMIN not in tab.run("document.cookie + document.documentElement.outerHTML")
        assert found_by_axe(tab) == []
        tab.run("document.querySelector('.logout').requestSubmit()")
        tab.until("location.pathname === '/dashboard/login'")
        assert found_by_axe(tab) == []
        assert_clean(tab, service)
