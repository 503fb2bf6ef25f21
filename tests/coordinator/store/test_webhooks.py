"""The outbox of webhooks, on SQLite, PostgreSQL and MariaDB."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from coordinator.domain.news import WebhookDue
from coordinator.domain.webhooks import DAY_S, Answer, DeliveryState, Fault
from coordinator.errors import NotFound
from coordinator.services import controls, webhooks
from coordinator.store import webhooks as outbox
from coordinator.store.tables import Tasks, WebhookDeliveries
from coordinator.store.work import Work
from tests.coordinator.world import World

HOOK = "https://hooks.example.org/a?b=c"
TAKEN, REFUSED = Answer(0.1, 204), Answer(0.1, 500, "no", Fault.STATUS, "answered 500")
LEASE_S = 30.0


def rows(world: World, task_id: str = "", user_id: str | None = None) -> Sequence[WebhookDeliveries]:
    """Messages of a task in its order."""
    owner = user_id or world.get(task_id).user_id
    found = world.database.look(
        lambda work: outbox.page(work, owner, task_id=task_id, states=(), before=None, limit=99)
    )
    return found[::-1]


def states(world: World, task_id: str) -> list[str]:
    return [row.state for row in rows(world, task_id)]


def due(world: World, users: Sequence[str] = (), hosts: Sequence[str] = ()) -> Sequence[WebhookDeliveries]:
    return world.database.look(lambda work: outbox.due(work, without_users=users, without_hosts=hosts, limit=99))


def claim(world: World, delivery_id: str, holder: str = "one") -> WebhookDeliveries | None:
    return world.run(lambda work: outbox.claim(work, delivery_id, holder, LEASE_S))


def tried(world: World, answer: Answer) -> DeliveryState | None:
    """Claim the only message that is due, and write down an answer to it."""
    [first] = due(world)
    claimed = claim(world, first.id)
    assert claimed is not None
    return world.run(lambda work: webhooks.heard(work, claimed, answer))


def test_every_move_that_receivers_are_told_of_is_a_message_and_the_first_one_waits(world: World) -> None:
    task_id = world.task(webhook_url=HOOK)
    assert WebhookDue() in world.news()
    world.node()
    world.done()
    found = rows(world, task_id)
    assert [row.kind for row in found] == ["task.created", "task.waiting", "task.processing", "task.completed"]
    assert [row.state for row in found] == ["waiting", "queued", "queued", "queued"]
    assert [row.data["state"] for row in found] == ["source_selected", "waiting", "processing", "completed"]
    assert {(row.url, row.host, row.user_id) for row in found} == {
        (HOOK, "hooks.example.org", world.get(task_id).user_id)
    }
    assert [row.id for row in due(world)] == [found[0].id]
    assert found[-1].data["finished_at"] is not None


def test_a_task_without_an_address_has_no_messages_and_neither_has_a_move_that_was_undone(world: World) -> None:
    silent = world.task()
    loud = world.task(webhook_url=HOOK)

    def undone(work: Work) -> None:
        controls.cancel(work, world.rules, None, loud)
        raise NotFound

    with pytest.raises(NotFound):
        world.run(undone)
    assert rows(world, silent) == []
    assert [row.kind for row in rows(world, loud)] == ["task.created", "task.waiting"]


def test_a_message_is_claimed_once_and_again_when_the_claim_has_ended(world: World) -> None:
    task_id = world.task(webhook_url=HOOK)
    [first] = due(world)
    claimed = claim(world, first.id)
    assert claimed is not None
    assert claimed.tries == 1
    assert claim(world, first.id, "other") is None
    assert due(world) == []
    world.set(WebhookDeliveries, first.id, lease_until=1.0)
    again = claim(world, first.id, "other")
    assert again is not None
    assert world.run(lambda work: webhooks.heard(work, claimed, TAKEN)) is None
    assert states(world, task_id) == ["waiting", "queued"]
    assert world.run(lambda work: webhooks.heard(work, again, TAKEN)) is DeliveryState.DELIVERED
    assert states(world, task_id) == ["delivered", "waiting"]


def test_who_claims_at_once_shares_the_messages(world: World) -> None:
    for _ in range(5):
        world.task(webhook_url=HOOK)
    ids = [row.id for row in due(world)]

    def take(holder: str) -> list[str]:
        claims = [partial(outbox.claim, delivery_id=key, holder=holder, lease_s=LEASE_S) for key in ids]
        return [key for key, unit in zip(ids, claims, strict=True) if world.database.run(unit)[0] is not None]

    with ThreadPoolExecutor(3) as pool:
        taken = list(pool.map(take, ("one", "two", "three")))
    assert sorted(key for keys in taken for key in keys) == sorted(ids)


def test_a_move_and_the_end_of_a_message_at_once_leave_one_that_waits(world: World) -> None:
    for _ in range(3):
        task_id = world.task(webhook_url=HOOK)
        world.set(WebhookDeliveries, rows(world, task_id)[1].id, state="delivered")
        claimed = claim(world, rows(world, task_id)[0].id)
        assert claimed is not None
        cancel = partial(controls.cancel, rules=world.rules, user_id=None, task_id=task_id)
        end = partial(webhooks.heard, claimed=claimed, answer=TAKEN)
        with ThreadPoolExecutor(2) as pool:
            both: list[Future[Any]] = [pool.submit(world.database.run, cancel), pool.submit(world.database.run, end)]
        assert [one.exception() for one in both] == [None, None]
        assert states(world, task_id) == ["delivered", "delivered", "waiting"]


def test_what_a_killed_process_had_claimed_is_let_go(world: World) -> None:
    world.task(webhook_url=HOOK)
    [first] = due(world)
    claim(world, first.id, "killed")
    world.run(lambda work: outbox.release(work, "another"))
    assert due(world) == []
    world.run(lambda work: outbox.release(work, "killed"))
    assert [row.id for row in due(world)] == [first.id]


def test_the_next_message_goes_after_the_one_before_was_delivered_or_given_up(world: World) -> None:
    task_id = world.task(webhook_url=HOOK)
    assert tried(world, REFUSED) is DeliveryState.WAITING
    assert due(world) == []
    wait = world.database.look(outbox.next_in_s)
    assert wait is not None
    assert 0 < wait <= 7
    [first, _] = rows(world, task_id)
    assert (first.status, first.fault, first.answer, first.tries) == (500, "status", "no", 1)
    world.set(WebhookDeliveries, first.id, next_at=0.0, gives_up_at=1.0)
    assert tried(world, REFUSED) is DeliveryState.DEAD
    assert states(world, task_id) == ["dead", "waiting"]
    assert tried(world, TAKEN) is DeliveryState.DELIVERED
    world.run(lambda work: controls.cancel(work, world.rules, None, task_id))
    assert states(world, task_id) == ["dead", "delivered", "waiting"]


def test_gone_ends_the_messages_of_that_task_alone(world: World) -> None:
    user = world.user()
    ended, other = world.task(user, webhook_url=HOOK), world.task(user, webhook_url=HOOK)
    claimed = claim(world, rows(world, ended)[0].id)
    assert claimed is not None
    gone = Answer(0.1, 410, fault=Fault.GONE)
    assert world.run(lambda work: webhooks.heard(work, claimed, gone)) is DeliveryState.DROPPED
    for task_id in (ended, other):
        world.run(partial(controls.cancel, rules=world.rules, user_id=None, task_id=task_id))
    assert states(world, ended) == ["dropped", "dropped"]
    assert states(world, other) == ["waiting", "queued", "queued"]


def test_messages_of_a_task_that_was_removed_still_go(world: World) -> None:
    user = world.user()
    task_id = world.task(user, webhook_url=HOOK)
    for _ in range(2):  # cancelled first
        world.run(lambda work: controls.remove(work, world.rules, None, task_id))
    for _ in range(3):
        assert tried(world, TAKEN) is DeliveryState.DELIVERED
    assert [row.state for row in rows(world, task_id, user)] == ["delivered"] * 3


def test_a_message_is_sent_again_behind_the_one_that_waits_and_before_newer_ones(world: World) -> None:
    user = world.user()
    task_id = world.task(user, webhook_url=HOOK)
    first = rows(world, task_id)[0]
    tried(world, TAKEN)
    again = world.run(lambda work: webhooks.redeliver(work, user, first.id))
    assert (again.id, again.state, again.tries, again.ended_at) == (first.id, "queued", 0, None)
    assert states(world, task_id) == ["queued", "waiting"]
    world.run(lambda work: controls.cancel(work, world.rules, None, task_id))
    assert states(world, task_id) == ["queued", "waiting", "queued"]
    tried(world, TAKEN)
    assert states(world, task_id) == ["waiting", "delivered", "queued"]
    tried(world, REFUSED)
    world.run(lambda work: webhooks.redeliver(work, user, first.id))
    assert [row.id for row in due(world)] == [first.id]
    stranger = world.user()
    with pytest.raises(NotFound):
        world.run(lambda work: webhooks.redeliver(work, stranger, first.id))


def test_who_is_at_his_bound_is_passed_over(world: World) -> None:
    one, two = world.user(), world.user()
    mine = world.task(one, webhook_url=HOOK)
    other = world.task(two, webhook_url="https://elsewhere.example.org/")
    assert {row.task_id for row in due(world)} == {mine, other}
    assert [row.task_id for row in due(world, users=[one])] == [other]
    assert [row.task_id for row in due(world, hosts=["elsewhere.example.org"])] == [mine]


def test_pages_of_messages_follow_each_other_and_can_be_narrowed(world: World) -> None:
    user = world.user()
    tasks = [world.task(user, webhook_url=HOOK) for _ in range(3)]
    world.task(webhook_url=HOOK)
    seen: list[int] = []
    before: int | None = None
    page = partial(outbox.page, user_id=user, task_id="", states=(), limit=2)
    while found := world.database.look(partial(page, before=before)):
        seen += [row.seq for row in found]
        before = found[-1].seq
    assert len(seen) == 6
    assert seen == sorted(seen, reverse=True)
    narrow = world.database.look(
        lambda work: outbox.page(work, user, task_id=tasks[1], states=["queued"], before=None, limit=9)
    )
    assert [(row.task_id, row.state) for row in narrow] == [(tasks[1], "queued")]
    assert world.database.look(outbox.backlog) == {"queued": 4, "waiting": 4}


def test_old_messages_are_forgotten_and_open_ones_never(world: World) -> None:
    task_id = world.task(webhook_url=HOOK)
    world.run(lambda work: controls.cancel(work, world.rules, None, task_id))
    for _ in range(2):
        tried(world, TAKEN)
    fresh, old, waiting = rows(world, task_id)
    world.set(WebhookDeliveries, old.id, ended_at=(old.ended_at or 0.0) - 8 * DAY_S)
    world.set(WebhookDeliveries, waiting.id, at=1.0, next_at=1.0)
    world.run(webhooks.retire)
    assert [row.id for row in rows(world, task_id)] == [fresh.id, waiting.id]


def test_another_address_is_told_of_what_comes_after(world: World) -> None:
    task_id = world.task(webhook_url=HOOK)
    world.set(Tasks, task_id, webhook_url="https://new.example.org/")
    world.run(lambda work: controls.pause(work, None, task_id))
    assert [(row.kind, row.host) for row in rows(world, task_id)][1:] == [
        ("task.waiting", "hooks.example.org"),
        ("task.paused", "new.example.org"),
    ]
