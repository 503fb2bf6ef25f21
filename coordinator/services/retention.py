"""How long things are kept: uploads unused for `UPLOAD_DAYS`, results `RESULT_DAYS`, parts `RETAIN_PARTS_HOURS`; what
was told of tasks as long again as their results, refused logins a month, the rest of the audit for ever."""

from typing import NamedTuple

from coordinator.domain.news import FilesUnwanted, MediaUnwanted
from coordinator.services.rules import Rules
from coordinator.store import (
    artifacts,
    attempts,
    audit,
    batches,
    events,
    idempotency,
    media,
    retention,
    steps,
    tasks,
    uploads,
)
from coordinator.store.work import Work
from protocol.base import TaskId

BATCH = 100
PAST = 1000
DAY_S = KEYS_S = 86_400.0
REFUSED_LOGINS_S = 30 * DAY_S


class Part(NamedTuple):
    """What one attempt left on the disk."""

    task_id: str
    step_id: str
    attempt_id: str


def expire(work: Work, rules: Rules) -> bool:
    """Remove ended tasks whose time is over, uploads that nobody used or ended, and old idempotency keys. Whether there
    may be more of it."""
    ended = unused = left = 0
    for found in retention.expired_tasks(work, BATCH):
        task = tasks.lock(work, found.id)
        if task is None or not retention.expired(work, task):
            continue  # retried a moment ago
        attempts.forget(work, task.id)
        artifacts.forget(work, task.id)
        steps.remove_of(work, task.id)
        tasks.remove(work, task.id)
        events.record(work, "expired", task.id, task.user_id)
        work.announce(FilesUnwanted(TaskId(task.id)))
        ended += 1
    before = work.now - rules.upload_days * DAY_S
    for upload in media.unused(work, before, BATCH):
        held = media.lock(work, upload.id)
        may_go = held is not None and held.last_used_at < before and media.live_task(work, upload.id) is None
        if may_go and media.remove(work, upload.id):
            work.announce(MediaUnwanted(upload.id, upload.kind))
            unused += 1
    for begun in uploads.expired(work, BATCH):
        if uploads.expire(work, begun.id):
            work.announce(MediaUnwanted(begun.id, begun.kind))
            left += 1
    uploads.forget_finished(work)
    idempotency.forget_before(work, work.now - KEYS_S)
    return BATCH in (ended, unused, left)


def forget_parts(work: Work) -> list[Part]:
    """Forget what attempts of ended tasks made that is neither a result nor worth keeping for a retry: rows go first,
    the files that are returned after the commit."""
    found = {Part(row.task_id, row.step_id, row.attempt_id) for row in retention.spent_artifacts(work, BATCH)}
    gone = []
    for part in sorted(found):
        task = tasks.lock(work, part.task_id)
        if task is not None and retention.spent(work, task):
            artifacts.forget_attempt(work, part.attempt_id)
            gone.append(part)
    return gone


def forget_past(work: Work, rules: Rules) -> bool:
    """Forget what was told of tasks that are gone, batches of which nothing is left, and who failed to log in:
    strangers can write such rows as fast as they like. Whether there may be more of it."""
    before = work.now - rules.result_days * DAY_S
    told, empty = events.forget(work, before, PAST), batches.forget_empty(work, before, PAST)
    refused = audit.forget(work, audit.LOGIN_FAILED, work.now - REFUSED_LOGINS_S, PAST)
    return PAST in (told, empty, refused)


def media_named(work: Work, media_id: str) -> bool:
    """Whether a row names this upload, be it whole or still coming."""
    return media.get(work, media_id) is not None or uploads.get(work, media_id) is not None


def attempt_named(work: Work, attempt_id: str) -> bool:
    """Whether a row names what this attempt made."""
    return bool(artifacts.of_attempt(work, attempt_id))
