"""The words of the pages: the same in both languages, all that are asked for are there, and none is there twice."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from coordinator.api.pages import WEB
from coordinator.api.routes.pages import ADDRESSES

AREAS = sorted(path.stem for path in (WEB / "words" / "en").glob("*.json"))
IN_BRACES = re.compile(r"\{\w+\}")
ASKED = re.compile(r"""\bt\(\s*"([a-z0-9_.]+)"\s*[,)]""")


def words(language: str, area: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((WEB / "words" / language / f"{area}.json").read_text(encoding="utf-8"))
    return found


def modules() -> list[Path]:
    return [path for path in sorted(WEB.rglob("*.js")) if "words" not in path.parts]


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_words_with_the_same_names_in_braces(area: str) -> None:
    english, chinese = words("en", area), words("zh", area)
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert sorted(IN_BRACES.findall(text)) == sorted(IN_BRACES.findall(chinese[key])), key


def test_no_area_takes_the_key_of_another() -> None:
    counted = Counter(key for area in AREAS for key in words("en", area))
    assert [key for key, number in counted.items() if number > 1] == []


def test_every_word_that_a_page_asks_for_by_name_is_there() -> None:
    known = {key for area in AREAS for key in words("en", area)}
    asked = {key: path.name for path in modules() for key in ASKED.findall(path.read_text(encoding="utf-8"))}
    assert {key: name for key, name in asked.items() if key not in known} == {}
    assert len(asked) > 200


def test_the_server_answers_at_the_address_of_every_route() -> None:
    routes = (WEB / "routes.js").read_text(encoding="utf-8")
    paths = re.findall(r'\bpath: "([^"]+)"', routes)
    answered = [re.compile(re.sub(r"\{\w+:path\}", ".+", address)) for address in ADDRESSES]
    assert [path for path in paths if not any(one.fullmatch(path) for one in answered)] == []
    assert len(paths) > 15


def test_every_route_has_its_module_and_its_words() -> None:
    routes = (WEB / "routes.js").read_text(encoding="utf-8")
    imported = re.findall(r'import\("\./([\w./]+)"\)', routes)
    named = {area for line in re.findall(r"words: \[([^\]]*)\]", routes) for area in re.findall(r'"(\w+)"', line)}
    assert [name for name in imported if not (WEB / name).is_file()] == []
    assert named <= set(AREAS)
    assert len(imported) > 15
