import re
from pathlib import Path

import pytest

from scripts.segfleet import WORDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "coordinator/README.md",
    "interface_node/README.md",
    "protocol/README.md",
    "scripts/README.md",
)


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_repository_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", _text(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.is_file(), target
        assert not anchor or anchor in _anchors(file), target


@pytest.mark.parametrize("page", PAGES)
def test_every_source_file_that_a_page_names_is_there(page: str) -> None:
    folder = (ROOT / page).parent
    for path in re.findall(r"`([a-z_]+(?:/[\w.]+)*(?:\.py|/))`", _text(page)):
        places = (ROOT / path, folder / path, *ROOT.glob(f"{folder.name}/*/{path}"), *(ROOT / "tests").rglob(path))
        known = any(place.exists() for place in places) or path in KEPT_ELSEWHERE
        assert known, f"{page} names {path}"


KEPT_ELSEWHERE = {"outbox/", "cache/", "work/", "home/node/outbox"}
"""Folders of a running node."""


def _shape(page: str) -> list[str]:
    """The page without its words: headings by depth, fences, rows of tables, numbered steps, commands."""
    shape = []
    fenced = False
    for line in _text(page).splitlines():
        if line.startswith("```"):
            fenced = not fenced
            shape.append(line)
        elif found := re.match(r"#+ |\| |\d+\. ", line):
            shape.append(found[0])
    return shape


def test_the_two_readmes_have_the_same_content_in_the_same_order() -> None:
    assert _shape("README.md") == _shape("README.zh-CN.md")


def test_every_command_of_the_readme_exists() -> None:
    for page in ("README.md", "README.zh-CN.md"):
        words = set(re.findall(r"(?<![\w-])segfleet ([a-z]+)\b", _text(page)))
        assert words <= WORDS.keys()
        assert {"up", "node", "submit", "doctor", "secrets", "backup"} <= words
