import re
from collections.abc import Iterator

import pytest

from coordinator.api.errors import error_response
from coordinator.errors import CoordinatorError
from protocol.problems import PROBLEMS, Problem, title

SAID_BY_ROUTES_THEMSELVES = {"method_not_allowed", "range_not_satisfiable", "internal"}
"""The framework's refusals and the last resort have no class."""
SAID_BY_NODES = {"node_busy"}
SAID_OF_TASKS = {"attempts_exhausted"}
"""The error of a task, which is a fact of its object and not the answer to a request."""


def _classes(root: type[CoordinatorError]) -> Iterator[type[CoordinatorError]]:
    for child in root.__subclasses__():
        if "code" in child.__dict__:
            yield child
        yield from _classes(child)


CLASSES = sorted(_classes(CoordinatorError), key=lambda found: found.code)


def test_every_error_class_has_a_problem_of_its_own() -> None:
    codes = [found.code for found in CLASSES]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(PROBLEMS)


def test_every_problem_is_said_by_somebody() -> None:
    said = {found.code for found in CLASSES} | SAID_BY_ROUTES_THEMSELVES | SAID_BY_NODES | SAID_OF_TASKS
    assert set(PROBLEMS) - said == set()


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_a_status_of_errors_and_a_title_in_both_languages(code: str) -> None:
    kind = PROBLEMS[code]
    assert re.fullmatch(r"[a-z][a-z_]*", code)
    assert 400 <= kind.status < 600
    assert kind.en
    assert kind.en.isascii()
    assert re.search(r"[\u4e00-\u9fff]", kind.zh)
    assert title(code, "zh") == kind.zh


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.code)
def test_every_error_becomes_a_problem_with_its_code_and_status(kind: type[CoordinatorError]) -> None:
    answer = error_response(kind("What happened here.", id="x"), "zh-CN")
    body = Problem.model_validate_json(bytes(answer.body))
    assert answer.status_code == body.status == kind.status == PROBLEMS[kind.code].status
    assert body.code == kind.code
    assert body.title == PROBLEMS[kind.code].zh
    assert body.params == {"id": "x"}
