"""What an account uses and may use."""

from typing import Any

from coordinator.services import accounts
from coordinator.services.rules import Rules
from coordinator.store import consumption, media
from coordinator.store.work import Work
from protocol.states import TaskState

DAYS_S = 30 * 86_400.0
MB = 1024 * 1024


def usage(work: Work, rules: Rules, default_storage_mb: int, user_id: str) -> dict[str, Any]:
    """Bytes, tasks and seconds of work of one account. NotFound. A bound of null means that there is none."""
    account = accounts.get(work, user_id)
    storage_mb = default_storage_mb if account.storage_mb is None else account.storage_mb
    states = consumption.tasks_by_state(work, user_id)
    spent = consumption.work_since(work, user_id, work.now - DAYS_S)
    return {
        "storage": {
            "bytes": media.used_bytes(work, user_id),
            "quota_bytes": storage_mb * MB if storage_mb else None,
            "uploads": consumption.uploads_by_kind(work, user_id),
        },
        "tasks": states,
        "waiting": {
            "tasks": states.get(TaskState.WAITING, 0),
            "most": rules.user_max_waiting if account.max_waiting is None else account.max_waiting,
        },
        "last_30_days": {"seconds": round(spent.seconds, 1), "frames": spent.frames, "attempts": spent.attempts},
    }
