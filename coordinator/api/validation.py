"""What the framework found wrong in a request, in the words of our problems."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from protocol.problems import FieldError

_CODES = {"extra_forbidden": "unknown_field"}
MOST = 50


def is_broken_json(error: RequestValidationError) -> bool:
    """Whether the body was not JSON at all."""
    return any(found["type"] == "json_invalid" for found in error.errors())


def is_wrong_content_type(error: RequestValidationError, content_type: str) -> bool:
    """Whether a body arrived that nobody tried to read as JSON because of its content type."""
    is_json = content_type.split(";")[0].strip().endswith("json")
    return not is_json and any(found["loc"] == ("body",) and found["input"] for found in error.errors())


def field_errors(error: RequestValidationError) -> tuple[FieldError, ...]:
    """One entry a wrong place: in the body a JSON pointer, elsewhere `query/name`, `path/name` or `header/name`."""
    found = error.errors()[:MOST]
    return tuple(
        FieldError(pointer=_pointer(one["loc"], error.body), code=_code(one["type"]), detail=one["msg"])
        for one in found
    )


def _code(kind: str) -> str:
    return _CODES.get(kind, kind)


def _pointer(place: Sequence[str | int], body: Any) -> str:
    where, *names = place
    if where != "body":
        return "/".join(map(str, place))
    return "".join(f"/{_escaped(name)}" for name in _without_tags(names, body))


def _without_tags(names: Sequence[str | int], body: Any) -> list[str | int]:
    """pydantic names the chosen member of a tagged union as if it were a field; the body knows no such field."""
    kept: list[str | int] = []
    for at, name in enumerate(names):
        last = at == len(names) - 1
        child = _child(body, name)
        if last or isinstance(child, (dict, list)):
            kept.append(name)
            body = child
    return kept


def _child(body: Any, name: str | int) -> Any:
    if isinstance(body, dict):
        return body.get(name)
    if isinstance(body, list) and isinstance(name, int) and name < len(body):
        return body[name]
    return None


def _escaped(name: str | int) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
