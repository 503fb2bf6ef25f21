"""What signs webhooks: rows of sealed secrets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from coordinator.store.schema import row_of, table
from coordinator.store.tables import WebhookSecrets
from coordinator.store.work import Work

_rows = table(WebhookSecrets)


def add(work: Work, **values: Any) -> None:
    """A new secret."""
    work.execute(insert(_rows).values(**row_of(WebhookSecrets, values)))


def signing(work: Work, user_id: str) -> Sequence[WebhookSecrets]:
    """The secrets that sign now, newest first."""
    signs = _rows.c.expires_at.is_(None) | (_rows.c.expires_at > work.now)
    mine = select(_rows).where(_rows.c.user_id == user_id, signs)
    return work.rows(mine.order_by(_rows.c.created_at.desc(), _rows.c.id.desc()), WebhookSecrets)


def expire(work: Work, user_id: str, at: float) -> None:
    """Let the secrets of an account sign until `at` and no longer."""
    longer = _rows.c.expires_at.is_(None) | (_rows.c.expires_at > at)
    work.changed(update(_rows).where(_rows.c.user_id == user_id, longer).values(expires_at=at))


def remove(work: Work, user_id: str, secret_id: str) -> bool:
    """Forget a secret; False when the account has no such secret."""
    return work.changed(delete(_rows).where(_rows.c.id == secret_id, _rows.c.user_id == user_id)) == 1


def forget(work: Work) -> None:
    """Delete what signs nothing any more."""
    work.changed(delete(_rows).where(_rows.c.expires_at < work.now))
