"""What a caller's `model` may be, and what comes first when one text could mean two things."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.config.resolve import resolve
from app.config.snapshot import Asked, Snapshot
from app.errors import CallerError, UnknownModel
from config.cases import compiled

ROWS = """models:
  first: {provider: openai, id: gpt-4o-mini}
  second: {provider: llama, id: shared}
  third: {provider: mistral, id: shared, deployments: [{provider: openai, id: twin}]}
  gpt-x: {provider: openai, id: other}
  hidden: {provider: openai, id: first}
  dated: {provider: anthropic, id: claude-sonnet-5-5}
aliases:
  quick: auto-fast
  mini: first
  full: mistral/shared
  chain: mini
  other: second
  "claude-*": auto-balanced
  "claude-son*": first
"""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return compiled(tmp_path_factory.mktemp("names"), ROWS)


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("auto", Asked()),
        ("auto-fast", Asked(mode="fast")),
        ("auto-balanced", Asked(mode="balanced")),
        ("auto-accurate", Asked(mode="accurate")),
        ("first", Asked(name="first")),  # a row, though it is also an id
        ("quick", Asked(mode="fast")),
        ("mini", Asked(name="first")),
        ("full", Asked(name="third")),
        ("chain", Asked(name="first")),
        ("other", Asked(name="second")),  # an alias, though it is also the id of gpt-x
        ("claude-opus-9", Asked(mode="balanced")),
        ("claude-sonnet-5-5", Asked(mode="balanced")),  # an alias by its beginning, the first that fits, before an id
        ("anthropic/claude-sonnet-5-5", Asked(name="dated")),
        ("openai/gpt-4o-mini", Asked(name="first")),
        ("mistral/shared", Asked(name="third")),
        ("openai/twin", Asked(name="third")),
        ("twin", Asked(name="third")),
        ("gpt-4o-mini", Asked(name="first")),
    ],
)
def test_names_are_tried_in_the_contracts_order(snapshot: Snapshot, model: str, meant: Asked) -> None:
    """auto*, rows, aliases, provider/id, ids that exactly one row has."""
    assert resolve(snapshot, model) == meant


def test_an_id_of_several_rows_lists_them(snapshot: Snapshot) -> None:
    with pytest.raises(CallerError, match=r"^several rows have this id: name one of second, third$") as caught:
        resolve(snapshot, "shared")
    assert (caught.value.status, caught.value.param) == (400, "model")


def test_an_unknown_name_lists_near_misses(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownModel, match=r"'gpt-4o-mni'; near misses: .*gpt-4o-mini") as caught:
        resolve(snapshot, "gpt-4o-mni")
    assert (caught.value.status, caught.value.param) == (404, "model")


@settings(deadline=None)
@given(st.text(max_size=3000))
def test_whatever_is_asked_is_answered_in_one_bounded_line(snapshot: Snapshot, model: str) -> None:
    """A caller's text is shown only in part, and without what could break a line or a log."""
    try:
        resolve(snapshot, model)
    except CallerError as error:
        assert len(error.message) < 400
        assert "\n" not in error.message


def test_a_key_pasted_as_a_model_is_not_repeated(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownModel) as caught:
        resolve(snapshot, "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789")
    assert "abcdefghij" not in caught.value.message


def test_a_lone_star_catches_every_name_that_nothing_else_is(tmp_path: Path) -> None:
    """Whole client fleets can be pointed here without a change of their model names."""
    snapshot = compiled(tmp_path, "models: {a: {provider: openai, id: x}}\naliases: {'*': auto-fast}\n")
    assert resolve(snapshot, "whatever") == Asked(mode="fast")
    assert resolve(snapshot, "a") == Asked(name="a")
