"""Deliveries of webhooks: what is sent, what follows from the answer, and sending again."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import AnyHttpUrl

from coordinator.clock import rfc3339
from coordinator.domain.webhooks import COMPLETED, OVER, TRIAL, Answer, DeliveryState, Fault, judge
from coordinator.errors import InvalidRequest, NotFound
from coordinator.gateway import webhook_signing
from coordinator.gateway.links import Links
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.services.rules import Rules
from coordinator.services.webhook_secrets import usable
from coordinator.store import artifacts, tasks, webhook_secrets, webhooks
from coordinator.store.schema import Json
from coordinator.store.tables import WebhookDeliveries
from coordinator.store.work import Work
from protocol.problems import FieldError

DELIVERED_DAYS = 7.0
GIVEN_UP_DAYS = 30.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: its id, its text, the secrets that sign it, and the time that the signature is of."""

    message_id: str
    text: str
    keys: Sequence[str]
    at: float

    def headers(self) -> dict[str, str]:
        """The three headers of the signature."""
        return webhook_signing.sign(self.keys, self.message_id, self.at, self.text)


def accepted(rules: Rules, url: AnyHttpUrl, field: str) -> str:
    """The address of a receiver as it is kept. InvalidRequest: it must be https here."""
    if url.scheme != "https" and not rules.webhook_http:
        detail = "A webhook's address is https in production"
        raise InvalidRequest(detail, errors=(FieldError(pointer=f"/{field}", code="https_only", detail=detail),))
    return str(url)


def letter(work: Work, box: NodeSecrets, links: Links, row: WebhookDeliveries) -> Letter:
    """What a delivery sends now; without secrets where its account has none that can be opened."""
    data = row.data
    if row.kind == COMPLETED:
        data = {**data, "results": _results(work, links, row.task_id)}
    keys = usable(box, webhook_secrets.signing(work, row.user_id))
    return Letter(row.id, _text(row.kind, row.at, data), keys, work.now)


def trial(work: Work, box: NodeSecrets, user_id: str, message_id: str) -> Letter:
    """A message that tells nothing, for whoever tries a receiver out."""
    keys = usable(box, webhook_secrets.signing(work, user_id))
    return Letter(message_id, _text(TRIAL, work.now, {"message": "It works."}), keys, work.now)


def _text(kind: str, at: float, data: Json) -> str:
    return json.dumps({"type": kind, "timestamp": rfc3339(at), "data": data}, ensure_ascii=False, separators=(",", ":"))


def _results(work: Work, links: Links, task_id: str) -> Json:
    return {
        row.output: {
            "url": links.result(task_id, row.output, work.now),
            "size": row.size,
            "sha256": row.sha256,
            "content_type": row.content_type,
        }
        for row in artifacts.results(work, [task_id])
    }


def heard(work: Work, claimed: WebhookDeliveries, answer: Answer) -> DeliveryState | None:
    """Write down what a try brought and let the next message of the task go. None: the claim was lost meanwhile, and
    whoever has it now writes instead."""
    tasks.lock(work, claimed.task_id)
    jitter = zlib.crc32(f"{claimed.id}{claimed.tries}".encode()) / 2**32
    verdict = judge(answer, claimed.tries, claimed.gives_up_at - work.now, jitter)
    over = verdict.state in OVER
    said = {"status": answer.status, "took_s": answer.took_s, "answer": answer.text, "detail": answer.detail}
    moves = {"state": str(verdict.state), "ended_at": work.now} if over else {"next_at": work.now + verdict.wait_s}
    fault = str(answer.fault) if answer.fault is not None else None
    if not webhooks.conclude(work, claimed, **said, **moves, fault=fault):
        return None
    if answer.fault is Fault.GONE:
        webhooks.drop(work, claimed.task_id, claimed.url)
    if over:
        webhooks.advance(work, claimed.task_id)
    return verdict.state


def redeliver(work: Work, user_id: str, delivery_id: str) -> WebhookDeliveries:
    """Open an ended message again, or try a waiting one now. NotFound."""
    tasks.lock(work, _own(work, user_id, delivery_id).task_id)
    row = _own(work, user_id, delivery_id)
    if row.state in OVER:
        webhooks.revive(work, row)
    elif row.state == DeliveryState.WAITING:
        webhooks.hasten(work, row.id)
    return _own(work, user_id, delivery_id)


def _own(work: Work, user_id: str, delivery_id: str) -> WebhookDeliveries:
    row = webhooks.get(work, delivery_id)
    if row is None or row.user_id != user_id:
        raise NotFound(kind="delivery", id=delivery_id)
    return row


def retire(work: Work) -> None:
    """Forget what was delivered a week ago or given up a month ago, and secrets that sign nothing any more."""
    webhooks.forget(work, {DeliveryState.DELIVERED}, work.now - DELIVERED_DAYS * DAY_S)
    webhooks.forget(work, OVER - {DeliveryState.DELIVERED}, work.now - GIVEN_UP_DAYS * DAY_S)
    webhook_secrets.forget(work)
