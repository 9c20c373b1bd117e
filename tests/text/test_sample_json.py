"""Sampled values are ones that the schema accepts: judged by pydantic, which made the schema."""

from datetime import datetime
from enum import Enum
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from app.text.sample_json import sample_json


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    count: int = Field(ge=3)
    share: float = Field(gt=0.5, le=2)
    when: datetime


class Outer(BaseModel):
    name: str = Field(min_length=8, max_length=9)
    colour: Colour
    kind: Literal["one", "two"]
    inner: Inner
    several: list[Inner] = Field(min_length=2)
    either: int | str
    perhaps: str | None
    flag: bool
    absent: str = "default"


class Tree(BaseModel):
    label: str
    children: list["Tree"]


@pytest.mark.parametrize("model", [Inner, Outer, Tree])
def test_a_sample_is_accepted_by_the_model_whose_schema_it_follows(model: type[BaseModel]) -> None:
    """Bounds, enums, references, choices and nesting are heeded."""
    model.model_validate(sample_json(model.model_json_schema()))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "[MOCK]"),
        (True, None),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "integer", "maximum": -4}, -4),
        ({"type": "number", "exclusiveMaximum": -1}, -2),
        ({"const": 7}, 7),
        (
            {"allOf": [{"properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"required": ["b"]}]},
            {"a": False, "b": None},
        ),
        ({"$ref": "#/nowhere"}, "[MOCK]"),
        ({"type": "object", "required": ["x"]}, {"x": None}),
        ({"type": "string", "maxLength": 2}, "[M"),
    ],
)
def test_odd_schemas_have_a_plain_value(schema: object, value: object) -> None:
    """What cannot be followed does not raise."""
    assert sample_json(schema) == value


def test_a_schema_that_refers_to_itself_for_ever_ends() -> None:
    """Recursion is cut."""
    endless = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}}
    assert sample_json(endless)["next"]["next"] is not None
