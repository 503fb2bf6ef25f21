"""Webhooks as JSON."""

from typing import Any

from coordinator.clock import rfc3339
from coordinator.domain.webhooks import TRIAL, DeliveryState
from coordinator.services.webhook_testing import Trial
from coordinator.store.tables import WebhookDeliveries, WebhookSecrets


def secret(row: WebhookSecrets) -> dict[str, Any]:
    """A secret without the secret; `hint` is how it begins."""
    return {
        "id": row.id,
        "hint": row.hint,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
    }


def trial(made: Trial) -> dict[str, Any]:
    """What came of a test message; `status` is null when nobody answered."""
    answer = made.answer
    return {
        "id": made.message_id,
        "type": TRIAL,
        "url": made.url,
        "ok": answer.fault is None,
        "status": answer.status,
        "took_s": round(answer.took_s, 3),
        "answer": answer.text,
        "error": _error(answer.fault, answer.detail),
    }


def delivery(row: WebhookDeliveries) -> dict[str, Any]:
    """One message; status, time, answer and error are those of the last try."""
    waiting = row.state == DeliveryState.WAITING
    return {
        "id": row.id,
        "task_id": row.task_id,
        "type": row.kind,
        "url": row.url,
        "state": row.state,
        "tries": row.tries,
        "status": row.status,
        "took_s": None if row.took_s is None else round(row.took_s, 3),
        "answer": row.answer,
        "error": _error(row.fault, row.detail),
        "created_at": rfc3339(row.at),
        "next_at": rfc3339(row.next_at) if waiting else None,
        "gives_up_at": rfc3339(row.gives_up_at),
        "ended_at": rfc3339(row.ended_at),
    }


def _error(fault: str | None, detail: str) -> dict[str, str] | None:
    return None if fault is None else {"code": str(fault), "detail": detail}
