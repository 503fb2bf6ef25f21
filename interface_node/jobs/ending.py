"""That this node is to end, and with which exit code."""

import asyncio

import structlog

_log = structlog.get_logger(__name__)
UNHEALTHY_EXIT = 70
"""EX_SOFTWARE: a worker thread hangs in native code; only a new process gets rid of it."""


class Ending:
    """`begun` is set once; the first code and sentence count."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.code = 0
        self.sentence = ""

    @property
    def unhealthy(self) -> bool:
        """Whether the node ends because a thread of it hangs."""
        return self.code == UNHEALTHY_EXIT

    def end(self, code: int, sentence: str) -> None:
        """Ask for the end."""
        if self.begun.is_set():
            return
        self.code, self.sentence = code, sentence
        self.begun.set()
        log = _log.error if code else _log.info
        log("ending", code=code, why=sentence)
