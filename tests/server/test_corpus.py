"""What no well-behaved client sends is answered cleanly on every route, or the connection ends; the service goes on as before."""

from collections.abc import Iterator

import pytest

from support import Service, running, shipped

from .corpus import ROUTES, Case, cases
from .wire import LAST, Reply, exchange


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("corpus"), shipped()) as here:
        yield here


def sane(replies: list[Reply]) -> None:
    """No answer is a 5xx, every error has an envelope with our id."""
    for reply in replies:
        assert reply.status < 500, reply
        if reply.status >= 400:
            error = reply.json()["error"]
            assert error["message"] and "\n" not in error["message"], reply
            assert reply.fields["x-request-id"] in reply.body.decode(), reply


@pytest.mark.parametrize("case", [*cases()], ids=lambda case: case.name)
def test_every_route_answers_it_cleanly_and_the_next_request_is_not_mixed_up(service: Service, case: Case) -> None:
    for path in ROUTES:
        replies = exchange(service.port, case.on(path), LAST)
        sane(replies)
        assert replies, (path, "no answer at all")
        if case.statuses:
            assert replies[0].status in case.statuses, (path, replies[0])
        if case.closes:
            assert len(replies) == 1, (path, replies)
        elif len(replies) > 1:
            assert replies[-1].json()["status"] == "ok" and len(replies) == 2, (path, replies)
    assert service.request("/health").status == 200
    assert "Traceback" not in service.log() and "Invalid HTTP" not in service.log()


def test_no_request_leaves_anything_under_way(service: Service) -> None:
    assert service.request("/health").json()["in_flight"] == 0
