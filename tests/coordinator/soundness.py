"""The contract's sentences about rows, as one query that finds what breaks them."""

from collections.abc import Sequence

from sqlalchemy import select

from coordinator.domain.lifecycle import ENDED, HELD, LIVE, QUEUED, SLOT, StepView, settle
from coordinator.store import artifacts, attempts, steps, waits
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import AttemptState, StepKind, StepState, TaskState


def every_node(work: Work) -> Sequence[Interfaces]:
    """All nodes."""
    return work.rows(select(table(Interfaces)), Interfaces)


def unsound(work: Work) -> list[str]:
    """Every sentence of the contract that the rows break; none is what a test wants."""
    return [*_wrong_tasks(work), *_wrong_slots(work), *_wrong_queue(work)]


def _wrong_tasks(work: Work) -> list[str]:
    wrong = []
    for task in work.rows(select(table(Tasks)), Tasks):
        rows, tried = steps.of_task(work, task.id), attempts.of_task(work, task.id)
        held = [a for a in tried if a.state in HELD]
        accepted = {a.step_id for a in held if a.state != AttemptState.OFFERED}
        state = TaskState(task.state)
        if settle(state, [_view(s, accepted) for s in rows]) is not state:
            wrong.append(f"settle would move {task.id} from {state}")
        if state not in LIVE and any(a.state in (AttemptState.OFFERED, AttemptState.RUNNING) for a in held):
            wrong.append(f"nodes work on {task.id}, which is {state}")
        if not 0 <= task.frames_done <= task.frames_total or not 0 <= task.progress <= 100:
            wrong.append(f"{task.id} has done {task.frames_done} of {task.frames_total}, {task.progress} percent")
        if (task.progress == 100) != (state is TaskState.COMPLETED):
            wrong.append(f"{task.id} is {state} at {task.progress} percent")
        if (task.finished_at is not None) != (state in ENDED):
            wrong.append(f"{task.id} is {state} and finished at {task.finished_at}")
        for step in rows:
            wrong += _wrong_step(work, step, [a for a in tried if a.step_id == step.id])
    return wrong


def _view(step: Steps, accepted: set[str]) -> StepView:
    return StepView(StepState(step.state), step.id in accepted, StepKind(step.kind))


def _wrong_step(work: Work, step: Steps, tried: Sequence[Attempts]) -> list[str]:
    wrong = []
    completed = [a.id for a in tried if a.state == AttemptState.COMPLETED]
    held = [a.id for a in tried if a.state in HELD]
    if (step.state == StepState.DONE) != (step.winner is not None):
        wrong.append(f"step {step.id} is {step.state} with winner {step.winner}")
    beside = [key for key in completed if key != step.winner and artifacts.of_attempt(work, key)]
    if beside or (step.winner is not None and step.winner not in completed):
        wrong.append(f"step {step.id} was won by {step.winner} and completed by {completed}")
    if step.state in (StepState.PENDING, StepState.DONE) and held:
        wrong.append(f"step {step.id} is {step.state} and held by {held}")
    if step.state == StepState.RUNNING and not held:
        wrong.append(f"step {step.id} is running and nobody holds it")
    return wrong


def _wrong_slots(work: Work) -> list[str]:
    nodes = every_node(work)
    assert AttemptState.REPORTED not in SLOT
    wrong = []
    for node in nodes:
        busy, light = (attempts.busy_slots_of(work, node.id, of_light) for of_light in (False, True))
        if busy > node.slots or light > 1:
            wrong.append(f"{busy} of {node.slots} slots of {node.id} are busy, and {light} light ones")
    return wrong


def _wrong_queue(work: Work) -> list[str]:
    """Every waiting step is in the queue, and none of a task that is paused or over."""
    wrong = [f"{key} has steps and no row in the queue" for key in waits.without_row(work)]
    steps_of, tasks_of = table(Steps), table(Tasks)
    pending = select(steps_of.c.id, steps_of.c.held, tasks_of.c.state).join(
        tasks_of, tasks_of.c.id == steps_of.c.task_id
    )
    found = work.execute(pending.where(steps_of.c.state == StepState.PENDING.value)).mappings()
    wrong += [
        f"step {row['id']} of a task that is {row['state']}: held {row['held']}"
        for row in found
        if bool(row["held"]) == (row["state"] in QUEUED)
    ]
    return wrong
