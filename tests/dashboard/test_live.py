"""The live stream: calls as they come, for whom they are meant, and an end when the service stops."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.dashboard.live import MOST_VIEWERS
from support import Service, running, shipped


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, shipped()) as found:
        found.query("there is a projection from now on")
        yield found


class Viewer:
    """One open stream."""

    def __init__(self, service: Service, query: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self._connection.request("GET", f"/dashboard/live?{query}")
        self.answer = self._connection.getresponse()

    def next(self, event: str) -> dict[str, object]:
        """The next event of this name."""
        name = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            elif line.startswith("data: ") and name == event:
                found: dict[str, object] = json.loads(line.removeprefix("data: "))
                return found
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self._connection.close()


def seen(viewer: Viewer) -> list[str]:
    found: list[str] = []
    while not found:
        rows = viewer.next("calls")["rows"]
        assert isinstance(rows, list)
        found = [row["id"] for row in rows]
    return found


def projected(service: Service) -> None:
    """Wait for the projection to be there, so that a viewer begins behind what was."""
    end = time.monotonic() + 30
    while b'"tile' not in service.request("/dashboard").body and time.monotonic() < end:
        time.sleep(0.05)


def test_viewers_get_the_calls_that_fit_their_filters(service: Service) -> None:
    projected(service)
    all_calls, fast = Viewer(service), Viewer(service, "mode=fast")
    assert all_calls.answer.status == 200 and all_calls.answer.headers["content-type"].startswith("text/event-stream")
    assert all_calls.answer.headers["content-security-policy"]
    time.sleep(1.5)  # the first look says where to begin; what comes before it is on the page already
    other = service.query("not so fast", mode="accurate").json()["id"]
    quick = service.query("quick", mode="fast").json()["id"]
    assert seen(fast) == [quick]
    found = seen(all_calls)
    assert other in found
    all_calls.close()
    fast.close()


def test_what_ended_since_the_page_was_made_comes_first(service: Service) -> None:
    projected(service)
    ids = {service.query(f"number {n}").json()["id"] for n in range(3)}
    end = time.monotonic() + 30
    while not all(one in service.request("/dashboard/calls").body.decode() for one in ids) and time.monotonic() < end:
        time.sleep(0.05)
    viewer = Viewer(service, "since=0")
    assert ids <= set(seen(viewer))
    viewer.close()


def test_a_stop_ends_the_streams_and_is_not_held_up_by_them(service: Service) -> None:
    projected(service)
    viewers = [Viewer(service) for _ in range(3)]
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 20, "a drain lasts 30 seconds"
    for viewer in viewers:
        assert viewer.next("end") == {}
        viewer.close()


def test_one_viewer_too_many_is_told_so_and_a_place_is_free_again_when_one_leaves(service: Service) -> None:
    viewers = [Viewer(service) for _ in range(MOST_VIEWERS)]
    late = Viewer(service)
    assert late.answer.status == 503
    late.close()
    viewers.pop().close()
    end = time.monotonic() + 30
    while (again := Viewer(service)).answer.status != 200:
        again.close()
        assert time.monotonic() < end
    for viewer in (*viewers, again):
        viewer.close()


@pytest.mark.parametrize("query", ["mock=perhaps", "tz=Nowhere/x", "since=x&mock=2"])
def test_bad_parameters_are_refused_before_the_stream(service: Service, query: str) -> None:
    viewer = Viewer(service, query)
    assert viewer.answer.status == 400
    viewer.close()
