"""Progress in memory: answered at once, written together, never trusted for long."""

from collections.abc import Callable

import pytest

from coordinator.domain.news import AttemptEnded, AttemptStopping
from coordinator.services import controls, progress
from coordinator.services.progress import TRUST_S, ProgressBook
from coordinator.store.tables import Attempts
from protocol.base import AttemptId, InterfaceId
from protocol.reports import Callback
from protocol.states import AttemptState as A
from tests.coordinator.world import RULES, World


class Hand:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def book(hand: Callable[[], float]) -> ProgressBook:
    return ProgressBook(RULES, hand)


def said(attempt_id: str, seq: int, frames: int = 0, kind: str = "progress", done: int = 0) -> Callback:
    body = {"attempt_id": attempt_id, "boot_id": "b", "seq": seq, "kind": kind, "frames_done": frames, "done": done}
    return Callback.model_validate(body)


def flush(world: World, book: ProgressBook) -> progress.Written:
    """What the tick does."""
    entries = book.pending()
    written = world.run(lambda work: progress.write(work, RULES, entries))
    book.settle(entries, written)
    return written


def test_a_known_attempt_is_answered_without_the_database_and_only_its_latest_word_is_written(
    world: World, book: ProgressBook
) -> None:
    world.task()
    node = world.node()
    attempt_id = world.running()
    assert book.answer(node, said(attempt_id, 1)) is None
    book.remember(world.attempt(attempt_id))
    assert [book.answer(node, said(attempt_id, seq, seq)) for seq in (1, 3, 2)] == ["continue"] * 3
    (entry,) = book.pending()
    assert entry.callback.seq == 3
    assert book.pending() == []


def test_a_flush_writes_frames_and_renews_the_lease(world: World, book: ProgressBook) -> None:
    world.task()
    node = world.node()
    attempt_id = world.running()
    book.remember(world.attempt(attempt_id))
    world.set(Attempts, attempt_id, lease_until=1.0, progress_at=1.0)
    book.answer(node, said(attempt_id, 1, 7))
    assert flush(world, book) == progress.Written((), ())
    row = world.attempt(attempt_id)
    assert (row.frames_done, row.seq) == (7, 1)
    assert min(row.lease_until, row.progress_at) > 1.0


def test_frames_that_stand_still_are_no_progress(world: World, book: ProgressBook) -> None:
    world.task()
    node = world.node()
    attempt_id = world.running()
    book.remember(world.attempt(attempt_id))
    for seq in (1, 2):
        book.answer(node, said(attempt_id, seq, 7, done=7))
        world.set(Attempts, attempt_id, progress_at=1.0)
        flush(world, book)
    assert world.attempt(attempt_id).progress_at == 1.0


@pytest.mark.parametrize("kind", ["completed", "failed", "released", "cancelled"])
def test_an_end_is_never_answered_from_memory(small_world: World, book: ProgressBook, kind: str) -> None:
    small_world.task()
    node = small_world.node()
    attempt_id = small_world.running()
    book.remember(small_world.attempt(attempt_id))
    assert book.answer(node, said(attempt_id, 1, kind=kind)) is None


def test_another_node_is_not_answered_from_memory(small_world: World, book: ProgressBook) -> None:
    small_world.task()
    small_world.node()
    attempt_id = small_world.running()
    book.remember(small_world.attempt(attempt_id))
    assert book.answer(small_world.node(), said(attempt_id, 1)) is None


def test_memory_that_no_flush_confirmed_is_not_trusted(small_world: World, book: ProgressBook, hand: Hand) -> None:
    small_world.task()
    node = small_world.node()
    attempt_id = small_world.running()
    book.remember(small_world.attempt(attempt_id))
    hand.now = TRUST_S
    assert book.answer(node, said(attempt_id, 1)) == "continue"
    flush(small_world, book)
    hand.now = 2 * TRUST_S
    assert book.answer(node, said(attempt_id, 2)) == "continue"
    hand.now = 2 * TRUST_S + 0.1
    assert book.answer(node, said(attempt_id, 3)) is None


def test_news_of_a_stop_reach_the_node_at_its_next_word(small_world: World, book: ProgressBook) -> None:
    small_world.task()
    node = small_world.node()
    attempt_id = small_world.running()
    book.remember(small_world.attempt(attempt_id))
    book.hear(AttemptStopping(AttemptId(attempt_id), InterfaceId(node)))
    assert book.answer(node, said(attempt_id, 1)) == "cancel"
    book.hear(AttemptEnded(AttemptId(attempt_id)))
    assert book.answer(node, said(attempt_id, 2)) is None


def test_a_stop_that_another_replica_made_is_found_by_the_flush(world: World, book: ProgressBook) -> None:
    user = world.user()
    task_id = world.task(user)
    node = world.node()
    attempt_id = world.running()
    book.remember(world.attempt(attempt_id))
    world.run(lambda work: controls.pause(work, user, task_id))
    world.set(Attempts, attempt_id, lease_until=1.0)
    assert book.answer(node, said(attempt_id, 1, 5)) == "continue"
    assert flush(world, book) == progress.Written((), (attempt_id,))
    assert world.attempt(attempt_id).lease_until > 1.0
    assert world.attempt(attempt_id).frames_done == 0
    assert book.answer(node, said(attempt_id, 2, 6)) == "cancel"


@pytest.mark.parametrize("state", [A.LOST, A.REPORTED, A.COMPLETED])
def test_what_runs_no_more_is_forgotten(world: World, book: ProgressBook, state: A) -> None:
    world.task()
    node = world.node()
    attempt_id = world.running()
    book.remember(world.attempt(attempt_id))
    world.set(Attempts, attempt_id, state=str(state))
    book.answer(node, said(attempt_id, 1, 5))
    assert flush(world, book) == progress.Written((attempt_id,), ())
    assert book.answer(node, said(attempt_id, 2)) is None
