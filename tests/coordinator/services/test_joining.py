"""Who gets which row when a node joins. On SQLite, PostgreSQL and MariaDB."""

import asyncio
import functools

import pytest

from coordinator.errors import (
    AddressRefused,
    BadClusterString,
    BadSignature,
    DuplicateIdentity,
    Revoked,
    ServiceError,
    UnsupportedProtocol,
)
from coordinator.services import nodes, registry
from coordinator.store import interfaces, offers
from coordinator.store.database import Database
from protocol.interfaces import Registered
from protocol.states import Admission, Lane
from tests.coordinator.services.fleet import RULES, SECRETS, beat, door, join, joining, row, settle_in


@pytest.mark.parametrize("given", ["", "wrong", "cluster string of tests "])
def test_a_wrong_cluster_string_is_refused(given: str) -> None:
    with pytest.raises(BadClusterString):
        registry.check_cluster_string(door(), given)


async def test_a_new_node_waits_for_approval_or_works_at_once_as_the_setting_says(database: Database) -> None:
    manual = await join(database, joining(), approval="manual")
    auto = await join(database, joining(), approval="auto")
    assert (manual.admission, auto.admission) == (Admission.PENDING, Admission.APPROVED)
    assert (auto.lane, auto.lease_s, auto.heartbeat_interval_s) == (Lane.PULL, 30, 60)
    known = await row(database, auto.interface_id)
    assert known.online
    assert abs(auto.server_time - known.created_at) < 5


async def test_a_secret_is_kept_sealed_and_counts_from_its_first_use(database: Database) -> None:
    reply = await join(database, joining())
    known = await row(database, reply.interface_id)
    assert known.secret is None
    assert known.next_secret is not None
    assert reply.secret not in known.next_secret
    assert SECRETS.open(known.next_secret) == reply.secret


async def test_a_node_that_signs_keeps_its_row_its_approval_and_its_speeds(database: Database) -> None:
    first = joining()
    interface_id = await settle_in(database, first)
    before = await row(database, interface_id)
    again = first.model_copy(update={"boot_id": "later", "name": "renamed"})
    reply = await join(database, again, signer=interface_id, approval="manual")
    after = await row(database, interface_id)
    assert (reply.interface_id, reply.admission) == (interface_id, Admission.APPROVED)
    assert (after.name, after.boot_id, after.previous_boot_id) == ("renamed", "later", first.boot_id)
    assert after.secret == before.secret
    assert SECRETS.open(after.next_secret or "") == reply.secret
    assert (await database.read(lambda work: offers.of(work, [interface_id])))[interface_id][0].speed_fps == 50


async def test_a_thief_of_a_node_id_comes_in_as_a_stranger_and_changes_nothing(database: Database) -> None:
    owner = joining()
    interface_id = await settle_in(database, owner)
    before = await row(database, interface_id)
    thief = await join(database, joining(node_id=owner.node_id), approval="manual")
    assert thief.interface_id != interface_id
    assert thief.admission is Admission.PENDING
    assert (await row(database, thief.interface_id)).node_id is None
    assert tuple(await row(database, interface_id)) == tuple(before)


async def test_an_approved_row_is_not_given_to_who_only_knows_its_node_id(database: Database) -> None:
    owner = joining()
    waiting = await join(database, owner, approval="manual")
    await database.write(lambda work: nodes.approve(work, waiting.interface_id, nodes.SYSTEM))
    thief = await join(database, joining(node_id=owner.node_id), approval="manual")
    assert (thief.interface_id != waiting.interface_id, thief.admission) == (True, Admission.PENDING)


async def test_a_registration_whose_answer_was_lost_gets_the_same_row_again(database: Database) -> None:
    message = joining()
    first, second = await join(database, message), await join(database, message)
    assert first.interface_id == second.interface_id
    known = await row(database, first.interface_id)
    assert SECRETS.open(known.next_secret or "") == second.secret


