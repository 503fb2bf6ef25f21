"""What the system looks like now and in the last hour."""

from typing import Any

from coordinator.domain.lifecycle import SLOT
from coordinator.store import attempts, statistics, steps, tasks
from coordinator.store.work import Work

WINDOW_S = 3600.0


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
    }
