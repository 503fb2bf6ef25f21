"""Tasks as JSON."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from coordinator.clock import rfc3339
from coordinator.domain.lifecycle import actions
from coordinator.gateway.links import Links
from coordinator.services.explaining import Explanation
from coordinator.services.looking import Picture, StepPicture
from coordinator.store.tables import Attempts, Batches, Events, Tasks
from protocol.states import StepState, TaskState

TIMES: Final = ("created_at", "submitted_at", "started_at", "finished_at", "expires_at")


def task(picture: Picture, links: Links, now: float) -> dict[str, Any]:
    """`progress` is 0..100 and never falls; `queue_position` counts from 1 and is null in lists. Only its owner
    and administrators see it: the receiver's address may hold a secret of theirs."""
    row = picture.task
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "actions": [str(verb) for verb in actions(TaskState(row.state), row.submitted_at is not None)],
        "progress": round(row.progress, 2),
        "frames_done": row.frames_done,
        "frames_total": row.frames_total,
        "fps": _rounded(picture.fps),
        "eta_s": _rounded(picture.eta_s),
        "queue_position": None if picture.before is None else picture.before + 1,
        "stage": picture.stage,
        "nodes": list(picture.nodes),
        "error": row.error,
        "video_id": row.source_id,
        "name": row.source_name,
        "at_s": row.at_s,
        "background": row.background,
        "model": row.model,
        "outputs": row.outputs,
        "options": row.options,
        "priority": row.priority,
        "class": row.klass,
        "batch_id": row.batch_id,
        "webhook_url": row.webhook_url,
        "results": _results(picture, links, now),
        "thumbnail_url": _thumbnail(row, links, now),
        **{name: rfc3339(getattr(row, name)) for name in TIMES},
    }


def _results(picture: Picture, links: Links, now: float) -> dict[str, Any]:
    return {
        result.output: {
            "url": links.result(picture.task.id, result.output, now),
            "size": result.size,
            "sha256": result.sha256,
            "content_type": result.content_type,
        }
        for result in picture.results
    }


def _thumbnail(row: Tasks, links: Links, now: float) -> str | None:
    """The source's; a picture that is a task's source lies among the backgrounds."""
    if row.source_id is None:
        return None
    return links.thumbnail("background" if row.kind == "image" and row.at_s is None else "video", row.source_id, now)


def step(picture: StepPicture, links: Links, now: float) -> dict[str, Any]:
    """`start` and `end` are seconds in the video; `url` plays what a finished step made, while that is there."""
    row, attempt, made = picture.step, picture.attempt, picture.made
    done = row.frames if row.state == StepState.DONE else _frames(attempt, row.frames)
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "start": _rounded(picture.start),
        "end": _rounded(picture.end),
        "node": picture.node,
        "frames_done": done,
        "frames_total": row.frames,
        "fps": _rounded(attempt.fps) if attempt is not None else None,
        "stage": attempt.stage if attempt is not None else None,
        "provider": attempt.provider if attempt is not None else None,
        "failures": row.failures,
        "losses": row.losses,
        "url": links.part(made.task_id, made.step_id, made.output, now) if made is not None else None,
    }


def _frames(attempt: Attempts | None, most: int) -> int:
    return min(most, attempt.frames_done) if attempt is not None else 0


def explanation(found: Explanation) -> dict[str, Any]:
    """Why a task waits: `nodes` names one code a node (`domain.waiting.Reason`); seconds count from now."""
    return {
        "id": found.task.id,
        "state": found.task.state,
        "steps_waiting": found.waiting,
        "steps_running": found.running,
        "tasks_before": found.tasks_before,
        "steps_before": found.steps_before,
        "starts_s": _rounded(found.starts_s),
        "eta_s": _rounded(found.eta_s),
        "nodes": [{"name": one.name, "code": str(one.reason), "free_s": _rounded(one.free_s)} for one in found.nodes],
    }


def event(row: Events, names: Mapping[str, str]) -> dict[str, Any]:
    """One line of a task's log; `names` are the nodes'."""
    node = names.get(row.data.get("interface_id", ""))
    return {"seq": row.seq, "at": rfc3339(row.at), "kind": row.kind, "node": node, "data": row.data}


def batch(row: Batches, pictures: list[Picture], links: Links, now: float) -> dict[str, Any]:
    """A batch with its tasks; `state` counts them."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.task.state] = counts.get(picture.task.state, 0) + 1
    items = [task(picture, links, now) for picture in pictures]
    return {"id": row.id, "created_at": rfc3339(row.created_at), "counts": counts, "items": items}


def json_response(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    """A body with a status of the route's choosing."""
    return JSONResponse(body, status, headers)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