async def test_a_stranger_whose_answer_was_lost_gets_its_own_row_again(database: Database) -> None:
    owner = joining()
    await settle_in(database, owner)
    stranger = joining(node_id=owner.node_id)
    first, second = await join(database, stranger), await join(database, stranger)
    assert first.interface_id == second.interface_id


async def test_a_stranger_that_signs_later_keeps_its_row(database: Database) -> None:
    owner = joining()
    await settle_in(database, owner)
    stranger = joining(node_id=owner.node_id)
    stranger_id = await settle_in(database, stranger)
    again = await join(database, stranger.model_copy(update={"boot_id": "later"}), signer=stranger_id)
    assert again.interface_id == stranger_id


async def test_a_signature_under_another_node_id_is_refused(database: Database) -> None:
    interface_id = await settle_in(database, joining())
    with pytest.raises(BadSignature):
        await join(database, joining(), signer=interface_id)


@pytest.mark.parametrize("signs", [True, False])
async def test_two_processes_that_take_turns_are_refused(database: Database, signs: bool) -> None:
    first = joining()
    interface_id = await settle_in(database, first)
    await join(database, first.model_copy(update={"boot_id": "second"}), signer=interface_id)
    with pytest.raises(DuplicateIdentity):
        await join(database, first, signer=interface_id if signs else None)
    assert (await row(database, interface_id)).boot_id == "second"


async def test_a_process_may_come_back_when_the_one_that_replaced_it_is_gone(database: Database) -> None:
    first = joining()
    interface_id = await settle_in(database, first)
    second = first.model_copy(update={"boot_id": "second"})
    await join(database, second, signer=interface_id)
    await database.write(lambda work: interfaces.note(work, interface_id, last_seen=work.now - 181))
    await database.write(lambda work: registry.miss(work, RULES))
    reply = await join(database, first, signer=interface_id)
    assert (reply.interface_id, (await row(database, interface_id)).boot_id) == (interface_id, first.boot_id)


