"""Progress for people: bars in a terminal, a line now and then in a pipe or a log."""

import re
import time
from types import TracebackType
from typing import Final

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from scripts.refusal import errors

LINE_EVERY_S: Final = 1.0
DIGITS: Final = re.compile(r"[\d.]+")


class Bars:
    """Several things that go on, one after the other."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<10}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[news]}", markup=False),
        )
        self._rich = Progress(*columns, console=errors) if errors.is_terminal else None

    def __enter__(self) -> "Bars":
        if self._rich is not None:
            self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            self._rich.stop()

    def begin(self, what: str, total: float, news: str) -> "Bar":
        """Another thing: `what` it is, and what there is to say about it."""
        return Bar(self._rich, what, total, news)


class Bar:
    """One thing that goes on."""

    def __init__(self, rich: Progress | None, what: str, total: float, news: str) -> None:
        self._rich = rich
        self._what = what
        self._total = total
        self._news = news
        self._told = ("", 0.0)
        self._id = rich.add_task(what, total=total or None, news=news) if rich is not None else None

    def update(self, done: float, news: str | None = None) -> None:
        """How far it is, and what there is to say now."""
        self._news = self._news if news is None else news
        if self._rich is not None and self._id is not None:
            self._rich.update(self._id, completed=done, news=self._news)
        else:
            self._line(done)

    def _line(self, done: float) -> None:
        """At most one a second, but always the last, and when something else than the numbers changed."""
        share = 100 * done / self._total if self._total else 100.0
        line, now = f"{self._what} {share:.0f} % {self._news}", time.monotonic()
        before, at = self._told
        other = DIGITS.sub("", line) != DIGITS.sub("", before)
        if line != before and (other or now - at >= LINE_EVERY_S or done >= self._total):
            self._told = (line, now)
            errors.print(line, soft_wrap=True, markup=False, highlight=False)
