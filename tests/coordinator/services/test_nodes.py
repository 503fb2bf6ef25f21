"""What administrators and the fleet's own judgement do to nodes. On SQLite, PostgreSQL and MariaDB."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from coordinator.domain.admission import Word
from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.errors import NotFound, WrongInterfaceState
from coordinator.ids import new_id
from coordinator.services import nodes, trust
from coordinator.services.nodes import Actor, Node
from coordinator.store import attempts, audit
from coordinator.store.database import Database
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Steps, Tasks, Users
from coordinator.store.work import Work
from protocol.states import Admission, AttemptState, StepState, TaskState
from tests.coordinator.services.fleet import RULES, join, joining, row, settle_in

ADMIN = Actor("root", "10.0.0.1")
VERBS: dict[str, Callable[[Work, str], Node]] = {
    "approve": lambda work, key: nodes.approve(work, key, ADMIN),
    "drain": lambda work, key: nodes.drain(work, key, ADMIN, 60),
    "resume": lambda work, key: nodes.resume(work, key, ADMIN),
    "quarantine": lambda work, key: nodes.quarantine(work, key, ADMIN),
    "revoke": lambda work, key: nodes.revoke(work, RULES, key, ADMIN),
}


async def do(database: Database, verb: str, interface_id: str) -> Node:
    """One verb of an administrator."""
    return await database.write(lambda work: VERBS[verb](work, interface_id))


async def audited(database: Database) -> list[str]:
    """What was written down, newest first."""
    return [entry.action for entry in await database.read(lambda work: audit.page(work, before=None, limit=50))]


def holding(work: Work, interface_id: str, state: AttemptState = AttemptState.RUNNING) -> str:
    """A task whose only step runs on this node; the attempt's id."""
    user, task, step, attempt = (new_id() for _ in range(4))
    now = work.now
    rows: list[tuple[type[Any], dict[str, Any]]] = [
        (Users, {"id": user, "username": user, "password_hash": "-", "role": "user", "created_at": now}),
        (Tasks, {
            "id": task, "user_id": user, "kind": "video", "state": TaskState.PROCESSING.value, "created_at": now,
            "background": {}, "outputs": ["composite"], "options": {}, "model": "selfie",
        }),
        (Steps, {
            "id": step, "task_id": task, "user_id": user, "kind": "segment", "state": StepState.RUNNING.value,
            "model": "selfie", "queued_at": now,
        }),
        (Attempts, {
            "id": attempt, "step_id": step, "task_id": task, "interface_id": interface_id, "state": state.value,
            "lane": "pull", "lease_until": now + 30, "progress_at": now, "offered_at": now,
        }),
    ]  # fmt: skip
    for kind, values in rows:
        work.execute(insert(table(kind)).values(kind(**values).model_dump()))
    return attempt


async def test_an_approved_node_is_online_and_repeating_it_changes_nothing(database: Database) -> None:
    joined = await join(database, joining(), approval="manual")
    assert (await database.read(lambda work: nodes.look(work, joined.interface_id))).word is Word.PENDING
    first, news = database.run(lambda work: nodes.approve(work, joined.interface_id, ADMIN))
    assert first.word is Word.ONLINE
    assert set(news) == {InterfaceChanged(joined.interface_id), QueueChanged()}
    again, silence = database.run(lambda work: nodes.approve(work, joined.interface_id, ADMIN))
    assert (again.word, tuple(silence)) == (Word.ONLINE, ())
    assert await audited(database) == ["interface.approve"]


