"""The beginning of a subscription: what happened since a number is told, and then the reader joins those who are up to
date, without a gap and without a repetition."""

from collections.abc import Awaitable, Callable
from typing import Final

from coordinator.api import live_messages
from coordinator.api.live_feed import Hub
from coordinator.api.live_identity import Identity
from coordinator.api.live_messages import Told
from coordinator.api.live_reader import Reader, Wish
from coordinator.domain.permissions import may_administer
from coordinator.errors import Forbidden
from coordinator.services.context import Context
from coordinator.store import events, history
from coordinator.store.work import Work
from protocol.live import Topic

Say = Callable[[str], Awaitable[None]]
MOST_REPLAYED: Final = 1000
CHUNK: Final = 100
TASKS: Final = frozenset({Topic.TASKS, Topic.ALL_TASKS})


def topics_of(identity: Identity, asked: frozenset[Topic] | None) -> frozenset[Topic]:
    """What this account hears. Forbidden: a topic of administrators."""
    admin = may_administer(identity.role)
    if asked is None:
        return frozenset({Topic.ALL_TASKS if admin else Topic.TASKS})
    if not admin and asked - {Topic.TASKS}:
        raise Forbidden
    return asked


async def follow(here: Context, hub: Hub, reader: Reader, wish: Wish, say: Say) -> None:
    """Begin the subscription; returns when the reader has joined, or has something else to do. Forbidden,
    StorageUnavailable."""
    hub.audience.mute(reader)
    reader.forget()
    reader.topics = topics_of(reader.identity, wish.topics)
    position = await hub.begin()
    if wish.since is None or not reader.topics & TASKS:
        await _join_at_the_end(hub, reader)
    elif wish.since > position and not await _reached(here, hub, wish.since):
        await _join_at_the_end(hub, reader, known=False)
    elif await _is_too_much(here, hub, reader, wish.since):
        await _join_at_the_end(hub, reader, known=True)
    else:
        reader.told = wish.since
        await say(live_messages.hello(wish.since))
        while reader.wish is None and reader.ending is None and not await _joined(hub, reader):
            await _tell_more(here, hub, reader, say)


async def _join_at_the_end(hub: Hub, reader: Reader, *, known: bool | None = None) -> None:
    """From now on; `known` says why nothing is told again, None: nobody asked for it."""
    async with hub.turn:
        reader.told = hub.position or 0
        reader.owe(live_messages.hello(reader.told))
        if known is not None:
            reader.owe(live_messages.resync(reader.told, known=known))
        hub.audience.hearing(reader)


async def _joined(hub: Hub, reader: Reader) -> bool:
    async with hub.turn:
        if reader.told < (hub.position or 0):
            return False
        hub.audience.hearing(reader)
        return True


async def _reached(here: Context, hub: Hub, since: int) -> bool:
    """Another replica may have told what this one has not yet looked at. False: there is no such number."""
    if since > await here.database.read(history.newest):
        return False
    await hub.look()
    return True


async def _is_too_much(here: Context, hub: Hub, reader: Reader, since: int) -> bool:
    upto, whose = hub.position or 0, _whose(reader)

    def query(work: Work) -> tuple[int, int]:
        return events.forgotten(work), history.count(work, since, upto, whose, MOST_REPLAYED + 1)

    forgotten, count = await here.database.read(query)
    return since < forgotten or count > MOST_REPLAYED or not hub.audience.may_tell_again(reader, count)


async def _tell_more(here: Context, hub: Hub, reader: Reader, say: Say) -> None:
    after, upto, whose = reader.told, hub.position or 0, _whose(reader)

    def query(work: Work) -> list[Told]:
        return live_messages.events(work, here, history.between(work, after, upto, whose, CHUNK))

    told = await here.database.read(query)
    for event in told:
        await say(event.text)
        reader.told = event.seq
    if len(told) < CHUNK:
        reader.told = upto


def _whose(reader: Reader) -> str | None:
    return None if Topic.ALL_TASKS in reader.topics else reader.identity.user_id
