"""Tasks that were asked for together: all of them or none are made; removing the batch removes each."""

from collections.abc import Sequence

from coordinator import errors
from coordinator.ids import new_id
from coordinator.services import controls, submissions
from coordinator.services.rules import Rules
from coordinator.services.segmenting import NO_PLANS, Plans, Unplanned
from coordinator.services.submissions import Key, Submission
from coordinator.store import audit, batches, idempotency, tasks
from coordinator.store.tables import Batches, Media, Users
from coordinator.store.work import Work


def create(
    work: Work,
    rules: Rules,
    user_id: str,
    items: Sequence[Submission],
    key: Key | None = None,
    plans: Plans = NO_PLANS,
) -> Batches:
    """Make every task of a batch. A wrong item takes the whole batch back, and its error names the item.

    Unplanned names the sources of all items.
    """
    known = submissions.recall(work, user_id, key)
    if known is not None:
        return find(work, user_id, known)
    batch_id = new_id()
    batches.add(work, batch_id, user_id)
    if key is not None:
        idempotency.remember(work, user_id, key.route, key.key, key.body_sha256, batch_id)
    unplanned: list[Media] = []
    for index, item in enumerate(items):
        try:
            submissions.create(work, rules, Submission(user_id, item.spec, item.pts, batch_id), plans=plans)
        except Unplanned as missing:
            unplanned += missing.sources
        except errors.CoordinatorError as error:
            error.params["item"] = index
            raise
    if unplanned:
        raise Unplanned(unplanned)
    return find(work, user_id, batch_id)


def find(work: Work, user_id: str, batch_id: str) -> Batches:
    """A batch of this user. NotFound also for another's."""
    row = batches.get(work, batch_id)
    if row is None or row.user_id != user_id:
        raise errors.NotFound(kind="batch", id=batch_id)
    return row


def remove(
    work: Work, rules: Rules, user_id: str, batch_id: str, *, by: Users | str = audit.SYSTEM, address: str = ""
) -> Batches:
    """Cancel what is live and remove what has ended; the batch goes when nothing of it is left."""
    row = find(work, user_id, batch_id)
    for task in tasks.of_batch(work, batch_id):
        controls.remove(work, rules, user_id, task.id, by=by, address=address)
    if not tasks.of_batch(work, batch_id):
        batches.remove(work, batch_id)
    return row
