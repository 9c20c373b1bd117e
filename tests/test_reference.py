"""docs/reference against the code: what is public stands there, and nothing that is not so."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec
import pytest
import typer
from pydantic import BaseModel

import app.errors
from app.cli.commands import app as commands
from app.config.compile import DEFAULT_WEIGHTS
from app.config.load import OVERRIDES
from app.config.providers import BUILT_IN
from app.config.settings import Settings
from app.domain.record import Attempt, DecisionNote, Propensity, Record, ScoreLine, StandingLine, WishesNote
from app.endpoints.query_body import Query
from app.errors import RouterError
from app.logging_utils.sums import Row
from support import ROOT

REFERENCE = ROOT / "docs" / "reference"
PACKAGE = ROOT / "services" / "api" / "app"


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table's rows, heads left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("| `")]


def words(cell: str) -> list[str]:
    """What stands between backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def keys(shape: type[BaseModel], where: str = "") -> Iterator[tuple[str, str]]:
    """`(dotted key, default as the page writes it)` of every leaf of the settings."""
    for name, field in shape.model_fields.items():
        inner, rows = inside(field.annotation)
        if inner is not None and rows is None:
            yield from keys(inner, f"{where}{name}.")
            continue
        if inner is None or rows is list:
            default = "required" if field.is_required() else f"`{json.dumps(field.default)}`"
            yield f"{where}{name}", "`[]`" if rows is list else default
        if inner is not None:
            place = f"{name}[]" if rows is list else f"{name}.<{'mode' if name == 'weights' else 'name'}>"
            yield from keys(inner, f"{where}{place}.")


def inside(annotation: Any) -> tuple[type[BaseModel] | None, Any]:
    """The model that an annotation holds, and in what: None, list or dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, None
    for part in get_args(annotation):
        inner, rows = inside(part)
        if inner is not None:
            return inner, rows or (get_origin(annotation) if get_origin(annotation) in (list, dict) else None)
    return None, None


class TestConfigPage:
    """Every key of config.yaml stands in config.md with its default."""

    def test_it_lists_exactly_the_keys_with_their_defaults(self) -> None:
        listed = {words(row[0])[0]: row[1] for row in table_rows(page("config.md")) if len(row) == 3}
        assert listed == dict(keys(Settings))

    def test_it_gives_the_weights_of_the_modes(self) -> None:
        listed = {words(row[0])[0]: [float(cell) for cell in row[1:]] for row in table_rows(page("config.md")) if len(row) == 5}
        assert listed == {mode: list(msgspec.structs.astuple(weights)) for mode, weights in DEFAULT_WEIGHTS.items()}

    @pytest.mark.parametrize("name", ["allowed_hosts", "cors_origins", "keepalive_seconds"])
    def test_a_key_is_said_to_be_without_effect_as_long_as_it_is(self, name: str) -> None:
        told = "without effect yet" in page("config.md").partition(f"`server.{name}`")[2].partition("\n")[0]
        read = any(
            f".{name}" in path.read_text()
            for path in PACKAGE.rglob("*.py")
            if path.parent.name != "config" and "test" not in path.name
        )
        assert told is not read


class TestRecordsPage:
    """Every field of the two files stands in records.md."""

    def test_it_lists_exactly_the_fields_of_a_call_and_of_a_day(self) -> None:
        listed = [name for row in table_rows(page("records.md")) for name in words(row[0])]
        assert listed == [*Record.__struct_fields__, *Row.__struct_fields__]

    @pytest.mark.parametrize("shape", [Attempt, DecisionNote, Propensity, WishesNote, ScoreLine, StandingLine])
    def test_it_names_the_fields_of_what_is_inside(self, shape: Any) -> None:
        text = page("records.md")
        missing = [name for name in shape.__struct_fields__ if not re.search(rf"\b{name}\b", text)]
        assert missing == []


class TestCommandsPage:
    """Every command and option stands in cli.md."""

    def test_it_lists_exactly_the_commands_and_their_options(self) -> None:
        listed = {words(row[0])[0].removeprefix("llm-router "): set(words(row[2])) for row in table_rows(page("cli.md"))}
        group: Any = typer.main.get_command(commands)
        assert listed == dict(_commands(group))


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, set[str]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield (
                before + name,
                {option for parameter in command.params for option in parameter.opts if option[:2] == "--"} - {"--help"},
            )


class TestEnvironmentPage:
    """Every variable stands in environment.md and in .env.example."""

    def test_page_and_example_name_the_same_variables(self) -> None:
        listed = {name for row in table_rows(page("environment.md")) for name in words(row[0])}
        example = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
        assert listed == example

    def test_it_names_what_overrides_the_file_and_the_built_in_keys(self) -> None:
        listed = {name for row in table_rows(page("environment.md")) for name in words(row[0])}
        assert set(OVERRIDES) | {variable for _, _, variable in BUILT_IN.values()} <= listed


class TestErrorsPage:
    """Every code stands in errors.md under its status, with a remedy."""

    def test_it_lists_exactly_the_codes_under_their_statuses(self) -> None:
        listed = {(int(line.split("|")[1]), code) for line in _error_lines() for code in words(line.split("|")[2])}
        classes = {(shape.status, shape.code) for shape in _tree(RouterError)}
        given = {
            (400, code)
            for path in PACKAGE.rglob("*.py")
            for code in re.findall(r'CallerError\([^)]*code="(\w+)"', path.read_text())
        }
        others = {code for path in PACKAGE.rglob("*.py") for code in re.findall(r'\bcode="(\w+)"', path.read_text())}
        assert classes | given <= listed
        assert {code for _, code in listed} == {code for _, code in classes} | others

    def test_the_tree_in_the_docstring_names_every_class_with_its_status_and_code(self) -> None:
        drawn = set(re.findall(r"── (\w+) +(\d+) +(\w+)", app.errors.__doc__ or ""))
        assert drawn == {(shape.__name__, str(shape.status), shape.code) for shape in _tree(RouterError)}


def _error_lines() -> list[str]:
    return [line for line in page("errors.md").splitlines() if re.match(r"\| \d", line)]


def _tree(shape: type[RouterError]) -> Iterator[type[RouterError]]:
    for below in shape.__subclasses__():
        yield below
        yield from _tree(below)


class TestHttpPage:
    """http.md names every field of /query's body and every header of ours."""

    def test_it_names_every_field_of_the_body(self) -> None:
        body = page("http.md").partition("## `POST /query`")[2].partition("`POST /route`")[0]
        listed = {name for row in table_rows(body) for name in words(row[0])}
        assert listed == set(Query.__struct_fields__)

    def test_it_names_every_header_of_ours(self) -> None:
        text = page("http.md")
        sent = {name for path in (PACKAGE / "endpoints").glob("*.py") for name in re.findall(r'b"(x-[a-z-]+)"', path.read_text())}
        assert sent and {name for name in sent if name not in text} == set()
