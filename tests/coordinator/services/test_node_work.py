"""What a node is sent, what it may fetch and send, and how it asks for work; on SQLite, PostgreSQL and MariaDB."""

import asyncio

import pytest

from coordinator.errors import ArtifactMismatch, ArtifactTooLarge, BadSignature, Gone, NotFound
from coordinator.gateway.attempt_tokens import AttemptTokens
from coordinator.services import candidates, choosing, controls, looking, node_files, pulling, registry, statistics
from coordinator.services.assignments import assignment
from coordinator.services.candidates import Polls
from coordinator.services.polling import EXPECTED_S, PollDesk, heard
from coordinator.services.watching import TaskWatch
from coordinator.store import artifacts, interfaces, tasks
from coordinator.store.database import Database
from coordinator.store.tables import Attempts, Tasks
from protocol.interfaces import Leave, Next
from protocol.states import AttemptState as A
from protocol.states import Output
from protocol.work import Assignment, ColorBackground, ImageBackground
from tests.coordinator.world import RULES, World

TOKENS = AttemptTokens("a secret of tests")


def test_an_assignment_is_the_same_document_each_time_and_holds_no_host(world: World) -> None:
    world.task(outputs=("composite", "mask"))
    world.node()
    offer = world.claim()
    assert offer is not None
    first = assignment(offer, TOKENS, RULES)
    assert first == assignment(offer, TOKENS, RULES)
    assert Assignment.model_validate_json(first.model_dump_json()) == first
    assert first.outputs == (Output.COMPOSITE, Output.MASK)
    assert set(first.upload_urls) == set(first.outputs)
    assert all(url.startswith("/api/v1/interfaces/") for url in (first.callback_url, *first.upload_urls.values()))
    assert isinstance(first.background, ColorBackground)
    assert first.range is not None
    assert first.range.frames == 24
    assert TOKENS.opens(first.attempt_token, offer.attempt.id)
    assert not TOKENS.opens(first.attempt_token, "another")


def test_a_picture_behind_the_person_is_a_file_of_the_attempt(world: World) -> None:
    user = world.user()
    picture = world.picture(user)
    world.task_with(user, picture)
    world.node()
    offer = world.claim()
    assert offer is not None
    document = assignment(offer, TOKENS, RULES)
    assert isinstance(document.background, ImageBackground)
    assert document.background.source.url.endswith("/background")
    found = world.database.look(lambda work: node_files.file(work, offer.attempt.id, "background"))
    assert found.id == picture


@pytest.mark.parametrize("state", A)
def test_files_are_open_exactly_while_the_attempt_lives(world: World, state: A) -> None:
    task_id = world.task()
    world.node()
    attempt_id = world.running()
    world.set(Attempts, attempt_id, state=str(state))
    if state in (A.OFFERED, A.RUNNING):
        found = world.database.look(lambda work: node_files.file(work, attempt_id, "source"))
        assert found.id == world.get(task_id).source_id
        assert world.run(lambda work: node_files.begin(work, attempt_id, "composite", 10)).total == 10
    else:
        with pytest.raises(Gone):
            world.database.look(lambda work: node_files.file(work, attempt_id, "source"))
        with pytest.raises(Gone):
            world.run(lambda work: node_files.begin(work, attempt_id, "composite", 10))


def begin(world: World, attempt_id: str, size: int) -> node_files.Intake:
    """The first piece of a composite arrives."""
    return world.run(lambda work: node_files.begin(work, attempt_id, "composite", size))


