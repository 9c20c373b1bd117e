"""Nobody gets an answer that was kept for somebody else or for something else, not even from a store that somebody bent (F23)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caching.valkey import Server
from support import Service, eventually, running, shipped

from .spoilt import health

ALICE, BOB = "a" * 32, "b" * 32
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}
VARIANTS: dict[str, dict[str, Any]] = {
    "another system prompt": {"system": "You are a pirate."},
    "an empty system prompt": {"system": " "},
    "tools": {"tools": [TOOL]},
    "another tool": {"tools": [{**TOOL, "function": {**TOOL["function"], "name": "look_up"}}]},
    "another temperature": {"temperature": 0.25},
    "another limit": {"max_tokens": 700},
    "a stop": {"stop": ["x"]},
    "a seed": {"seed": 3},
    "another mode": {"mode": "accurate"},
    "JSON": {"response_format": {"type": "json_object"}},
    "an earlier turn": {
        "messages": [
            {"role": "user", "content": "before"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "secret plan"},
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("probe"), shipped(), LLM_ROUTER_API_KEYS=f"{ALICE},{BOB}") as here:
        yield here


def cached(service: Service, key: str, **fields: Any) -> bool:
    if "messages" not in fields:
        fields = {"prompt": "secret plan", **fields}
    answer = service.request("/query", {"cache": "use", **fields}, {"authorization": f"Bearer {key}"})
    assert answer.status == 200, answer.body
    return bool(answer.json()["cached"])


def test_the_same_words_of_another_key_are_a_miss(service: Service) -> None:
    cached(service, ALICE)
    assert cached(service, ALICE) is True
    assert cached(service, BOB) is False
    assert cached(service, BOB) is True


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_the_same_words_in_other_company_are_a_miss(service: Service, fields: dict[str, Any]) -> None:
    """A system prompt, tools or any setting that changes the answer separates; each variant hits itself."""
    cached(service, ALICE)
    assert cached(service, ALICE) is True
    assert cached(service, ALICE, **fields) is False
    assert cached(service, ALICE, **fields) is True


def test_an_answer_that_was_put_under_anothers_key_in_the_file_is_not_given(tmp_path: Path) -> None:
    """Whoever can write the store swaps two rows: the entry names the request it answers, key and all."""
    keys = {"LLM_ROUTER_API_KEYS": f"{ALICE},{BOB}"}
    with running(tmp_path, shipped(), **keys) as service:
        assert [cached(service, key) for key in (ALICE, BOB)] == [False, False]
    connection = sqlite3.connect(tmp_path / "cache" / "answers.sqlite")
    (one, mine), (other, theirs) = connection.execute("SELECT id, value FROM answers").fetchall()
    connection.executemany("UPDATE answers SET value = ? WHERE id = ?", [(theirs, one), (mine, other)])
    connection.commit()
    connection.close()
    with running(tmp_path, shipped(), **keys) as service:
        assert [cached(service, key) for key in (ALICE, BOB)] == [False, False]
        assert service.request("/health").json()["cache"]["unreadable"] == 2


def test_an_answer_that_was_put_under_anothers_key_in_redis_is_not_given(tmp_path: Path) -> None:
    valkey = Server(tmp_path)
    try:
        config = shipped().replace("backend: local", "backend: redis")
        with running(tmp_path, config, LLM_ROUTER_API_KEYS=f"{ALICE},{BOB}", REDIS_URL=valkey.url) as service:
            cached(service, ALICE)
            [hers] = eventually(lambda: valkey.direct.keys("llmr:*"))
            cached(service, BOB)
            his = eventually(lambda: [key for key in valkey.direct.keys("llmr:*") if key != hers])
            cached(service, BOB, prompt="later")  # when this is written, nothing of before is on its way any more
            eventually(lambda: len(valkey.direct.keys("llmr:*")) == 3)
            valkey.direct.copy(hers, his[0], replace=True)
            assert cached(service, BOB) is False
            assert health(service)["cache"]["unreadable"] == 1
    finally:
        valkey.stop()
