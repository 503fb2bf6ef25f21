"""Promise 12: why a task still waits: every reason can be met, and is the true one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.clock import system_clock
from coordinator.domain.blame import ALONE_AFTER_LOSSES
from coordinator.domain.waiting import Reason
from coordinator.ids import new_id
from coordinator.services import charging, controls, explaining
from coordinator.services.candidates import Polls
from coordinator.services.explaining import Explanation
from coordinator.services.submissions import find
from coordinator.store import attempts, fleet
from coordinator.store.database import Database, make_engine
from coordinator.store.migrate import upgrade
from coordinator.store.tables import Attempts, Steps, Tasks
from tests.contract.third_party import ThirdParty
from tests.coordinator.world import World
from tests.system.coordinator import Client, Coordinator

FAR = 2.0**33
Case = Callable[[World], tuple[str, str]]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables."""
    path = tmp_path_factory.mktemp("why") / "migrated.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def small_world(migrated: Path, tmp_path: Path) -> Iterator[World]:
    """A world of its own."""
    shutil.copyfile(migrated, tmp_path / "why.db")
    database = Database(f"sqlite:///{tmp_path / 'why.db'}", system_clock)
    yield World(database)
    database.engine.dispose()


def why(world: World, task_id: str) -> Explanation:
    """The explanation of a task."""
    return world.database.look(lambda work: explaining.explain(work, find(work, None, task_id), Polls()))


def reasons(world: World, task_id: str) -> dict[str, Reason]:
    """The reason of each node by its name."""
    return {one.name: one.reason for one in why(world, task_id).nodes}


def node_that_is(**values: Any) -> Case:
    """A world with one node like this."""

    def build(world: World) -> tuple[str, str]:
        task_id = world.task()
        world.node(name="it", **values)
        return task_id, "it"

    return build


def quarantined(world: World) -> tuple[str, str]:
    task_id = world.task()
    world.node(name="it", admission="quarantined", quarantined_until=FAR)
    return task_id, "it"


def refused(world: World) -> tuple[str, str]:
    task_id, node = world.task(), world.node(name="it")
    step = world.step(task_id)
    row: dict[str, Any] = {"id": new_id(), "step_id": step.id, "task_id": task_id, "interface_id": node}
    row |= {"state": "rejected", "lane": "push", "error": {"code": "no"}, "lease_until": 0.0, "progress_at": 0.0}
    world.run(lambda work: attempts.add(work, row | {"offered_at": FAR}))
    world.set(Steps, step.id, tries=1)
    return task_id, "it"


def no_disk(world: World) -> tuple[str, str]:
    task_id = world.task()
    world.node(name="it", disk_free_mb=1)
    return task_id, "it"


def backoff(world: World) -> tuple[str, str]:
    task_id = world.task()
    world.node(name="it")
    world.fail(world.running())
    world.set(Steps, world.step(task_id).id, not_before=FAR)
    return task_id, "it"


def suspect(world: World) -> tuple[str, str]:
    task_id = world.task()
    world.add_step(task_id)
    world.set(Tasks, task_id, suspect=True)
    world.node(name="it")
    world.running()
    return task_id, "it"


def must_run_alone(world: World) -> tuple[str, str]:
    world.task()
    world.node(name="it")
    world.running()
    task_id = world.task()
    world.set(Steps, world.step(task_id).id, losses=ALONE_AFTER_LOSSES)
    return task_id, "it"


def busy(world: World) -> tuple[str, str]:
    world.task()
    world.node(name="it", slots=1)
    world.running()
    return world.task(), "it"


def user_cap(world: World) -> tuple[str, str]:
    fresh, heavy = world.user(), world.user()
    world.run(lambda work: charging.charge(work, heavy, 1e6))
    world.task(fresh)
    world.node(name="it", slots=2)
    world.running()
    mine = world.task(fresh)
    world.task(heavy)
    return mine, "it"


def behind_others(world: World) -> tuple[str, str]:
    user = world.user()
    world.task(user)
    world.node(name="it", slots=1)
    return world.task(user), "it"


def another_node_first(world: World) -> tuple[str, str]:
    task_id = world.task()
    world.node(name="other")
    other = world.running()
    world.node(name="it")
    world.fail(other)
    world.set(Steps, world.step(task_id).id, not_before=0.0)
    return task_id, "other"


