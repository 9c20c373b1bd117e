"""A headless Chromium, driven over its DevTools socket: no driver and no package but the socket's. Knows no page of ours."""

import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 30.0
_WATCH = (
    "window.__refused = [];"
    "document.addEventListener('securitypolicyviolation', (e) => window.__refused.push(`${e.violatedDirective} ${e.blockedURI}`));"
)


def chromium() -> str | None:
    """The program, if one is there."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab. What it complained of and whom it asked since `forget`."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)
        self._loaded = 0
        self.complaints: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")
        self.do("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer; events that come in between are kept."""
        number = next(self._numbers)
        self._wire.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._wire.recv(timeout=SECONDS))
            if message.get("id") == number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"])[:500])
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(told["args"])[:500])
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])

    def forget(self) -> None:
        """Begin anew to listen."""
        self.run("window.__refused = []")
        self.complaints, self.asked = [], []

    def open(self, url: str) -> None:
        """Load a page."""
        before = self._loaded
        self.do("Page.navigate", url=url)
        self.until(lambda: self.run("document.readyState") == "complete" and self._loaded > before)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise's when it is kept."""
        found = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, check: Any) -> Any:
        """The first true value of `check`, a function or an expression in the page."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                value = self.run(check) if isinstance(check, str) else check()
            except AssertionError:  # the page was just being left
                value = None
            if value:
                return value
            assert time.monotonic() < end, f"it did not come to pass: {check}; {self.complaints}"
            time.sleep(0.05)

    def text(self) -> str:
        """What a person reads on the page."""
        found: str = self.run("document.body.innerText")
        return found

    def click(self, link: str) -> None:
        """Follow the first link that begins with this text."""
        before = self._loaded
        self.run(f"[...document.querySelectorAll('a')].find((one) => one.innerText.startsWith({json.dumps(link)})).click()")
        self.until(lambda: self.run("document.readyState") == "complete" and self._loaded > before)

    def key(self, name: str) -> None:
        """Press and release a key."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[name]
        text = {"text": "\r"} if name == "Enter" else {"text": " "} if name == " " else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            self.do("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)

    def seen_as(self, width: int, scheme: str = "light", script: bool = True) -> None:
        """The width of the window in CSS pixels, the colours its reader likes, whether scripts run."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.do("Emulation.setScriptExecutionDisabled", value=not script)

    def refused(self) -> list[str]:
        """What the page's own policy forbade it."""
        found: list[str] = self.run("window.__refused")
        return found

    def hosts(self) -> set[str]:
        """Whom it asked."""
        return {urlsplit(url).netloc for url in self.asked if not url.startswith(("data:", "about:"))}


@contextmanager
def browsing(program: str, folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--no-first-run",
    ]
    command = [program, *options, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_tab(folder / "DevToolsActivePort", process), max_size=None) as wire:
            yield Browser(wire)
    finally:
        process.terminate()
        process.wait(20)


def _tab(told: Path, process: "subprocess.Popen[bytes]") -> str:
    """The address of the first tab's socket, once the browser has said its port."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        if told.exists() and (port := told.read_text().split("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            if pages:
                address: str = pages[0]["webSocketDebuggerUrl"]
                return address
        time.sleep(0.05)
    raise AssertionError("the browser did not start")
