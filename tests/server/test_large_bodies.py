"""A large body is read beside the event loop: nobody else waits for it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.clients.openai_client.parse import parse
from app.endpoints.border import LARGE
from app.service import create_app


@pytest.mark.parametrize("size", [LARGE // 2, LARGE * 2])
def test_others_are_served_while_a_large_body_is_read(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one is read at once, which is cheaper; /health then waits until it is done."""
    monkeypatch.setenv("LLM_ROUTER_HOME", str(tmp_path))
    reading, served = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def slow(body: bytes) -> object:
        reading.set()
        in_time.append(served.wait(0.5 if size < LARGE else 20))
        return parse(body)

    monkeypatch.setattr("app.clients.openai_client.parse_body", slow)
    with TestClient(create_app()) as client, ThreadPoolExecutor(1) as pool:
        body = {"model": "openai_gpt4o_mini", "messages": [{"role": "user", "content": "word " * (size // 5)}]}
        call = pool.submit(client.post, "/v1/chat/completions", json=body)
        assert reading.wait(20)
        assert client.get("/health").status_code == 200
        served.set()
        assert call.result(20).status_code == 200
    assert in_time[0] is (size > LARGE)