def faster_node_soon(world: World) -> tuple[str, str]:
    fast, slow = world.node(name="fast", slots=1), world.node(name="it", slots=1)
    world.run(lambda work: fleet.learn_speed(work, fast, "selfie", 0, 100.0))
    world.run(lambda work: fleet.learn_speed(work, slow, "selfie", 0, 1.0))
    world.task(frames=1000)
    world.running()
    return world.task(frames=1000), "it"


CASES: dict[Reason, Case] = {
    Reason.NOT_APPROVED: node_that_is(admission="pending"),
    Reason.OFFLINE: node_that_is(online=False),
    Reason.QUARANTINED: quarantined,
    Reason.DRAINING: node_that_is(draining=True),
    Reason.UNHEALTHY: node_that_is(health="unhealthy"),
    Reason.UNREACHABLE: node_that_is(unreachable=True),
    Reason.RESTING: node_that_is(rest_until=FAR),
    Reason.NO_MODEL: node_that_is(models=["another"]),
    Reason.REFUSED: refused,
    Reason.NO_DISK: no_disk,
    Reason.BACKOFF: backoff,
    Reason.SUSPECT: suspect,
    Reason.MUST_RUN_ALONE: must_run_alone,
    Reason.BUSY: busy,
    Reason.NOT_ASKING: node_that_is(lane="pull"),
    Reason.STARTING: node_that_is(),
    Reason.USER_CAP: user_cap,
    Reason.BEHIND_OTHERS: behind_others,
    Reason.ANOTHER_NODE_FIRST: another_node_first,
    Reason.FASTER_NODE_SOON: faster_node_soon,
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_reachable_and_the_choice_agrees(small_world: World, reason: Reason) -> None:
    task_id, name = CASES[reason](small_world)
    assert reasons(small_world, task_id)[name] is reason
    offer = small_world.claim()
    started_here = offer is not None and offer.task.id == task_id and offer.interface.name == name
    assert started_here is (reason is Reason.STARTING)


def test_a_revoked_node_needs_no_reason_and_an_ended_or_paused_task_has_none(small_world: World) -> None:
    user = small_world.user()
    task_id = small_world.task(user)
    small_world.node(admission="revoked")
    assert reasons(small_world, task_id) == {}
    small_world.node()
    small_world.run(lambda work: controls.pause(work, user, task_id))
    assert reasons(small_world, task_id) == {}


def test_what_is_before_a_task_is_counted_and_its_end_foreseen(small_world: World) -> None:
    user = small_world.user()
    for _ in range(3):
        small_world.task(user, frames=500)
    small_world.node(slots=1)
    small_world.running()
    mine = small_world.task(user, frames=500)
    found = why(small_world, mine)
    assert (found.waiting, found.running, found.tasks_before, found.steps_before) == (1, 0, 2, 2)
    assert found.starts_s == pytest.approx(3 * 10.2, abs=1)
    assert found.eta_s == pytest.approx(4 * 10.2, abs=1)


def test_a_running_task_says_when_it_will_be_done_and_remembers_what_it_said_first(small_world: World) -> None:
    task_id = small_world.task(frames=500)
    small_world.node()
    attempt = small_world.running()
    assert small_world.get(task_id).first_eta_s == pytest.approx(10.2, abs=1)
    small_world.set(Attempts, attempt, frames_done=250, fps=25.0)
    found = why(small_world, task_id)
    assert (found.waiting, found.running, found.nodes) == (0, 1, ())
    assert found.eta_s == pytest.approx(10.0, abs=0.1)


def test_the_api_says_it_too(coordinator: Coordinator, user: Client, video: dict[str, Any], node: ThirdParty) -> None:
    task_id = user.submit(video["id"], model=node.model)
    said = user.get(f"/tasks/{task_id}/explain").json()
    assert (said["id"], said["state"], said["steps_waiting"]) == (task_id, "waiting", 1)
    mine = next(one for one in said["nodes"] if one["name"].endswith(node.model))
    assert mine["code"] in set(Reason)
    user.put(f"/tasks/{task_id}/cancel")
    assert user.get(f"/tasks/{task_id}/explain").json()["nodes"] == []
    assert user.get("/stats").json()["eta_error"].keys() == {"tasks", "median", "p90"}
