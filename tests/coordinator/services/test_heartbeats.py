"""How a node lives and goes. On SQLite, PostgreSQL and MariaDB."""

import functools
from dataclasses import replace

import pytest

from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.errors import BadSignature, Revoked
from coordinator.services import nodes, registry
from coordinator.store import interfaces, offers
from coordinator.store.database import Database
from coordinator.store.work import Work
from protocol.interfaces import Drain, Heartbeat, HeartbeatReply, Leave
from protocol.states import Admission
from tests.coordinator.services.fleet import RULES, beat, door, joining, row, settle_in


async def hear(database: Database, message: Heartbeat) -> HeartbeatReply:
    """Send it."""
    return await database.write(lambda work: registry.heartbeat(work, RULES, message))


async def test_a_heartbeat_says_how_the_node_is_and_gets_its_orders(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    load = {"index": 0, "util": 87.5, "vram_used_mb": 4000, "temperature_c": 71}
    said = beat(interface_id, message, 1, gpus=[load], disk_free_mb=512, health="unhealthy")
    reply = await hear(database, said)
    known = await row(database, interface_id)
    assert (known.loads, known.disk_free_mb, known.health) == ([load], 512, "unhealthy")
    assert (reply.admission, reply.drain, reply.next_heartbeat_s) == (Admission.APPROVED, None, 60)


async def test_a_node_with_work_is_asked_to_beat_every_third_of_the_lease(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    said = beat(interface_id, message, 1, attempts=[{"attempt_id": "a1"}])
    reply = await hear(database, said)
    assert reply.next_heartbeat_s == 10
    assert reply.unknown_attempts == ("a1",)


async def test_an_older_heartbeat_of_the_same_boot_changes_nothing(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    await hear(database, beat(interface_id, message, 5, disk_free_mb=100))
    before = await row(database, interface_id)
    for seq in (5, 4):
        stale = beat(interface_id, message, seq, disk_free_mb=7, health="unhealthy", models=[], draining=True)
        reply = await hear(database, stale)
        assert reply.admission is Admission.APPROVED
    assert tuple(await row(database, interface_id)) == tuple(before)
    assert len((await database.read(lambda work: offers.of(work, [interface_id])))[interface_id]) == 1


async def test_a_process_that_was_replaced_must_register_again(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    stranger = beat(interface_id, joining(), 1)
    with pytest.raises(BadSignature):
        await hear(database, stranger)


async def test_a_revoked_node_is_told_so(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    await database.write(lambda work: nodes.revoke(work, RULES, interface_id, nodes.SYSTEM))
    with pytest.raises(Revoked):
        await hear(database, beat(interface_id, message, 1))


async def test_a_heartbeat_changes_what_a_node_offers_and_keeps_what_was_measured(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    wide = {"name": "selfie-wide", "provider": "CPUExecutionProvider"}
    for seq, models in enumerate(([wide], [wide, {"name": "selfie", "provider": "CUDAExecutionProvider"}])):
        said = beat(interface_id, message, seq, models=models)
        await hear(database, said)
    offered = (await database.read(lambda work: offers.of(work, [interface_id])))[interface_id]
    assert [(o.model, o.provider) for o in offered] == [
        ("selfie", "CUDAExecutionProvider"),
        ("selfie-wide", "CPUExecutionProvider"),
    ]


async def test_only_a_heartbeat_that_changes_something_is_news(sqlite_database: Database) -> None:
    message = joining()
    joined, _ = sqlite_database.run(lambda work: registry.register(work, door(), message, None))

    def news(seq: int, **said: object) -> set[object]:
        heartbeat = beat(joined.interface_id, message, seq, **said)
        return set(sqlite_database.run(lambda work: registry.heartbeat(work, RULES, heartbeat))[1])

    models = [model.model_dump() for model in message.models]
    changed: set[object] = {InterfaceChanged(joined.interface_id), QueueChanged()}
    assert news(1, models=models, disk_free_mb=5) == set()
    assert news(2, health="unhealthy") == changed
    assert news(3, health="unhealthy") == set()
    assert news(4, models=[*models, {"name": "other", "provider": "p"}]) == changed
    sqlite_database.run(lambda work: registry.unreachable(work, joined.interface_id))
    assert news(5) == changed


async def test_a_node_that_drains_itself_is_believed_until_it_says_otherwise(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    for seq, draining in enumerate((True, False)):
        said = beat(interface_id, message, seq, draining=draining)
        await hear(database, said)
        assert bool((await row(database, interface_id)).draining) is draining


async def test_a_node_that_drained_itself_and_starts_again_drains_no_more(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    said = beat(interface_id, message, 1, draining=True)
    await hear(database, said)
    later = message.model_copy(update={"boot_id": "later"})
    await database.write(lambda work: registry.register(work, door(), later, interface_id))
    assert not (await row(database, interface_id)).draining


async def test_an_administrators_drain_outlasts_the_nodes_word_and_its_restart(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    await database.write(lambda work: nodes.drain(work, interface_id, nodes.SYSTEM, 120))
    reply = await hear(database, beat(interface_id, message, 1))
    assert isinstance(reply.drain, Drain)
    assert 110 < reply.drain.deadline_s <= 120
    later = message.model_copy(update={"boot_id": "later"})
    await database.write(lambda work: registry.register(work, door(), later, interface_id))
    assert (await row(database, interface_id)).draining


async def test_three_silent_intervals_make_a_node_offline_and_one_sign_brings_it_back(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)

    def silent_for(seconds: float) -> int:
        database.run(lambda work: interfaces.note(work, interface_id, last_seen=work.now - seconds))
        return database.run(lambda work: registry.miss(work, RULES))[0]

    assert (silent_for(170), silent_for(185), silent_for(999)) == (0, 1, 0)
    assert not (await row(database, interface_id)).online
    await database.write(lambda work: registry.sign_of_life(work, RULES, interface_id))
    assert (await row(database, interface_id)).online


async def test_a_sign_of_life_makes_an_unreachable_node_reachable_and_is_news(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    await database.write(lambda work: registry.unreachable(work, interface_id))
    _, news = database.run(lambda work: registry.sign_of_life(work, RULES, interface_id))
    assert not (await row(database, interface_id)).unreachable
    assert QueueChanged() in news


async def test_signs_of_life_in_a_row_are_written_down_once(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    await database.write(lambda work: interfaces.note(work, interface_id, last_seen=work.now - 100))

    def touch(work: Work) -> float | None:
        registry.sign_of_life(work, RULES, interface_id)
        found = interfaces.get(work, interface_id)
        assert found is not None
        return found.last_seen

    first = await database.write(touch)
    assert first is not None
    assert (await database.write(touch), await database.write(touch)) == (first, first)


@pytest.mark.parametrize("heartbeat_s", [1.0, 60.0])
async def test_a_node_that_only_asks_for_work_never_counts_as_silent(database: Database, heartbeat_s: float) -> None:
    rules = replace(RULES, heartbeat_s=heartbeat_s)
    interface_id = await settle_in(database, joining())
    seconds = registry.SILENT_INTERVALS * heartbeat_s - 0.5
    await database.write(lambda work: interfaces.note(work, interface_id, last_seen=work.now - seconds))
    before = (await row(database, interface_id)).last_seen or 0.0
    await database.write(lambda work: registry.sign_of_life(work, rules, interface_id))
    assert ((await row(database, interface_id)).last_seen or 0.0) >= before + seconds


async def test_a_revoked_node_gives_no_sign_of_life(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    await database.write(lambda work: nodes.revoke(work, RULES, interface_id, nodes.SYSTEM))
    await database.write(lambda work: registry.sign_of_life(work, RULES, interface_id))
    assert not (await row(database, interface_id)).online


async def test_a_node_that_leaves_is_offline_at_once_and_a_late_word_of_an_earlier_boot_is_not_heard(
    database: Database,
) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    late = Leave.model_validate({"interface_id": interface_id, "boot_id": "earlier"})
    await database.write(lambda work: registry.leave(work, RULES, late))
    assert (await row(database, interface_id)).online
    own = Leave.model_validate({"interface_id": interface_id, "boot_id": message.boot_id})
    for _ in range(2):
        await database.write(lambda work: registry.leave(work, RULES, own))
        assert not (await row(database, interface_id)).online


async def test_a_heartbeat_that_was_under_way_does_not_bring_back_a_node_that_has_left(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    own = Leave.model_validate({"interface_id": interface_id, "boot_id": message.boot_id})
    await database.write(lambda work: registry.leave(work, RULES, own))
    await hear(database, beat(interface_id, message, 9, draining=True))
    assert not (await row(database, interface_id)).online


async def test_a_sign_of_life_that_was_under_way_does_not_bring_back_a_node_that_has_left(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    own = Leave.model_validate({"interface_id": interface_id, "boot_id": message.boot_id})
    await database.write(lambda work: registry.leave(work, RULES, own))
    for sign in (functools.partial(registry.sign_of_life, rules=RULES), interfaces.alive):
        await database.write(functools.partial(sign, interface_id=interface_id))
        assert not (await row(database, interface_id)).online
    await database.write(lambda work: registry.register(work, door(), message, interface_id))
    await database.write(lambda work: registry.sign_of_life(work, RULES, interface_id))
    assert (await row(database, interface_id)).online


async def test_a_node_that_cannot_be_called_falls_back_to_asking(database: Database) -> None:
    interface_id = await settle_in(database, joining(address="http://10.0.0.7:6002"))
    asking = await row(database, interface_id)
    await database.write(lambda work: registry.proved(work, asking, "nothing"))
    called = await row(database, interface_id)
    _, news = database.run(lambda work: registry.fall_back(work, called))
    assert (await row(database, interface_id)).lane == "pull"
    assert len(news) == 1


async def test_a_heartbeat_that_was_under_way_does_not_bring_a_node_back_but_joining_again_does(
    database: Database,
) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    gone = Leave.model_validate({"interface_id": interface_id, "boot_id": message.boot_id})
    for boot_id in (message.boot_id, "later"):
        await database.write(lambda work: registry.leave(work, RULES, gone))
        await hear(database, beat(interface_id, message, 99))
        assert not (await row(database, interface_id)).online
        again = message.model_copy(update={"boot_id": boot_id})
        await database.write(functools.partial(registry.register, door=door(), message=again, signer=interface_id))
        await hear(database, beat(interface_id, again, 1, disk_free_mb=7))
        back = await row(database, interface_id)
        assert (bool(back.online), back.disk_free_mb) == (True, 7)
