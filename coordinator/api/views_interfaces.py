"""Nodes and models as JSON. Every word of a node is plain, bounded text and no markup."""

from collections.abc import Mapping
from typing import Any

from coordinator.clock import rfc3339
from coordinator.services.models import Model
from coordinator.services.nodes import Node
from coordinator.store.tables import Attempts, InterfaceModels, Interfaces


def interface(node: Node) -> dict[str, Any]:
    """A node as lists and the socket show it."""
    row = node.row
    return {
        "id": row.id,
        "name": row.name,
        "address": row.address,
        "lane": row.lane,
        "state": str(node.word),
        "admission": row.admission,
        "draining": bool(row.draining),
        "slots": row.slots,
        "free_slots": max(0, row.slots - node.busy_slots),
        "models": [_offer(model) for model in node.models],
        "gpus": _gpus(row),
        "provider": node.models[0].provider if node.models else None,
        "software_version": row.software_version,
        "last_seen_s": None if node.age_s is None else round(node.age_s, 1),
        "attempts": [_attempt(attempt, node.task_names) for attempt in node.attempts],
        "health": row.health,
        "unreachable": bool(row.unreachable),
        "expected": bool(row.expected),
        "disk_free_mb": row.disk_free_mb,
        "quarantined_until": rfc3339(row.quarantined_until),
        "created_at": rfc3339(row.created_at),
    }


def _offer(model: InterfaceModels) -> dict[str, Any]:
    return {
        "name": model.model,
        "provider": model.provider,
        "warm": bool(model.warm),
        "speed_fps": model.measured_fps or model.speed_fps,
    }


def _gpus(row: Interfaces) -> list[dict[str, Any]]:
    loads = {load["index"]: load for load in row.loads}
    nothing = {"util": None, "vram_used_mb": None, "temperature_c": None}
    return [{**gpu, **nothing, **loads.get(gpu["index"], {})} for gpu in row.gpus]


def _attempt(attempt: Attempts, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": attempt.id,
        "task_id": attempt.task_id,
        "task_name": names.get(attempt.task_id),
        "step_id": attempt.step_id,
        "state": attempt.state,
        "light": bool(attempt.light),
        "stage": attempt.stage or None,
        "stage_done": attempt.stage_done,
        "stage_total": attempt.stage_total,
        "provider": attempt.provider,
        "frames_done": attempt.frames_done,
        "fps": attempt.fps,
        "began_at": rfc3339(attempt.started_at or attempt.offered_at),
    }


def model(found: Model) -> dict[str, Any]:
    """A model as the list shows it; `title` and `licence` are empty and `commercial` is null when no node says them."""
    return {
        "name": found.name,
        "title": found.title,
        "licence": found.licence,
        "commercial": found.commercial,
        "default": found.default,
        "online": found.nodes > 0,
        "nodes": found.nodes,
        "providers": list(found.providers),
        "speed_fps": found.speed_fps,
    }
