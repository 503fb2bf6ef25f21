"""Log lines are events with fields, whoever wrote them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from interface_node import logs


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Logs of this test in a file; the process's own handlers come back afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    for handler in before:
        root.removeHandler(handler)
    path = tmp_path / "node.log"
    logs.configure("INFO", "json", path)
    yield path
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def test_our_events_carry_their_attempt_and_hide_secrets(log_file: Path) -> None:
    with bound_contextvars(attempt_id="a_1", task_id="t_1"):
        structlog.get_logger("node").info("uploaded", size=3, attempt_token="a token that opens files")
    record = json.loads(log_file.read_text())
    assert (record["event"], record["attempt_id"], record["task_id"], record["size"]) == ("uploaded", "a_1", "t_1", 3)
    assert (record["level"], record["attempt_token"]) == ("info", "***")


def test_requests_are_fields_and_lose_their_query(log_file: Path) -> None:
    arguments = ("10.0.0.1:5", "GET", "/identity?nonce=0123456789", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *arguments)
    record = json.loads(log_file.read_text())
    assert (record["event"], record["method"], record["path"], record["status"]) == ("request", "GET", "/identity", 200)
    assert "nonce" not in log_file.read_text()


def test_foreign_exceptions_stay_on_one_line(log_file: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke")
    lines = log_file.read_text().splitlines()
    assert len(lines) == 1
    assert "ValueError: first" in json.loads(lines[0])["exception"]
