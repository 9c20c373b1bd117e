"""The dashboard in this process, with journals of our own making; a browser, where one is found."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from app.config.home import Environment
from app.domain.record import Attempt, Record, ScoreLine
from app.logging_utils.usage.projection import Projection
from app.service import create_app
from app.worker import Worker
from support import shipped

ADMIN = "the-operators-key-of-these-tests-0123"
Make = Callable[..., "Site"]


class Site:
    """One home folder with a dashboard over it."""

    def __init__(self, home: Path, client: TestClient, worker: Worker) -> None:
        self.home = home
        self.client = client
        self.worker = worker

    def write(self, *records: Record | ScoreLine) -> None:
        """Put lines into the journal and the projection."""
        journal = self.home / "logs" / "per_call.jsonl"
        journal.parent.mkdir(exist_ok=True)
        with journal.open("ab") as file:
            file.write(b"".join(b"\n" + msgspec.json.encode(record) for record in records) + b"\n")
        self.project()

    def project(self) -> None:
        """Bring the projection up to the journal."""
        projection = Projection(self.home / "logs" / "per_call.jsonl", self.home / "cache" / "usage.sqlite")
        assert projection.step()
        projection.close()

    def page(self, path: str = "", **fields: Any) -> Any:
        return self.client.get(f"/dashboard{path}", follow_redirects=False, **fields)

    def token(self, path: str = "/login") -> str:
        found = re.search(r'name="csrf" content="([0-9a-f]{64})"', self.page(path).text)
        assert found is not None
        return found[1]

    def log_in(self, key: str = ADMIN, **more: str) -> Any:
        fields = {"token": self.token(), "key": key, **more}
        return self.client.post("/dashboard/login", data=fields, follow_redirects=False)


def record(number: int = 0, at: str = "2026-11-25T12:00:00.000Z", **changes: Any) -> Record:
    """A call."""
    plain = Record(
        id=f"call{number:08d}",
        at=at,
        face="query",
        mode="balanced",
        asked="auto",
        decided="openai_gpt4o_mini",
        served="openai_gpt4o_mini",
        provider="openai",
        model_id="gpt-4o-mini",
        status=200,
        outcome="answered",
        tokens_in=10,
        tokens_out=20,
        cost_usd=0.001,
        cost_nano_usd=1_000_000,
        baseline_usd=0.003,
        price_source="config",
        usage_source="provider",
        latency_ms=400.0,
        first_token_ms=100.0,
        cache="miss",
        score=0.9,
        scorer="gates-1",
        attempts=(Attempt("openai_gpt4o_mini", "openai", "gpt-4o-mini", 200, None, 390.0),),
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes sites; `client` is the peer that asks, the rest are environment variables."""
    made: list[Site] = []

    def site(peer: str = "127.0.0.1", config: str | None = None, host: str = "localhost:8000", **env: str) -> Site:
        home = tmp_path / str(len(made))
        home.mkdir()
        (home / "config.yaml").write_text(config or shipped())
        worker = Worker(Environment(home, {"LLM_ROUTER_QUIET": "1", **env}, frozenset()))
        client = TestClient(create_app(worker), base_url=f"http://{host}", client=(peer, 40_000))
        made.append(Site(home, client, worker))
        return made[-1]

    yield site
    for one in made:
        one.client.close()
