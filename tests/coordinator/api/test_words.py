"""The pages' words: the same in Chinese and English, and none missing that a page asks for."""

import json
import re
from functools import cache

import pytest

from coordinator.api.pages import WEB
from coordinator.domain.waiting import Reason
from protocol.states import Output, TaskState

AREAS = sorted(path.stem for path in (WEB / "words" / "en").glob("*.json"))
_ASKED = re.compile(r"""\bt\(\s*"([^"]+)\"""")
_BEGUN = re.compile(r"""\bt\(\s*`([^`$]*)\$\{""")
_NAME = re.compile(r"\{(\w+)\}")


@cache
def words(language: str, area: str) -> dict[str, str]:
    return dict(json.loads((WEB / "words" / language / f"{area}.json").read_text("utf-8")))


@cache
def known() -> frozenset[str]:
    return frozenset(key for area in AREAS for key in words("en", area))


def test_both_languages_have_the_same_areas() -> None:
    assert sorted(path.stem for path in (WEB / "words" / "zh").glob("*.json")) == AREAS
    assert AREAS != []


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_keys_with_the_same_names_in_braces(area: str) -> None:
    english, chinese = words("en", area), words("zh", area)
    assert sorted(english) == sorted(chinese)
    names = {key: (sorted(_NAME.findall(english[key])), sorted(_NAME.findall(chinese[key]))) for key in english}
    assert [key for key, (mine, theirs) in names.items() if mine != theirs] == []


def test_no_area_says_again_what_another_says() -> None:
    found = [key for area in AREAS for key in words("en", area)]
    assert sorted({key for key in found if found.count(key) > 1}) == []


def test_every_word_that_a_module_asks_for_is_there() -> None:
    texts = {path: path.read_text("utf-8") for path in WEB.rglob("*.js")}
    missing = [(path.name, key) for path, text in texts.items() for key in _ASKED.findall(text) if key not in known()]
    begun = [
        (path.name, start)
        for path, text in texts.items()
        for start in _BEGUN.findall(text)
        if start and not any(key.startswith(start) for key in known())
    ]
    assert missing + begun == []


def test_every_state_reason_and_output_has_words() -> None:
    drafts = {"idle", "selecting_source", "source_selected", "ready"}
    wanted = {f"state.{state}" for state in TaskState if state not in drafts}
    wanted |= {f"why.{reason}" for reason in Reason}
    wanted |= {f"output.{output}" for output in Output}
    assert wanted - known() == set()