async def test_the_audit_says_who_did_what_to_which_node_from_where(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    await do(database, "drain", interface_id)
    (entry,) = await database.read(lambda work: audit.page(work, before=None, limit=5))
    assert (entry.actor, entry.action, entry.target, entry.address) == (
        "root", "interface.drain", interface_id, "10.0.0.1"
    )  # fmt: skip
    assert entry.data == {"name": "gpu-1", "deadline_s": 60}


async def test_a_drained_node_drains_until_it_is_resumed(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    assert (await do(database, "drain", interface_id)).word is Word.DRAINING
    resumed = await do(database, "resume", interface_id)
    assert (resumed.word, resumed.row.drain_deadline) == (Word.ONLINE, None)


@pytest.mark.parametrize("verb", ["approve", "drain", "resume", "quarantine"])
async def test_a_revoked_node_stays_revoked(sqlite_database: Database, verb: str) -> None:
    interface_id = await settle_in(sqlite_database, joining())
    await do(sqlite_database, "revoke", interface_id)
    with pytest.raises(WrongInterfaceState) as refused:
        await do(sqlite_database, verb, interface_id)
    assert refused.value.params == {"state": "revoked", "verb": verb}
    assert (await do(sqlite_database, "revoke", interface_id)).word is Word.REVOKED
    assert await audited(sqlite_database) == ["interface.revoke"]


async def test_a_node_that_waits_for_approval_cannot_be_quarantined(sqlite_database: Database) -> None:
    joined = await join(sqlite_database, joining(), approval="manual")
    with pytest.raises(WrongInterfaceState):
        await do(sqlite_database, "quarantine", joined.interface_id)


@pytest.mark.parametrize("verb", VERBS)
async def test_an_unknown_node_is_not_found(sqlite_database: Database, verb: str) -> None:
    with pytest.raises(NotFound):
        await do(sqlite_database, verb, "nobody")


async def test_revoking_a_node_offers_its_work_to_others(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    attempt_id, _ = database.run(lambda work: holding(work, interface_id))
    await do(database, "revoke", interface_id)
    lost = await database.read(lambda work: attempts.get(work, attempt_id))
    assert lost is not None
    assert (lost.state, lost.charge) == (AttemptState.LOST, "loss")


async def test_a_distrusted_node_waits_twice_as_long_each_time_until_it_is_readmitted(database: Database) -> None:
    interface_id = await settle_in(database, joining())

    def wait_minutes() -> float:
        def unit(work: Work) -> float:
            trust.distrust(work, interface_id, "three failures")
            found = nodes.look(work, interface_id).row
            return ((found.quarantined_until or 0) - work.now) / 60

        return round(database.run(unit)[0], 3)

    assert [wait_minutes() for _ in range(3)] == [1, 2, 4]
    assert (await row(database, interface_id)).admission == Admission.QUARANTINED
    await database.write(lambda work: trust.readmit(work, interface_id))
    clean = await row(database, interface_id)
    assert (clean.admission, clean.strikes, clean.quarantine_level) == (Admission.APPROVED, 0, 0)
    assert wait_minutes() == 1


async def test_judgement_leaves_pending_and_revoked_nodes_alone(sqlite_database: Database) -> None:
    joined = await join(sqlite_database, joining(), approval="manual")
    await sqlite_database.write(lambda work: trust.distrust(work, joined.interface_id, "three failures"))
    await sqlite_database.write(lambda work: trust.readmit(work, joined.interface_id))
    assert (await row(sqlite_database, joined.interface_id)).admission == Admission.PENDING


async def test_approving_a_quarantined_node_clears_its_record(sqlite_database: Database) -> None:
    interface_id = await settle_in(sqlite_database, joining())
    await do(sqlite_database, "quarantine", interface_id)
    node = await do(sqlite_database, "approve", interface_id)
    assert (node.word, node.row.quarantined_until, node.row.quarantine_level) == (Word.ONLINE, None, 0)


async def test_what_a_node_holds_makes_it_busy_and_what_waits_for_the_verifier_does_not(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    database.run(lambda work: holding(work, interface_id, AttemptState.REPORTED))
    idle = await database.read(lambda work: nodes.look(work, interface_id))
    assert (idle.word, idle.busy_slots, len(idle.attempts)) == (Word.ONLINE, 0, 1)
    database.run(lambda work: holding(work, interface_id, AttemptState.STOPPING))
    busy = await database.read(lambda work: nodes.look(work, interface_id))
    assert (busy.word, busy.busy_slots) == (Word.BUSY, 1)


async def test_a_list_is_read_page_by_page_without_repeats(database: Database) -> None:
    ids = [await settle_in(database, joining(name=f"node {number}")) for number in range(5)]
    seen: list[str] = []
    after: str | None = None
    while True:
        page, after = await database.read(functools.partial(nodes.page, after=after, limit=2))
        seen += [node.row.id for node in page]
        if after is None:
            break
    assert seen == ids


async def test_a_list_is_narrowed_by_state_and_by_a_part_of_the_name(database: Database) -> None:
    for number in range(4):
        interface_id = await settle_in(database, joining(name=f"{'Left' if number % 2 else 'right'} 100% {number}"))
        if number >= 2:
            await do(database, "drain", interface_id)

    async def names(**wanted: Any) -> tuple[list[str], bool]:
        found, after = await database.read(lambda work: nodes.page(work, **wanted))
        return [node.row.name for node in found], after is not None

    assert await names(state=Word.DRAINING, limit=1) == (["right 100% 2"], True)
    assert await names(state=Word.DRAINING, limit=2) == (["right 100% 2", "Left 100% 3"], False)
    assert await names(q="left") == (["Left 100% 1", "Left 100% 3"], False)
    assert await names(q="0% 3") == (["Left 100% 3"], False)
    assert await names(q="%%") == ([], False)
