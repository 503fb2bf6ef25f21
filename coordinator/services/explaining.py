"""Why a task still waits, how much is before it, and when it will be done: one true reason for each node.

The choice itself is asked: the queue is walked through as `choosing` does it, and `placement.plan` says where each step
would go. Nothing is written.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coordinator.domain import blame, placement, waiting
from coordinator.domain.lifecycle import QUEUED, SLOT
from coordinator.domain.placement import Node, Placed, Want
from coordinator.domain.waiting import Facts, Reason, Turn
from coordinator.services import candidates
from coordinator.services.candidates import Fleet, Polls
from coordinator.services.choosing import Asking
from coordinator.services.forecasting import JOINING_S
from coordinator.store import interfaces, offers, steps
from coordinator.store.attempts import Occupied
from coordinator.store.tables import Interfaces, Steps, Tasks
from coordinator.store.work import Work
from protocol.states import Admission, Lane, StepKind, StepState


@dataclass(frozen=True, slots=True)
class Because:
    """Why one node does not work on the task's next step. `free_s`: in how many seconds it could; None: unknown."""

    name: str
    reason: Reason
    free_s: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`steps_before` is how many steps of others would start first, `starts_s` when the next step of the task would,
    `eta_s` when all of it would be done, in seconds from now; None where nobody can say."""

    task: Tasks
    waiting: int
    running: int
    tasks_before: int
    steps_before: int
    starts_s: float | None
    eta_s: float | None
    nodes: tuple[Because, ...]


def explain(work: Work, task: Tasks, polls: Polls) -> Explanation:
    """Look at one task."""
    rows = steps.of_task(work, task.id)
    running = sum(row.state == StepState.RUNNING for row in rows)
    if task.state not in QUEUED:
        return Explanation(task, 0, running, 0, 0, None, None, ())
    pending = [row for row in rows if row.state == StepState.PENDING]
    everybody = [row for row in interfaces.listed(work, None, None, 500) if row.admission != Admission.REVOKED]
    known = candidates.look(work, candidates.asking(work, everybody, polls))
    asked = Asking(work, known)
    walk = list(placement.plan(known.nodes, asked.wants(["", *known.all_models]))) if pending else []
    mine = [placed for placed in walk if asked.steps[placed.want.step_id].task_id == task.id]
    before = walk[: walk.index(mine[0])] if mine else walk
    nodes: list[Because] = []
    if pending:
        step = min(pending, key=lambda row: (row.not_before > work.now, row.queue_rank, row.ord))
        want, turn = asked.want(step), _turn(work, step, known, asked, before, mine[0] if mine else None)
        nodes = [_because(work, row, step, known, want, turn) for row in everybody]
    return Explanation(
        task=task,
        waiting=len(pending),
        running=running,
        tasks_before=len({asked.steps[placed.want.step_id].task_id for placed in before}),
        steps_before=len(before),
        starts_s=mine[0].begins if mine else None,
        eta_s=_eta(work, task, rows, known.held, mine),
        nodes=tuple(nodes),
    )


def _turn(work: Work, step: Steps, known: Fleet, asked: Asking, before: Sequence[Placed], first: Placed | None) -> Turn:
    rivals = {asked.steps[placed.want.step_id].user_id for placed in before} - {step.user_id}
    return Turn(
        backoff=step.not_before > work.now,
        suspect=known.suspects.get(step.user_id) == step.task_id,
        alone=blame.must_run_alone(step.losses),
        capped=step.user_id in known.capped and step.kind != StepKind.ASSEMBLE and bool(rivals),
        placed=first is not None,
        chosen=first.interface_id if first is not None and first.begins == 0.0 else None,
        ahead={placed.interface_id for placed in before if placed.begins == 0.0},
        tried=first.want.tried if first is not None else (),
    )


def _because(work: Work, row: Interfaces, step: Steps, known: Fleet, want: Want, turn: Turn) -> Because:
    node = next((node for node in known.nodes if node.interface_id == row.id), None)
    facts = _facts(work, row, step, known, want, node)
    begins = placement.starts(node, want.need) if node is not None else None
    return Because(row.name, waiting.reason(row.id, facts, turn), begins)


def _facts(work: Work, row: Interfaces, step: Steps, known: Fleet, want: Want, node: Node | None) -> Facts:
    present = row.id in known.rows
    light = step.kind == StepKind.ASSEMBLE
    holding = [held for held in known.held if held.interface_id == row.id and held.state in SLOT]
    offered = light or any(offer.model == step.model for offer in offers.of(work, [row.id])[row.id])
    free = node is not None and (node.light == 0.0 if light else 0.0 in node.ready)
    disk = row.disk_free_mb
    return Facts(
        approved=row.admission != Admission.PENDING,
        online=bool(row.online),
        quarantined=row.admission == Admission.QUARANTINED and not present,
        draining=bool(row.draining),
        unhealthy=row.health != "healthy",
        unreachable=row.lane == Lane.PUSH and bool(row.unreachable),
        resting=row.rest_until > work.now,
        no_model=not offered,
        refused=offered and present and row.id not in want.speeds,
        no_disk=disk is not None and disk < want.need.disk_mb,
        beside_others=bool(holding),
        busy=not free and bool(holding),
        not_asking=not free,
    )


def _eta(
    work: Work, task: Tasks, rows: Sequence[Steps], held: Collection[Occupied], mine: Sequence[Placed]
) -> float | None:
    """When the last step would be done, and joined if there are several; None while a step has no place."""
    pending = [row for row in rows if row.state == StepState.PENDING]
    if len(mine) < len(pending):
        return None
    ends = [placed.begins + placed.seconds for placed in mine]
    ends += [candidates.seconds_left(work.now, one) for one in held if one.task_id == task.id and one.state in SLOT]
    several = sum(row.kind == StepKind.SEGMENT for row in rows) > 1
    joined = any(row.kind == StepKind.ASSEMBLE for row in rows)
    return max(ends, default=0.0) + (JOINING_S if several and not joined else 0.0)
