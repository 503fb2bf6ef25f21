"""A line for each minute of the whole system, and those lines as plots.

The queue's length can be asked only while it is there, so it is written down once a minute; what ended is counted from
the rows, and stays known when a user removes the task.
"""

from collections.abc import Sequence
from typing import Any, Final

from coordinator.domain.lifecycle import SLOT
from coordinator.store import attempts, endings, samples, statistics, steps, tasks
from coordinator.store.schema import Json
from coordinator.store.work import Work
from protocol.states import TaskState

MINUTE_S: Final = 60
CATCH_UP: Final = 60
"""Minutes that are counted afterwards when no coordinator ran."""
KEEP_S: Final = 31 * 86_400
POINTS: Final = 180
"""A plot has at most so many points."""
SPANS: Final = (60, 120, 300, 600, 1200, 3600, 7200, 14_400)
"""Seconds that one point may stand for."""


def due(work: Work) -> list[Json]:
    """The minutes that are over and not written yet; asked for more often than once a minute, by every replica."""
    last = int(work.now) // MINUTE_S * MINUTE_S - MINUTE_S
    newest = samples.newest(work)
    begin = last if newest is None else max(newest + MINUTE_S, last - (CATCH_UP - 1) * MINUTE_S)
    return [_minute(work, at, at == last) for at in range(begin, last + 1, MINUTE_S)]


def keep(work: Work, minutes: Sequence[Json]) -> None:
    """Write them, but for those that another replica has written meanwhile."""
    for minute in minutes:
        samples.add(work, minute)


def _minute(work: Work, at: int, is_last: bool) -> Json:
    seen = _present(work) if is_last else {}
    return {"at": at, **endings.between(work, at, at + MINUTE_S)._asdict(), **seen}


def _present(work: Work) -> dict[str, int]:
    return {
        "waiting_tasks": tasks.count(work, [TaskState.WAITING]),
        "waiting_steps": steps.waiting_count(work),
        "busy_slots": attempts.count(work, SLOT),
        "slots": statistics.interfaces(work)["slots"],
    }


def forget(work: Work) -> None:
    """Forget minutes of more than a month ago."""
    samples.forget_before(work, int(work.now) - KEEP_S)


def series(work: Work, hours: int) -> dict[str, Any]:
    """The last hours in at most `POINTS` points, oldest first; spans without any minute are left out.

    `fps` is frames a second of all nodes over the span, `error_rate` the share of attempts that failed (null when none
    ended).
    """
    span = next(span for span in SPANS if hours * 3600 <= span * POINTS or span == SPANS[-1])
    since = int(work.now - hours * 3600) // span * span
    return {"span_s": span, "points": [_point(row) for row in samples.buckets(work, since, span)]}


def _point(row: dict[str, Any]) -> dict[str, Any]:
    ended = row["attempts_done"] + row["attempts_failed"]
    return {
        **row,
        "fps": row["frames"] / (row["minutes"] * MINUTE_S),
        "error_rate": row["attempts_failed"] / ended if ended else None,
    }
