"""Messages to real receivers, in order, whatever they answer."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from standardwebhooks import Webhook

from coordinator.app import create_app
from coordinator.domain.news import WebhookDue
from coordinator.domain.webhooks import DAY_S
from coordinator.gateway.webhook_signing import fresh_secret
from coordinator.loops.webhooks import OF_A_USER
from coordinator.services import accounts, controls, webhook_secrets
from coordinator.services.context import Context
from coordinator.settings import Settings
from coordinator.store import webhooks as outbox
from coordinator.store.tables import Users, WebhookDeliveries
from tests.coordinator.conftest import MakeSettings
from tests.coordinator.world import World
from tests.fakes.node import Asked, answer, fake_node

PATIENCE_S, LOOK_S = 30.0, 0.01


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """As usual, but receivers of this machine may be called."""
    return make_settings(WEBHOOK_NETWORKS="127.0.0.0/8")


async def until(found: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if found():
            return
        await asyncio.sleep(LOOK_S)
    raise TimeoutError("it did not happen")


def account(here: World, user_id: str) -> Users:
    return here.database.look(lambda work: accounts.get(work, user_id))


def messages(here: World, user_id: str) -> list[WebhookDeliveries]:
    found = here.database.look(lambda work: outbox.page(work, user_id, task_id="", states=(), before=None, limit=99))
    return list(found[::-1])


def secret_of(context: Context, here: World, user_id: str, overlap_s: float = DAY_S) -> str:
    """A new secret of an account."""
    fresh, owner, box = fresh_secret(), account(here, user_id), context.webhook_secrets
    here.run(lambda work: webhook_secrets.make(work, box, owner, fresh, overlap_s, ""))
    return fresh


def tell(context: Context, here: World) -> None:
    """What a world's units say reaches the loops, which listen to the program's own."""
    context.feed.publish(here.news())


def open_(here: World, user_id: str) -> list[str]:
    return [row.id for row in messages(here, user_id) if row.state in {"queued", "waiting"}]


async def hastened(context: Context, here: World, user_id: str) -> None:
    """Let no try wait for its time, until all messages have come to their ends."""
    async with asyncio.timeout(PATIENCE_S):
        while open_(here, user_id):
            for row in messages(here, user_id):
                if row.state == "waiting" and row.fault is not None and row.holder is None:
                    here.set(WebhookDeliveries, row.id, next_at=0.0)
            context.feed.publish([WebhookDue()])
            await asyncio.sleep(0.02)


def always(reply: bytes) -> Callable[[Asked], Awaitable[bytes]]:
    async def give(_asked: Asked) -> bytes:
        return reply

    return give


async def test_messages_come_in_order_signed_and_again_until_they_are_taken(context: Context, here: World) -> None:
    refused: set[str] = set()

    async def first_time_no(asked: Asked) -> bytes:
        key = asked.headers["webhook-id"]
        if key in refused:
            return answer(204)
        refused.add(key)
        return answer(503, b"busy")

    user = here.user()
    secret = secret_of(context, here, user)
    async with fake_node(first_time_no) as receiver:
        task_id = here.task(user, webhook_url=f"{receiver.url}/hook")
        here.run(lambda work: controls.cancel(work, here.rules, None, task_id))
        tell(context, here)
        await hastened(context, here, user)
    events = [Webhook(secret).verify(asked.body, asked.headers) for asked in receiver.asked]
    kinds = ["task.created", "task.waiting", "task.cancelled"]
    assert [event["type"] for event in events] == [kind for kind in kinds for _ in range(2)]
    ids = [asked.headers["webhook-id"] for asked in receiver.asked]
    assert ids[::2] == ids[1::2] == [row.id for row in messages(here, user)]
    assert {event["data"]["task_id"] for event in events} == {task_id}
    assert [row.tries for row in messages(here, user)] == [2, 2, 2]


async def test_a_completed_task_links_to_its_results(context: Context, here: World) -> None:
    async with fake_node(always(answer(200))) as receiver:
        user = here.user()
        here.node(lane="pull")
        task_id = here.task(user, webhook_url=receiver.url)
        attempt_id = here.running_on_polling()
        here.report(attempt_id)
        here.verify(attempt_id)
        tell(context, here)
        await until(lambda: [row.state for row in messages(here, user)] == ["delivered"] * 4)
    told = json.loads(receiver.asked[-1].body)
    assert told["type"] == "task.completed"
    link = told["data"]["results"]["composite"]["url"]
    assert link.startswith(f"{context.settings.api_base_url}/results/{task_id}/composite?exp=")
    assert told["data"]["progress"] == 100.0
    # the account never asked for a secret and has one now, that nobody has seen
    assert receiver.asked[-1].headers["webhook-signature"].startswith("v1,")


async def test_a_slow_receiver_holds_back_nobody_but_itself(context: Context, here: World) -> None:
    over = asyncio.Event()

    async def slow(_asked: Asked) -> bytes:
        await over.wait()
        return answer(204)

    async with fake_node(slow) as slow_one, fake_node(always(answer(204))) as quick_one:
        slow_user, quick_user = here.user(), here.user()
        for _ in range(3 * OF_A_USER):
            here.task(slow_user, webhook_url=slow_one.url)
        tell(context, here)
        await until(lambda: len(slow_one.asked) == OF_A_USER)
        here.task(quick_user, webhook_url=quick_one.url)
        tell(context, here)
        await until(lambda: not open_(here, quick_user))
        assert len(slow_one.asked) == OF_A_USER
        over.set()
        await until(lambda: not open_(here, slow_user))


async def test_gone_is_the_end_and_both_secrets_sign_during_the_overlap(context: Context, here: World) -> None:
    user = here.user()
    old, new = secret_of(context, here, user), secret_of(context, here, user)
    async with fake_node(always(answer(410))) as receiver:
        here.task(user, webhook_url=receiver.url)
        tell(context, here)
        await until(lambda: not open_(here, user))
    assert [row.state for row in messages(here, user)] == ["dropped", "dropped"]
    [asked] = receiver.asked
    for secret in (old, new):
        assert Webhook(secret).verify(asked.body, asked.headers)["type"] == "task.created"


async def test_a_program_that_stops_lets_go_of_what_it_was_sending(settings: Settings) -> None:
    never = asyncio.Event()

    async def slow(_asked: Asked) -> bytes:
        await never.wait()
        return b""

    app = create_app(settings)
    async with fake_node(slow) as receiver, app.router.lifespan_context(app) as state:
        assert state is not None
        context: Context = state["context"]
        here = World(context.database, context.rules)
        user = here.user()
        here.task(user, webhook_url=receiver.url)
        tell(context, here)
        await until(lambda: len(receiver.asked) == 1)
        assert messages(here, user)[0].holder is not None
    with closing(sqlite3.connect(settings.home / "segfleet.db")) as left:
        found = left.execute("SELECT state, tries, holder, lease_until FROM webhook_deliveries ORDER BY seq").fetchall()
    assert found == [("waiting", 1, None, 0.0), ("queued", 0, None, 0.0)]
