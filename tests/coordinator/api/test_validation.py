from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from coordinator.api.validation import field_errors
from protocol.base import RequestModel
from protocol.work import Background

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


class Body(RequestModel):
    """A body with everything that makes a place hard to name."""

    background: Background
    items: tuple[Background, ...] = ()
    by_name: dict[str, int] = Field(default_factory=dict)


def pointers(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as raised:
        Body.model_validate(body)
    found = [{**one, "loc": ("body", *one["loc"])} for one in raised.value.errors()]
    return [(one.pointer, one.code) for one in field_errors(RequestValidationError(found, body=body))]


def test_a_place_inside_a_tagged_union_is_named_as_in_the_body() -> None:
    assert pointers({"background": {"kind": "color", "color": "red"}}) == [
        ("/background/color", "string_pattern_mismatch")
    ]
    assert pointers({"background": {"kind": "color"}}) == [("/background/color", "missing")]
    assert pointers({"background": {"kind": "nothing"}}) == [("/background", "union_tag_invalid")]
    blue = {"kind": "color", "color": "#0000ff"}
    assert pointers({"background": blue, "items": [blue, {"kind": "blur", "strength": 2}]}) == [
        ("/items/1/strength", "less_than_equal")
    ]


def test_a_name_with_slashes_is_escaped_as_pointers_are() -> None:
    blue = {"kind": "color", "color": "#0000ff"}
    assert pointers({"background": blue, "by_name": {"a/b~c": "x"}}) == [("/by_name/a~1b~0c", "int_parsing")]


def test_a_place_outside_the_body_says_where_it_is() -> None:
    error = RequestValidationError([{"type": "int_parsing", "loc": ("query", "limit"), "msg": "", "input": "x"}])
    assert field_errors(error)[0].pointer == "query/limit"


@given(JSON)
def test_any_body_is_refused_with_at_least_one_place(body: Any) -> None:
    assert pointers(body)
