from collections import Counter

import pytest

from coordinator import errors
from protocol.keys import KEYS
from protocol.problems import PROBLEMS
from scripts import generated, openapi, settings_tables


@pytest.mark.parametrize("path", [*generated.BLOCKS, generated.OPENAPI])
def test_what_is_printed_from_the_code_is_current(path: str) -> None:
    said = (generated.ROOT / path).read_text(encoding="utf-8")
    assert said == generated.current(path), "run: python -m scripts.generated"


def test_a_text_goes_between_its_marks_and_nowhere_else() -> None:
    page = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n"
    assert generated.renewed(page, "x", "new") == "a\n<!-- generated: x -->\nnew\n<!-- end: x -->\nb\n"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(generated.NoSuchBlockError):
        generated.renewed("a\n<!-- generated: x -->\nold\n", "x", "new")


def test_every_setting_has_a_chinese_meaning_and_no_meaning_is_left_over() -> None:
    assert settings_tables.MEANINGS.keys() == KEYS.keys()


def test_no_two_operations_share_an_id() -> None:
    paths = openapi.document()["paths"].values()
    counted = Counter(operation["operationId"] for path in paths for operation in path.values())
    assert len(counted) > 60
    assert [name for name, times in counted.items() if times > 1] == []


def test_every_code_that_an_error_carries_is_documented() -> None:
    document = openapi.document()
    listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert listed == sorted(PROBLEMS)
    raised = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    assert raised
    assert raised <= set(listed)


def test_every_operation_says_that_it_may_answer_a_problem() -> None:
    for path in openapi.document()["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
