"""The rules of this house that no linter knows, checked on every file that git has or would add.

Run as ``python -m scripts.house_rules``; each finding is one line ``path:line: sentence`` and the exit code is 1.
"""

import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from protocol.keys import KEYS
from scripts.source_rules import source_findings

TRACKED_BYTES = 500_000
LOCKS_WITH_HOSTS = {"uv.lock", "pylock.toml"}

Found = Iterator[tuple[int, str]]

FOREIGN = (
    (re.compile(r"(?<![\w.~-])/(?:work|root)/"), "a path of one machine"),
    (re.compile(r"(?:pypi\.org|pythonhosted\.org|pypi\.nvidia\.com)"), "the host name of a package registry"),
)


def file_findings(path: str, content: bytes) -> Found:
    """The findings in any file: its size, its name, and addresses that mean nothing elsewhere."""
    if len(content) > TRACKED_BYTES:
        yield 1, f"{len(content)} bytes; {TRACKED_BYTES} are the maximum of a tracked file"
    if Path(path).name in LOCKS_WITH_HOSTS:
        yield 1, "this kind of lock records host names; locks/*.txt are the locks"
    if b"\0" in content:
        return
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        yield from ((number, f"{what} in a tracked file") for pattern, what in FOREIGN if pattern.search(line))


SETTINGS_EXAMPLES = (".env", ".env.production.example")
KEY = re.compile(r"^#?\s?([A-Z][A-Z0-9_]*)=", re.MULTILINE)


def settings_findings(text: str, keys: Collection[str]) -> Found:
    """`.env` and its production example name every key, set or commented out, and no other."""
    named = set(KEY.findall(text))
    yield from ((1, f"the key {key} is missing") for key in sorted(set(keys) - named))
    yield from ((1, f"no program knows the key {key}") for key in sorted(named - set(keys)))


def tracked(root: Path) -> list[str]:
    """What git has, and what it would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted({path for path in listed.split("\0") if path and (root / path).is_file()})


def main() -> int:
    """Print the findings of the whole tree; 0 when there are none."""
    root = Path(__file__).resolve().parent.parent
    found: list[str] = []
    for path in tracked(root):
        content = (root / path).read_bytes()
        findings = list(file_findings(path, content))
        if path in SETTINGS_EXAMPLES:
            findings += settings_findings(content.decode(), KEYS)
        if path.endswith(".py"):
            findings += source_findings(path, content.decode())
        found += [f"{path}:{line}: {sentence}" for line, sentence in findings]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