def test_an_artifact_is_bounded_named_and_of_one_size(world: World) -> None:
    world.task()
    world.node()
    attempt_id = world.running()
    for size in (0, 10**12):
        with pytest.raises(ArtifactTooLarge):
            begin(world, attempt_id, size)
    with pytest.raises(NotFound):
        world.run(lambda work: node_files.begin(work, attempt_id, "mask", 10))
    assert world.database.look(lambda work: node_files.look(work, attempt_id, "composite")) is None
    assert begin(world, attempt_id, 10) == begin(world, attempt_id, 10)
    with pytest.raises(ArtifactMismatch):
        begin(world, attempt_id, 11)
    with pytest.raises(NotFound):
        world.database.look(lambda work: node_files.file(work, attempt_id, "../../etc/passwd"))
    assert len(world.database.look(lambda work: artifacts.of_attempt(work, attempt_id))) == 1


def ask(world: World, node: str, *held: str, slots: int = 2, boot_id: str = "boot-1") -> pulling.Asked:
    said = {"interface_id": node, "boot_id": boot_id, "seq": 1, "free_slots": slots}
    message = Next.model_validate(said | {"attempts": [{"attempt_id": key} for key in held]})
    return world.run(lambda work: pulling.ask(work, RULES, message))


def test_a_poll_sends_offers_again_that_its_list_lacks_up_to_the_free_slots(world: World) -> None:
    user = world.user()
    for _ in range(3):
        world.task(user)
    node = world.node(slots=3, lane="pull")
    offers = [world.claim([node]) for _ in range(3)]
    ids = [offer.attempt.id for offer in offers if offer is not None]
    assert [offer.attempt.id for offer in ask(world, node).offers] == ids[:2]
    assert [offer.attempt.id for offer in ask(world, node, *ids[:2]).offers] == ids[2:]
    asked = ask(world, node, *ids)
    assert (asked.offers, asked.answered) == ((), False)
    assert ask(world, node, slots=0).offers == ()


def test_a_poll_is_told_what_to_stop_and_a_replaced_boot_is_refused(world: World) -> None:
    user = world.user()
    task_id = world.task(user)
    node = world.node(lane="pull")
    attempt_id = world.running_on_polling()
    world.run(lambda work: controls.pause(work, user, task_id))
    asked = ask(world, node, attempt_id, "nobody")
    assert (asked.heard.cancel, asked.heard.unknown, asked.answered) == ((attempt_id,), ("nobody",), True)
    with pytest.raises(BadSignature):
        ask(world, node, boot_id="boot-0")


def test_a_poll_that_ends_after_its_node_has_left_does_not_bring_it_back(world: World) -> None:
    node = world.node(lane="pull")
    gone = Leave.model_validate({"interface_id": node, "boot_id": "boot-1"})
    world.run(lambda work: registry.leave(work, RULES, gone))
    assert not ask(world, node).answered
    left = world.database.look(lambda work: interfaces.get(work, node))
    assert left is not None
    assert not left.online


async def test_a_newer_poll_sends_the_older_one_home(small_world: World) -> None:
    small_world.task()
    small_world.node()
    offer = small_world.claim()
    desk = PollDesk()
    with desk.entered("node") as first:
        assert desk.polling().full == {"node"}
        with desk.entered("node") as second:
            assert await first is None
            assert desk.deliver("node", offer)
            assert not desk.deliver("node", offer)
            assert not desk.polling().full
            assert await heard(second, 30) is offer
    assert not desk.deliver("node", None)


async def test_a_node_that_just_went_home_is_expected_again_for_a_moment() -> None:
    hand = [100.0]
    desk = PollDesk(lambda: hand[0])
    with desk.entered("node"):
        assert desk.polling() == Polls(frozenset({"node"}))
    assert desk.polling() == Polls(soon=frozenset({"node"}))
    with desk.entered("node", light=True):
        assert desk.polling() == Polls(light=frozenset({"node"}))
    hand[0] += EXPECTED_S - 0.5
    assert desk.polling() == Polls(soon=frozenset({"node"}))
    hand[0] += 0.5
    assert desk.polling() == Polls()


async def test_a_poll_hears_what_comes_before_it_waits() -> None:
    desk = PollDesk()
    with desk.entered("node") as news:
        assert desk.deliver("node", None)
        assert await heard(news, 30) is None
        assert news.done()


