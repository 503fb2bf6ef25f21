"""What has lived long enough: read by the janitor, a batch at a time."""

from collections.abc import Sequence

from sqlalchemy import exists, select

from coordinator.domain.lifecycle import ENDED
from coordinator.store.schema import table
from coordinator.store.tables import Artifacts, Results, Tasks
from coordinator.store.work import Work

_tasks, _artifacts = table(Tasks), table(Artifacts)
_results = table(Results)
_ENDED = [str(state) for state in ENDED]


def expired_tasks(work: Work, limit: int) -> Sequence[Tasks]:
    """Ended tasks whose results have been kept long enough."""
    where = (_tasks.c.expires_at < work.now) & _tasks.c.state.in_(_ENDED)
    return work.rows(select(_tasks).where(where).order_by(_tasks.c.expires_at).limit(limit), Tasks)


def expired(work: Work, task: Tasks) -> bool:
    """Whether this row, read under its lock, is still one of `expired_tasks`."""
    return task.state in _ENDED and task.expires_at is not None and task.expires_at < work.now


def spent(work: Work, task: Tasks) -> bool:
    """Whether the parts of this task, read under its lock, may go."""
    return task.state in _ENDED and task.parts_expire_at is not None and task.parts_expire_at < work.now


def spent_artifacts(work: Work, limit: int) -> Sequence[Artifacts]:
    """Artifacts of tasks that ended long ago which no result names."""
    named = exists().where(_results.c.attempt_id == _artifacts.c.attempt_id)
    statement = (
        select(_artifacts)
        .join(_tasks, _tasks.c.id == _artifacts.c.task_id)
        .where(_tasks.c.parts_expire_at < work.now, _tasks.c.state.in_(_ENDED), ~named)
        .limit(limit)
    )
    return work.rows(statement, Artifacts)
