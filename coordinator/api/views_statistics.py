"""Usage, failures, plots, the queue and what nodes did, as JSON."""

from typing import Any

from coordinator.clock import rfc3339
from coordinator.services.queueing import Place
from coordinator.store.endings import Failure, Tried


def failure(row: Failure) -> dict[str, Any]:
    """One code of what went wrong."""
    return {
        "code": row.code,
        "number": row.number,
        "tasks": row.tasks,
        "nodes": row.nodes,
        "last_at": rfc3339(row.last_at),
    }


def series(found: dict[str, Any]) -> dict[str, Any]:
    """Lines over time; `at` is the begin of a span of `span_s` seconds."""
    points = [{"at": rfc3339(point.pop("begin")), **point} for point in found["points"]]
    return {"span_s": found["span_s"], "points": points}


def place(found: Place) -> dict[str, Any]:
    """A waiting task in the queue; `begins_s` counts from now."""
    row = found.task
    return {
        "id": row.id,
        "name": row.source_name,
        "kind": row.kind,
        "owner": found.owner,
        "model": row.model,
        "class": row.klass,
        "priority": row.priority,
        "frames_total": row.frames_total,
        "submitted_at": rfc3339(row.submitted_at),
        "why": str(found.why),
        "begins_s": None if found.begins_s is None else round(found.begins_s, 1),
        "node": found.node,
        "steps_placed": found.steps,
    }


def tried(row: Tried) -> dict[str, Any]:
    """One attempt of a node, with the task that it was for, if that is still there."""
    attempt = row.attempt
    return {
        "id": attempt.id,
        "task_id": attempt.task_id,
        "task_name": row.task_name,
        "owner": row.owner,
        "kind": row.kind,
        "ord": row.ord,
        "state": attempt.state,
        "provider": attempt.provider,
        "frames_done": attempt.frames_done,
        "frames_total": row.frames,
        "fps": attempt.fps,
        "error": attempt.error,
        "charge": attempt.charge,
        "offered_at": rfc3339(attempt.offered_at),
        "started_at": rfc3339(attempt.started_at),
        "ended_at": rfc3339(attempt.ended_at),
    }