async def test_a_revoked_node_does_not_come_back_by_forgetting_its_secret(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    await database.write(lambda work: nodes.revoke(work, RULES, interface_id, nodes.SYSTEM))
    for signer in (interface_id, None):
        with pytest.raises(Revoked):
            await join(database, message.model_copy(update={"boot_id": "later"}), signer=signer)


@pytest.mark.parametrize("version", [0, 3, 10_000])
async def test_a_protocol_that_nobody_speaks_is_refused(sqlite_database: Database, version: int) -> None:
    with pytest.raises(UnsupportedProtocol) as refused:
        await join(sqlite_database, joining(protocol_version=version))
    assert refused.value.params == {"oldest": 1, "newest": 2}


async def test_an_address_that_is_never_called_is_refused_and_leaves_nothing(sqlite_database: Database) -> None:
    with pytest.raises(AddressRefused):
        await join(sqlite_database, joining(address="http://169.254.169.254/"))
    assert (await sqlite_database.read(nodes.page)) == ([], None)


async def test_the_first_node_at_an_expected_address_gets_the_approved_row(database: Database) -> None:
    expected = await database.write(
        lambda work: nodes.expect(work, door().networks, "left rack", address="http://10.0.0.7:6002/")
    )
    first = await join(database, joining(address="http://10.0.0.7:6002"), approval="manual")
    second = await join(database, joining(address="http://10.0.0.7:6002"), approval="manual")
    assert (first.interface_id, first.admission) == (expected.id, Admission.APPROVED)
    assert (second.interface_id != expected.id, second.admission) == (True, Admission.PENDING)


async def test_a_node_that_is_expected_by_its_node_id_is_approved(database: Database) -> None:
    message = joining()
    expected = await database.write(
        lambda work: nodes.expect(work, door().networks, "local 1", node_id=message.node_id)
    )
    reply = await join(database, message, approval="manual")
    assert (reply.interface_id, reply.admission) == (expected.id, Admission.APPROVED)


async def test_expecting_a_node_twice_or_one_that_is_there_makes_no_second_row(database: Database) -> None:
    waiting = await join(database, joining(address="http://10.0.0.8:6002"), approval="manual")

    def expect(address: str) -> str:
        return database.run(lambda work: nodes.expect(work, door().networks, "rack", address=address))[0].id

    assert expect("http://10.0.0.8:6002") == waiting.interface_id
    assert (await row(database, waiting.interface_id)).admission == Admission.APPROVED
    assert expect("http://10.0.0.9:6002") == expect("http://10.0.0.9:6002/")


async def test_a_nodes_words_are_kept_as_plain_bounded_text(sqlite_database: Database) -> None:
    hostile = joining(
        name="\u202egpu\x00\x1b[31m  <b>one</b>\n",
        software_version="1\x07.0",
        gpus=[{"index": 0, "name": "card\u200b\r\n" + "x" * 150, "vram_mb": 1}],
    )
    reply = await join(sqlite_database, hostile)
    known = await row(sqlite_database, reply.interface_id)
    assert (known.name, known.software_version) == ("gpu[31m <b>one</b>", "1.0")
    assert known.gpus[0]["name"] == "card " + "x" * 95


async def test_a_node_without_a_printable_name_is_named_by_its_id(sqlite_database: Database) -> None:
    message = joining(name="\x00\x01")
    reply = await join(sqlite_database, message)
    assert (await row(sqlite_database, reply.interface_id)).name == f"node {message.node_id[:8]}"


async def test_joining_again_asks_for_work_until_the_address_is_proved_again(database: Database) -> None:
    message = joining(address="http://10.0.0.7:6002")
    interface_id = await settle_in(database, message)
    known = await row(database, interface_id)
    assert await database.write(lambda work: registry.proved(work, known, "nothing"))
    assert (await row(database, interface_id)).lane == Lane.PUSH
    reply = await join(database, message.model_copy(update={"boot_id": "later"}), signer=interface_id)
    assert (reply.lane, (await row(database, interface_id)).lane) == (Lane.PULL, Lane.PULL)
    assert not await database.write(lambda work: registry.proved(work, known, "nothing"))


async def test_a_new_boot_counts_its_heartbeats_from_the_start(database: Database) -> None:
    message = joining()
    interface_id = await settle_in(database, message)
    await database.write(lambda work: registry.heartbeat(work, RULES, beat(interface_id, message, 7)))
    later = message.model_copy(update={"boot_id": "later"})
    await join(database, later, signer=interface_id)
    await database.write(lambda work: registry.heartbeat(work, RULES, beat(interface_id, later, 0, health="unhealthy")))
    assert (await row(database, interface_id)).health == "unhealthy"


async def test_a_node_that_registers_twice_at_once_ends_with_one_row(database: Database) -> None:
    message = joining()
    answers = await asyncio.gather(*(join(database, message) for _ in range(4)), return_exceptions=True)
    last = await join(database, message)
    served = {answer.interface_id for answer in answers if isinstance(answer, Registered)}
    assert served == {last.interface_id}
    assert all(isinstance(answer, Registered | ServiceError) for answer in answers)
    assert len((await database.read(nodes.page))[0]) == 1


async def test_rows_that_nobody_ever_used_go_after_a_day_and_all_others_stay(database: Database) -> None:
    unused = await join(database, joining())
    used = await settle_in(database, joining())
    revoked = await join(database, joining())
    await database.write(lambda work: nodes.revoke(work, RULES, revoked.interface_id, nodes.SYSTEM))
    await database.write(lambda work: nodes.expect(work, door().networks, "later", address="http://10.0.0.7"))
    assert await database.write(registry.forget_unused) == 0
    for key in (unused.interface_id, used, revoked.interface_id):
        await database.write(functools.partial(interfaces.note, interface_id=key, boot_at=1.0))
    assert await database.write(registry.forget_unused) == 1
    kept = {node.row.name for node in (await database.read(nodes.page))[0]}
    assert kept == {"gpu-1", "later"}
    assert await database.read(lambda work: interfaces.get(work, unused.interface_id)) is None
