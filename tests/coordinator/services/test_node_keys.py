"""What is remembered of nodes' secrets, and for how long."""

import asyncio

from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.services import nodes, registry
from coordinator.services.node_keys import Keys, NodeKeys
from coordinator.store.database import Database
from protocol.base import InterfaceId
from tests.coordinator.services.fleet import RULES, SECRETS, join, joining, row


async def known(keys: NodeKeys, interface_id: str) -> Keys:
    """The keys of a node that is there."""
    found = await keys.of(interface_id)
    assert found is not None
    return found


async def test_the_secret_of_a_registration_is_the_next_one_until_it_is_used(sqlite_database: Database) -> None:
    joined = await join(sqlite_database, joining())
    keys = NodeKeys(sqlite_database, SECRETS, RULES)
    fresh = await known(keys, joined.interface_id)
    assert (fresh.secret, fresh.next_secret) == (None, joined.secret)
    assert await keys.promote(fresh)
    assert await keys.promote(fresh), "another replica was faster"
    used = await known(keys, joined.interface_id)
    assert (used.secret, used.next_secret) == (joined.secret, None)


async def test_promoting_a_secret_that_was_replaced_meanwhile_changes_nothing(sqlite_database: Database) -> None:
    message = joining()
    first = await join(sqlite_database, message)
    keys = NodeKeys(sqlite_database, SECRETS, RULES)
    stale = await known(keys, first.interface_id)
    second = await join(sqlite_database, message)
    assert not await keys.promote(stale)
    after = await row(sqlite_database, first.interface_id)
    assert after.secret is None
    assert SECRETS.open(after.next_secret or "") == second.secret


async def test_a_change_is_read_at_once_after_its_news_and_soon_without(sqlite_database: Database) -> None:
    joined = await join(sqlite_database, joining())
    heard, deaf = NodeKeys(sqlite_database, SECRETS, RULES), NodeKeys(sqlite_database, SECRETS, RULES)
    assert not (await known(heard, joined.interface_id)).revoked
    assert not (await known(deaf, joined.interface_id)).revoked
    await sqlite_database.write(lambda work: nodes.revoke(work, RULES, joined.interface_id, nodes.SYSTEM))
    heard.hear(QueueChanged())
    assert not (await known(heard, joined.interface_id)).revoked
    heard.hear(InterfaceChanged(joined.interface_id))
    assert (await known(heard, joined.interface_id)).revoked
    stale = await known(deaf, joined.interface_id)
    assert not stale.revoked
    now = await deaf.again(stale)
    assert now is not None
    assert now.revoked


async def test_a_secret_that_another_replica_gave_a_moment_ago_is_known(sqlite_database: Database) -> None:
    message = joining()
    first = await join(sqlite_database, message)
    keys = NodeKeys(sqlite_database, SECRETS, RULES)
    stale = await known(keys, first.interface_id)
    second = await join(sqlite_database, message)
    found = await asyncio.gather(*(keys.again(stale) for _ in range(3)))
    assert all(one is found[0] for one in found)
    assert found[0] is not None
    assert found[0].next_secret == second.secret


async def test_a_node_that_nobody_knows_has_no_keys(sqlite_database: Database) -> None:
    keys = NodeKeys(sqlite_database, SECRETS, RULES)
    keys.hear(InterfaceChanged(InterfaceId("nobody")))
    assert await asyncio.wait_for(keys.of("nobody"), 5) is None


async def test_a_node_that_reports_on_its_work_is_alive_and_reachable(sqlite_database: Database) -> None:
    joined = await join(sqlite_database, joining())
    keys = NodeKeys(sqlite_database, SECRETS, RULES)
    await keys.heard(joined.interface_id)
    await sqlite_database.write(lambda work: registry.unreachable(work, joined.interface_id))
    await keys.heard(joined.interface_id)
    assert (await row(sqlite_database, joined.interface_id)).unreachable
    keys.hear(InterfaceChanged(joined.interface_id))
    await keys.heard(joined.interface_id)
    assert not (await row(sqlite_database, joined.interface_id)).unreachable
