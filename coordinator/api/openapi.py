"""`/openapi.json`: every operation's refusals are problems, and every code of them is named."""

from typing import Any

from fastapi import FastAPI

from protocol.problems import PROBLEMS, Problem

MEDIA_TYPE = "application/problem+json"
REFERENCE = "#/components/schemas/{model}"
_REFUSAL = {
    "description": "A problem (RFC 9457); `code` says which.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}},
}
_FRAMEWORK = frozenset({"HTTPValidationError", "ValidationError"})


def install(app: FastAPI) -> None:
    """Let the framework describe the routes, and put our problems where it would put its own."""
    described = app.openapi
    documented: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not documented:
            documented.append(with_problems(described()))
        return documented[0]

    # the framework wants this method replaced; types forbid the plain assignment
    vars(app)["openapi"] = openapi


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The same document with `Problem` as the default answer of every operation."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=REFERENCE)
    schemas.update(problem.pop("$defs", {}))
    problem["properties"]["code"] = {"type": "string", "enum": sorted(PROBLEMS)}
    schemas["Problem"] = problem
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _REFUSAL
    for name in _FRAMEWORK & schemas.keys():
        del schemas[name]
    return document
