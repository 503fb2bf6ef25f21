"""Any message of the protocol, made from its own annotations, so that a new field is tested without a new line."""

import re
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from hypothesis import strategies as st
from pydantic import AnyHttpUrl, BaseModel
from pydantic.fields import FieldInfo

URLS = ("http://10.0.0.7:6002/", "https://gpu.example.org/node/7", "http://[::1]:6002/")
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    type(None): st.none(),
    Any: st.none() | st.integers() | st.text(max_size=5),
    AnyHttpUrl: st.sampled_from(URLS),
}


class _Bounds:
    """What the metadata of a field says: numbers, lengths, a pattern."""

    def __init__(self, metadata: list[Any]) -> None:
        self.low: Any = None
        self.high: Any = None
        self.above: Any = None
        self.shortest, self.longest = 0, 20
        self.pattern: str | None = None
        for one in _flat(metadata):
            self._take(one)

    def _take(self, one: Any) -> None:
        match one:
            case annotated_types.Ge(ge=low):
                self.low = low
            case annotated_types.Gt(gt=above):
                self.low, self.above = above, above
            case annotated_types.Le(le=high):
                self.high = high
            case annotated_types.MinLen(min_length=length):
                self.shortest = length
            case annotated_types.MaxLen(max_length=length):
                self.longest = min(length, max(self.longest, self.shortest))
            case _:
                self.pattern = getattr(one, "pattern", None) or self.pattern


def _flat(metadata: list[Any]) -> list[Any]:
    found: list[Any] = []
    for one in metadata:
        found += _flat(one.metadata) if isinstance(one, FieldInfo) else [one]
    return found


def message(model: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    """Valid instances of a model."""
    fields = {name: _values(field.annotation, field.metadata) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(fields).map(model.model_validate)


def _values(kind: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    if hasattr(kind, "__supertype__"):
        return _values(kind.__supertype__, metadata)
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return st.deferred(lambda: message(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if kind in {str, int, float}:
        return _scalar(kind, _Bounds(metadata))
    return _compound(kind, metadata)


def _compound(kind: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    inner = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            return _values(inner[0], [*inner[1:], *metadata])
        case origin if origin is Literal:
            return st.sampled_from(inner)
        case origin if origin in {Union, types.UnionType}:
            return st.one_of([_values(one, metadata) for one in inner])
        case origin if origin is tuple:
            bounds = _Bounds(metadata)
            return st.lists(_values(inner[0], []), min_size=bounds.shortest, max_size=min(bounds.longest, 3)).map(tuple)
        case origin if origin is dict:
            return st.dictionaries(_values(inner[0], []), _values(inner[1], []), max_size=3)
    raise AssertionError(f"no strategy for {kind!r}")


def _scalar(kind: type, bounds: _Bounds) -> st.SearchStrategy[Any]:
    if kind is int:
        return st.integers(bounds.low, bounds.high)
    if kind is float:
        return st.floats(
            bounds.low, bounds.high, allow_nan=False, allow_infinity=False, exclude_min=bounds.above is not None
        )
    if bounds.pattern:
        return st.from_regex(re.compile(bounds.pattern), fullmatch=True).filter(lambda text: not text.endswith("\n"))
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
        min_size=bounds.shortest,
        max_size=bounds.longest,
    )
