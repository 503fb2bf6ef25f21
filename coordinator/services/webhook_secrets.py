"""What signs an account's webhooks: made, replaced with an overlap, removed."""

from collections.abc import Sequence

from coordinator.errors import InvalidRequest, NotFound
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.gateway.webhook_signing import SHOWN
from coordinator.ids import new_id
from coordinator.store import audit, webhook_secrets
from coordinator.store.tables import Users, WebhookSecrets
from coordinator.store.work import Work

MOST = 5


def make(work: Work, box: NodeSecrets, account: Users, secret: str, overlap_s: float, address: str) -> WebhookSecrets:
    """Sign with this secret from now on, for `overlap_s` also with those of before. InvalidRequest: there are too
    many that still sign."""
    webhook_secrets.expire(work, account.id, work.now + overlap_s)
    if len(webhook_secrets.signing(work, account.id)) >= MOST:
        raise InvalidRequest(f"At most {MOST} secrets sign at once; remove one first.", most=MOST)
    row = _add(work, box, account.id, secret)
    audit.record(work, "webhook_secret.made", actor=account, target=row.id, address=address, overlap_s=overlap_s)
    return row


def remove(work: Work, account: Users, secret_id: str, address: str) -> None:
    """Sign no more with a secret. NotFound."""
    if not webhook_secrets.remove(work, account.id, secret_id):
        raise NotFound(kind="webhook_secret", id=secret_id)
    audit.record(work, "webhook_secret.removed", actor=account, target=secret_id, address=address)


def usable(box: NodeSecrets, rows: Sequence[WebhookSecrets]) -> list[str]:
    """The secrets of these rows; what was sealed under another JWT_SECRET is none."""
    return [secret for row in rows if (secret := box.open(row.sealed)) is not None]


def ensure(work: Work, box: NodeSecrets, user_id: str, secret: str) -> list[str]:
    """The secrets that sign for an account, which gets this one when it has none: nothing goes out unsigned."""
    known = usable(box, webhook_secrets.signing(work, user_id))
    if known:
        return known
    row = _add(work, box, user_id, secret)
    audit.record(work, "webhook_secret.made", actor=audit.SYSTEM, target=row.id, user_id=user_id)
    return [secret]


def _add(work: Work, box: NodeSecrets, user_id: str, secret: str) -> WebhookSecrets:
    row = {"id": new_id(), "user_id": user_id, "hint": secret[:SHOWN], "sealed": box.seal(secret)}
    webhook_secrets.add(work, **row, created_at=work.now)
    return next(one for one in webhook_secrets.signing(work, user_id) if one.id == row["id"])
