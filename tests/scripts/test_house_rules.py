from pathlib import Path

import pytest

from scripts.house_rules import file_findings, settings_findings, tracked
from scripts.source_rules import source_findings

LONG_FUNCTION = "def f() -> int:\n" + "    x = 1\n" * 40 + "    return x\n"
DOCUMENTED_FUNCTION = 'def f() -> int:\n    """One.\n' + "\n    more.\n" * 30 + '    """\n    return 1\n'
ERRORS = """
class NodeError(Exception):
    code: str
    error_class: str

class InputError(NodeError):
    error_class = "input"

class NoFrames(InputError):
    {body}
"""

BAD = {
    "what is not Python": ("scripts/x.py", "def f(:\n"),
    "a file of 301 lines": ("protocol/live.py", "x = 1\n" * 301),
    "a function of 42 lines": ("protocol/live.py", LONG_FUNCTION),
    "a module called utils": ("coordinator/utils.py", ""),
    "a folder called helpers": ("tests/helpers/clips.py", ""),
    "the wall clock": ("coordinator/services/x.py", "import time\nnow = time.time()\n"),
    "the wall clock under another name": ("interface_node/x.py", "from datetime import datetime as d\nd.now()\n"),
    "the clock handed on uncalled": ("coordinator/x.py", "from time import time_ns\nclock = time_ns\n"),
    "the environment": ("interface_node/jobs/x.py", "import os\nhome = os.environ['HOME']\n"),
    "an id made elsewhere": ("coordinator/services/x.py", "from uuid import uuid4\nuuid4()\n"),
    "a commit outside the work": ("coordinator/store/tasks.py", "def f(c): c.commit()\n"),
    "a state that is assigned": ("coordinator/services/x.py", "def f(task): task.state = 'ready'\n"),
    "a state that is set by name": ("coordinator/services/x.py", "def f(task): setattr(task, 'state', 'ready')\n"),
    "an error without a code": ("interface_node/errors.py", ERRORS.format(body="pass")),
    "an annotation that is not a value": ("interface_node/errors.py", ERRORS.format(body="code: str")),
    "an ignored type": ("scripts/x.py", "x = 1  # type: " + "ignore[assignment]\n"),
    "a noqa without a rule": ("scripts/x.py", "x = 1  # no" + "qa\n"),
    "a noqa without a reason": ("scripts/x.py", "x = 1  # no" + "qa: S301\n"),
    "mock.patch": ("tests/x.py", "from unittest.mock import patch\nwith patch('a.b'): pass\n"),
    "our module patched": (
        "tests/x.py",
        "from coordinator import ids\ndef f(monkeypatch): monkeypatch.setattr(ids, 'a', 1)\n",
    ),
    "our name patched": ("tests/x.py", "def f(monkeypatch): monkeypatch.setattr('protocol.live.x', 1)\n"),
    "a test that asserts nothing": ("tests/x.py", "def test_it_runs():\n    print(1)\n"),
}

GOOD = {
    "a long docstring": ("protocol/live.py", DOCUMENTED_FUNCTION),
    "a long migration": ("coordinator/migrations/versions/0001_first.py", LONG_FUNCTION),
    "the clock in its file": ("coordinator/clock.py", "import time\nnow = time.time()\n"),
    "a monotonic clock": ("interface_node/x.py", "import time\nnow = time.monotonic()\n"),
    "the clock of a script": ("scripts/x.py", "import time\nnow = time.time()\n"),
    "the environment in the settings": ("coordinator/settings.py", "import os\nhome = os.environ['HOME']\n"),
    "an id in its file": ("coordinator/ids.py", "from uuid import uuid4\nuuid4()\n"),
    "a commit in the work": ("coordinator/store/work.py", "def f(c): c.commit()\n"),
    "the application's own state": ("coordinator/app.py", "def f(app): app.state.settings = 1\n"),
    "a state that is read": ("coordinator/x.py", "def f(task): return task.state == 'ready'\n"),
    "an error whose group knows the class": ("interface_node/errors.py", ERRORS.format(body='code = "no_frames"')),
    "a noqa with its reason": ("scripts/x.py", "x = 1  # no" + "qa: S301, S302 - our own file\n"),
    "a foreign library patched": ("tests/x.py", "import av\ndef f(monkeypatch): monkeypatch.setattr(av, 'a', 1)\n"),
    "a test that expects an error": ("tests/x.py", "def test_it():\n    with pytest.raises(OSError):\n        f()\n"),
}


@pytest.mark.parametrize(("path", "text"), BAD.values(), ids=BAD.keys())
def test_what_a_rule_forbids_is_found_once(path: str, text: str) -> None:
    assert len(list(source_findings(path, text))) == 1


@pytest.mark.parametrize(("path", "text"), GOOD.values(), ids=GOOD.keys())
def test_what_no_rule_forbids_is_left_alone(path: str, text: str) -> None:
    assert list(source_findings(path, text)) == []


def test_a_finding_names_its_line_and_the_reason() -> None:
    assert list(source_findings("coordinator/x.py", "import os\n\nhome = os.getenv('HOME')\n")) == [
        (3, "os.getenv: the environment is read in the settings files only"),
    ]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("README.md", b"see /" + b"work/shared"),
        ("scripts/x.sh", b"cd '/" + b"root/x'"),
        ("locks/run.txt", b"--index-url https://pypi" + b".org/simple"),
        ("uv.lock", b""),
        ("picture.png", bytes(500_001)),
    ],
)
def test_what_no_file_may_hold_is_found(path: str, content: bytes) -> None:
    assert len(list(file_findings(path, content))) == 1


@pytest.mark.parametrize("line", [b"GET /api/work/", b"the network/root/", b"./root/x", b"a path like /srv/segfleet"])
def test_an_innocent_path_is_left_alone(line: bytes) -> None:
    assert list(file_findings("README.md", line)) == []


def test_the_settings_file_and_the_list_of_keys_name_the_same_keys() -> None:
    text = "# about A_KEY=\nA_KEY=1\n# B_KEY=2\n#C_KEY=\nODD=1\n"
    assert [sentence for _, sentence in settings_findings(text, {"A_KEY", "B_KEY", "C_KEY", "D_KEY"})] == [
        "the key D_KEY is missing",
        "no program knows the key ODD",
    ]


def test_new_files_are_checked_before_git_has_them() -> None:
    root = Path(__file__).parents[2]
    assert {"scripts/house_rules.py", "tests/scripts/test_house_rules.py"} <= set(tracked(root))
