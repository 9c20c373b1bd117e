"""`query`, `explain`, `compare`, `models`: on a terminal, in a pipe, with a service and without one."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.tables import print_columns
from cli.using import SEQUENCE, STEERING, inside, piped, terminal
from support import (
    STREAM_END,
    STREAM_HEAD,
    Heard,
    Service,
    Upstream,
    chunk,
    completion,
    framed,
    http,
    running,
    shipped,
    usage_chunk,
)

HOSTILE = "before \x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b]52;c;cm0=\x07 \x9b2J \u202edesrever\u202c\r\nand after"
SAFE = r"before \x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b]52;c;cm0=\x07 \x9b2J \u202edesrever\u202c"


def hostile(heard: Heard) -> Iterator[bytes]:
    """A provider whose answers steer terminals."""
    if not heard.json().get("stream"):
        yield http(completion(HOSTILE))
        return
    yield STREAM_HEAD
    for piece in re.findall(r".{1,7}", HOSTILE, re.DOTALL):
        yield framed(chunk({"content": piece}))
    yield framed(chunk({}, "stop")) + framed(usage_chunk()) + framed(b"data: [DONE]\n\n") + STREAM_END


@pytest.fixture(scope="module")
def with_a_hostile_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    provider = Upstream(hostile)
    config = (
        f"providers: {{bad: {{dialect: openai, base_url: '{provider.base_url}', key_env: null, trusted: true}}}}\n"
        "models:\n  one: {provider: bad, id: one, price_in: 0.001, price_out: 0.002}\n"
        "  two: {provider: bad, id: two, price_in: 0.001, price_out: 0.002}\n"
    )
    with running(tmp_path_factory.mktemp("hostile"), config) as service:
        yield service
    provider.close()


def visible(shown: str) -> str:
    """What stands on the terminal, without what rich paints it with."""
    return SEQUENCE.sub("", shown).replace("\r", "")


def test_the_answer_goes_to_standard_output_and_what_is_said_of_it_to_standard_error(service: Service) -> None:
    """So that a script gets the answer alone."""
    ended = piped(service.home, "query", "What is the capital of Portugal?", "--mode", "fast", "--url", service.url)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("[MOCK]") and ended.stdout.endswith("answers.\n")
    assert len(ended.stderr.splitlines()) == 1 and " tokens | " in ended.stderr and "(mock)" in ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr


def test_a_prompt_comes_from_standard_input_as_it_is(tmp_path: Path) -> None:
    """Whatever stands in it, but it has to be text."""
    (tmp_path / "config.yaml").write_text(shipped())
    asked = "Zwei Zeilen\nmit ümläuten \x1b[31m und \u202e"
    ended = piped(tmp_path, "query", "-", "--json", "-m", "gpt-4o-mini", given=asked.encode())
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["prompt"] == asked
    assert not STEERING.search(ended.stdout.rstrip("\n"))
    spoilt = piped(tmp_path, "query", "-", given=b"\xff\xfe")
    assert (spoilt.returncode, spoilt.stderr) == (2, "standard input is not text in UTF-8\n")


def test_without_a_service_the_work_is_done_in_process_and_journalled(tmp_path: Path) -> None:
    """With the same configuration, cache and journal."""
    (tmp_path / "config.yaml").write_text(shipped())
    first = piped(tmp_path, "query", "Again?", "--system", "Be brief.", "--mode", "accurate")
    again = piped(tmp_path, "query", "Again?", "--system", "Be brief.", "--mode", "accurate")
    assert first.returncode == again.returncode == 0, first.stderr
    assert first.stdout == again.stdout
    assert "from the cache" in again.stderr and "from the cache" not in first.stderr
    records = [json.loads(line) for line in (tmp_path / "logs" / "per_call.jsonl").read_text().splitlines()]
    assert [one["mode"] for one in records if one["kind"] == "call"] == ["accurate", "accurate"]


def test_an_error_of_the_service_is_one_line_with_its_code(service: Service) -> None:
    """Status 1, and nothing on standard output."""
    for command in ("query", "explain"):
        options = ["-m", "no-such-model"] if command == "query" else []
        ended = inside(service.home, command, "" if command == "explain" else "x", *options, "--url", service.url)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert re.fullmatch(r"(model_not_found|bad_request): .*\n", ended.stderr)


def test_a_key_is_sent_and_missed(tmp_path: Path) -> None:
    """By option or by LLM_ROUTER_KEY."""
    key = "k" * 32
    with running(tmp_path, shipped(), LLM_ROUTER_API_KEYS=key) as service:
        assert inside(tmp_path, "models", "--url", service.url).stderr.startswith("invalid_api_key: ")
        assert inside(tmp_path, "models", "--url", service.url, "--key", key).returncode == 0
        assert inside(tmp_path, "models", LLM_ROUTER_URL=service.url, LLM_ROUTER_KEY=key).returncode == 0


def test_answers_that_steer_terminals_are_shown_as_text(with_a_hostile_provider: Service) -> None:
    """In a pipe, on a terminal, streamed, whole and side by side."""
    service = with_a_hostile_provider
    ended = piped(service.home, "query", "x", "--url", service.url)
    assert ended.returncode == 0, ended.stderr
    assert SAFE in ended.stdout and not STEERING.search(ended.stdout.replace("\n", ""))
    both = piped(service.home, "compare", "x", "-m", "one", "-m", "two", "--url", service.url)
    assert both.returncode == 0 and both.stdout.count(SAFE) == 2 and not STEERING.search(both.stdout.replace("\n", ""))
    for arguments in (("query", "x"), ("compare", "x", "-m", "one", "-m", "two")):
        with terminal(service.home, *arguments, "--url", service.url, columns=200) as screen:
            assert screen.end() == 0
            assert r"\x1b[31mred" in visible(screen.shown)
            assert not STEERING.search(visible(screen.shown).replace("\n", ""))


def test_json_holds_the_answer_exactly(with_a_hostile_provider: Service) -> None:
    """For programs, in escapes that are JSON's own."""
    ended = piped(with_a_hostile_provider.home, "query", "x", "--json", "--url", with_a_hostile_provider.url)
    assert json.loads(ended.stdout)["response"] == HOSTILE
    assert not STEERING.search(ended.stdout.rstrip("\n"))


