"""What the system looks like now and in the last hour."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from coordinator.domain.lifecycle import SLOT
from coordinator.store import attempts, statistics, steps, tasks, webhooks
from coordinator.store.work import Work

WINDOW_S = 3600.0
PREDICTIONS = 200
"""Tasks that the error of predictions is taken from."""
LEAST_S = 0.5
"""Shorter times are not predicted better than this."""


def overview(work: Work) -> dict[str, Any]:
    """Counts by state, queue length, durations and the error rate of the last hour."""
    ended = statistics.ended_since(work, work.now - WINDOW_S)
    outcomes = ended.completed + ended.failed
    fleet = statistics.interfaces(work)
    fleet["busy_slots"] = attempts.count(work, SLOT)
    return {
        "tasks": tasks.counts(work),
        "queue": {"waiting_tasks": tasks.counts(work).get("waiting", 0), "waiting_steps": steps.waiting_count(work)},
        "interfaces": fleet,
        "webhooks": webhooks.backlog(work),
        "last_hour": {
            "completed": ended.completed,
            "failed": ended.failed,
            "cancelled": ended.cancelled,
            "error_rate": ended.failed / outcomes if outcomes else 0.0,
            "mean_wait_s": ended.wait_s,
            "mean_work_s": ended.work_s,
            "frames": ended.frames,
            "attempts": statistics.attempts_since(work, work.now - WINDOW_S),
        },
        "eta_error": eta_error(statistics.predictions(work, PREDICTIONS)),
    }


def eta_error(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """How wrong the times were that were predicted at the start of tasks: |predicted - real| / real."""
    wrong = sorted(abs(said - real) / max(real, LEAST_S) for said, real in pairs)
    if not wrong:
        return {"tasks": 0, "median": None, "p90": None}
    return {"tasks": len(wrong), "median": median(wrong), "p90": wrong[min(len(wrong) - 1, 9 * len(wrong) // 10)]}
