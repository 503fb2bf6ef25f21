"""What in the documents is printed from the code: `python -m scripts.generated` writes it anew.

In a Markdown file such a text stands between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``. The tests compare
each with what the code says now.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from scripts import diagrams, openapi, problem_table, settings_tables

ROOT: Final = Path(__file__).resolve().parent.parent
OPENAPI: Final = "docs/openapi.json"
Write = Callable[[], str]
BLOCKS: Final[Mapping[str, Mapping[str, Write]]] = {
    "README.md": {"settings": partial(settings_tables.table, "en")},
    "README.zh-CN.md": {"settings": partial(settings_tables.table, "zh")},
    "coordinator/README.md": dict(diagrams.DIAGRAMS),
    "protocol/README.md": {"problems": problem_table.table},
}
"""The generated texts of each document, by name."""


class NoSuchBlockError(Exception):
    """A document lacks the marks of a text that belongs into it."""


def renewed(document: str, name: str, text: str) -> str:
    """`document` with `text` between the marks of `name`. NoSuchBlockError."""
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise NoSuchBlockError(f"no generated text {name}")
    return f"{before}{begin}{text}\n{end}{after}"


def current(path: str) -> str:
    """The document as it should be, given everything in it that is not generated."""
    if path == OPENAPI:
        return openapi.text()
    document = (ROOT / path).read_text(encoding="utf-8")
    for name, write in BLOCKS[path].items():
        document = renewed(document, name, write())
    return document


def main() -> int:
    """Write every generated text; the names of the files that changed are printed."""
    for path in (*BLOCKS, OPENAPI):
        file, text = ROOT / path, current(path)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