async def test_a_poll_goes_home_empty_when_its_time_is_over_or_the_program_ends() -> None:
    desk = PollDesk()
    with desk.entered("node") as news:
        assert await heard(news, 0.01) is None
    assert not desk.polling().full
    desk.close()
    with desk.entered("node") as late:
        assert await heard(late, 30) is None


async def test_who_waits_for_a_task_is_woken_by_its_end_and_not_before(sqlite_database: Database) -> None:
    world, watch = World(sqlite_database), TaskWatch(sqlite_database)
    user = world.user()
    task_id = world.task(user)
    assert not await watch.ended(task_id, 0.01)
    waiting = asyncio.ensure_future(watch.ended(task_id, 30))
    await asyncio.sleep(0)
    world.run(lambda work: controls.cancel(work, RULES, user, task_id))
    for news in world.news():
        watch.hear(news)
    assert await waiting
    assert await watch.ended("nobody", 30)


def test_a_picture_of_a_task_says_what_its_nodes_do(world: World) -> None:
    user = world.user()
    task_id, later = world.task(user), world.task(user)
    world.node(slots=1, name="gpu-7")
    attempt_id = world.running()
    world.say(attempt_id, "progress", frames_done=12, fps=6.0, stage="process")
    world.run(lambda work: tasks.raise_progress(work, task_id, 12, 49.5))
    seen = world.database.look(lambda work: looking.one(work, world.get(task_id)))
    assert (seen.fps, seen.stage, seen.eta_s, seen.before) == (6.0, "process", 2.0, None)
    (step,) = world.database.look(lambda work: looking.step_pictures(work, world.get(task_id)))
    assert (step.node, step.attempt.id if step.attempt else "") == ("gpu-7", attempt_id)
    behind = world.database.look(lambda work: looking.one(work, world.get(later)))
    assert (behind.before, behind.fps, behind.stage, behind.eta_s) == (0, None, None, None)
    world.report(attempt_id, 2)
    assert world.database.look(lambda work: looking.one(work, world.get(task_id))).stage == "verify"
    world.verify(attempt_id)
    done = world.database.look(lambda work: looking.one(work, world.get(task_id)))
    assert [result.output for result in done.results] == ["composite"]


def test_a_node_that_has_just_moved_to_the_push_lane_is_free_at_once(world: World) -> None:
    world.task()
    moved, _ = world.node(), world.node()
    found = world.run(lambda work: choosing.choose(work, candidates.look(work, Polls(soon={moved}))))
    assert found is not None
    assert found.interface_id == moved


def test_statistics_count_what_is_and_what_was(world: World) -> None:
    user = world.user()
    done = world.task(user)
    world.node(slots=2)
    world.done()
    ended = world.get(done).finished_at
    assert ended is not None
    world.set(Tasks, done, submitted_at=ended - 30, started_at=ended - 20)
    world.task(user)
    world.running()
    world.task(user)
    seen = world.database.look(statistics.overview)
    assert seen["tasks"] == {"completed": 1, "processing": 1, "waiting": 1}
    assert seen["queue"] == {"waiting_tasks": 1, "waiting_steps": 1}
    assert (seen["interfaces"]["online"], seen["interfaces"]["slots"], seen["interfaces"]["busy_slots"]) == (1, 2, 1)
    hour = seen["last_hour"]
    assert (hour["completed"], hour["failed"], hour["error_rate"], hour["frames"]) == (1, 0, 0.0, 24)
    assert hour["attempts"] == {"completed": 1}
    assert (hour["mean_wait_s"], hour["mean_work_s"]) == (pytest.approx(10), pytest.approx(20))


def test_statistics_of_nothing_are_zero(world: World) -> None:
    seen = world.database.look(statistics.overview)
    assert (seen["tasks"], seen["last_hour"]["error_rate"], seen["last_hour"]["mean_wait_s"]) == ({}, 0.0, None)