@pytest.fixture
def impostor() -> Iterator[Upstream]:
    """Something that answers at the URL and is no service of ours; tests say what."""
    host = Upstream(lambda _heard: iter(()))
    yield host
    host.close()


NAMES = st.text(max_size=50)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=4))
def test_names_of_models_cannot_break_a_table(names: list[tuple[str, str, str]]) -> None:
    """Each row stays a row."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        print_columns([("name", "answers as", "provider"), *names])
    assert len(text.getvalue().split("\n")) == len(names) + 2
    assert not STEERING.search(text.getvalue().replace("\n", ""))


def test_a_name_of_ten_thousand_characters_is_cut(impostor: Upstream, tmp_path: Path) -> None:
    """Wherever it comes from; on a terminal too."""
    facts = {"name": "n", "provider": "p\x1b[2J", "model_id": "m" * 10_000, "mock": True, "context_window": 1, "warning": None}
    body = json.dumps({"data": [{"id": "\u202e" + "x" * 10_000, "router": facts}]}).encode()
    impostor.script = lambda _heard: iter([http(body)])
    ended = inside(tmp_path, "models", "--url", impostor.base_url)
    assert ended.returncode == 0 and len(ended.stdout) < 1_000
    assert r"\u202exxx" in ended.stdout and r"p\x1b[2J" in ended.stdout
    with terminal(tmp_path, "models", "--url", impostor.base_url) as screen:
        assert screen.end() == 0
        assert len(visible(screen.shown)) < 2_000 and "\u202e" not in screen.shown and "\x1b[2J" not in screen.shown


ODD = {
    "page": http(b"<html>\x1b[31m", kind="text/html"),
    "list": http(b"[]"),
    "other": http(b'{"data": 1}'),
    "error": http(b"{}", 500),
    "redirect": http(b"", 302, location="http://127.0.0.1:1/stolen"),
    "ssh": b"SSH-2.0-none\r\n",
    "nothing": b"",
    "cut": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
}
COMMANDS = {"query": ("query", "x"), "explain": ("explain", "x"), "top": ("top",), "stats": ("stats",), "demo": ("demo",)}


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        *(pytest.param(("models",), answer, id=f"models-{name}") for name, answer in ODD.items()),
        *(pytest.param(words, ODD[kind], id=f"{name}-{kind}") for name, words in COMMANDS.items() for kind in ("page", "other")),
    ],
)
def test_what_is_no_service_of_ours_is_a_failure_and_no_traceback(
    impostor: Upstream, tmp_path: Path, answer: bytes, arguments: tuple[str, ...]
) -> None:
    """Whatever answers there."""
    impostor.script = lambda _heard: iter([answer, b""])
    ended = inside(tmp_path, *arguments, "--url", impostor.base_url.removesuffix("/v1"), "--key", "secret-key")
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr and "Traceback" not in ended.stderr and "\x1b" not in ended.stderr
    assert len(impostor.heard) == 1  # no redirect was followed


def test_compare_asks_at_once_and_shows_side_by_side(tmp_path: Path) -> None:
    """On a terminal that is wide enough; else one below the other. Then what each cost."""
    (tmp_path / "config.yaml").write_text(shipped())
    models = ("-m", "gpt-4o-mini", "-m", "mistral_small")
    with terminal(tmp_path, "compare", "Hello there", *models, columns=140) as screen:
        assert screen.end() == 0
    shown = visible(screen.shown)
    assert re.search(r"gpt-4o-mini +mistral_small", shown)
    assert re.search(r"\[MOCK\] gpt-4o-mini.*\[MOCK\] mistral-small", shown)
    with terminal(tmp_path, "compare", "Hello there", *models, columns=50) as screen:
        assert screen.end() == 0
    assert "== gpt-4o-mini" in visible(screen.shown)
    told = piped(tmp_path, "compare", "Hello there", *models, "-m", "nobody", "--json")
    assert told.returncode == 1 and told.stderr.startswith("nobody: model_not_found")
    answers = json.loads(told.stdout)
    assert [one["asked"] for one in answers] == ["gpt-4o-mini", "mistral_small", "nobody"]
    assert answers[0]["reply"]["cached"] is True and answers[0]["reply"]["score"] > 0
    assert answers[2]["reply"] is None and answers[2]["error"].startswith("model_not_found")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(service: Service, env: dict[str, str]) -> None:
    """Bold and dim are no colours, and a dumb terminal gets nothing at all."""
    with terminal(service.home, "explain", "Hello", "--url", service.url, **({"TERM": "xterm"} | env)) as screen:
        assert screen.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", screen.shown)
