"""What happens by the clock."""

import pytest
from sqlalchemy import delete, text

from coordinator.errors import StorageUnavailable
from coordinator.loops.ticks import Ticks
from coordinator.services.context import Context
from coordinator.services.doubt import NAME, in_doubt
from coordinator.store import facts
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces, Tasks, Waits
from protocol.reports import Callback
from protocol.states import AttemptState as A
from protocol.states import TaskState as T
from tests.coordinator.soundness import every_node
from tests.coordinator.world import World


def end_doubt(here: World) -> None:
    here.run(lambda work: facts.put(work, NAME, {"since": 0.0, "until": 0.0, "reason": "test"}))


def lapsed(here: World) -> str:
    """An attempt whose lease is over."""
    here.task()
    here.node(lane="pull")
    attempt_id = here.running_on_polling()
    here.set(Attempts, attempt_id, lease_until=1.0)
    return attempt_id


async def test_a_coordinator_that_has_just_started_takes_nothing_away(context: Context, here: World) -> None:
    attempt_id = lapsed(here)
    end_doubt(here)
    await Ticks(context).leases()
    assert here.database.look(in_doubt)
    assert here.attempt(attempt_id).state == A.RUNNING


async def test_after_the_doubt_leases_end(context: Context, here: World) -> None:
    ticks = Ticks(context)
    await ticks.leases()
    attempt_id = lapsed(here)
    end_doubt(here)
    await ticks.leases()
    assert here.attempt(attempt_id).state == A.LOST


async def test_a_failed_write_begins_a_doubt(context: Context, here: World) -> None:
    ticks = Ticks(context)
    await ticks.leases()
    context.database.when_failing(ticks.database_failed)

    with pytest.raises(StorageUnavailable):
        await context.database.write(lambda work: work.execute(text("SELECT * FROM no_such_table")))
    attempt_id = lapsed(here)
    end_doubt(here)
    await ticks.leases()
    assert here.database.look(in_doubt)
    assert here.attempt(attempt_id).state == A.RUNNING


async def test_a_silent_node_goes_offline_and_keeps_its_work(context: Context, here: World) -> None:
    here.task()
    node = here.node(lane="pull")
    attempt_id = here.running_on_polling()
    here.set(Interfaces, node, last_seen=1.0)
    await Ticks(context).nodes()
    assert not here.interface(node).online
    assert here.attempt(attempt_id).state == A.RUNNING


async def test_a_task_that_a_crash_left_behind_is_settled(context: Context, here: World) -> None:
    task_id = here.task()
    here.node(lane="pull")
    here.running_on_polling()
    here.set(Tasks, task_id, state="waiting")
    await Ticks(context).settle()
    assert here.state(task_id) == T.PROCESSING


async def test_progress_in_memory_reaches_the_task(context: Context, here: World) -> None:
    task_id = here.task()
    node = here.node(lane="pull")
    attempt_id = here.running_on_polling()
    context.book.remember(here.attempt(attempt_id))
    said = {"attempt_id": attempt_id, "boot_id": "b", "seq": 1, "kind": "progress", "frames_done": 12}
    assert context.book.answer(node, Callback.model_validate(said)) == "continue"
    while here.get(task_id).frames_done != 12:
        await Ticks(context).flush()
    assert here.get(task_id).progress == 49.5


async def test_a_waiting_step_that_the_queue_has_lost_is_found(context: Context, here: World) -> None:
    here.task()
    here.node(lane="pull")
    here.run(lambda work: work.execute(delete(table(Waits))))
    assert here.claim([here.database.look(every_node)[0].id]) is None
    await Ticks(context).heads()
    assert here.claim([here.database.look(every_node)[0].id]) is not None
