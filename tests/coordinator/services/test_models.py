"""Which models the fleet knows. On SQLite, PostgreSQL and MariaDB."""

import functools
from typing import Any

from coordinator.services import models, nodes, registry
from coordinator.services.models import Model
from coordinator.store import fleet
from coordinator.store.database import Database
from tests.coordinator.services.fleet import RULES, beat, joining, settle_in


def offering(*named: str, speed: float = 10, provider: str = "CPUExecutionProvider") -> Any:
    """A node that offers these models."""
    return joining(models=[{"name": name, "provider": provider, "speed_fps": speed} for name in named])


async def catalogue(database: Database) -> list[Model]:
    """The list."""
    return await database.read(lambda work: models.catalogue(work, "selfie"))


async def test_the_default_model_is_known_before_any_node_is_there(database: Database) -> None:
    assert await catalogue(database) == [Model("selfie", default=True, nodes=0, providers=(), speed_fps=None)]
    assert await database.read(lambda work: models.known(work, "selfie", "selfie"))
    assert not await database.read(lambda work: models.known(work, "wide", "selfie"))


async def test_a_model_says_how_many_nodes_have_it_online_and_how_fast_the_best_is(database: Database) -> None:
    slow = await settle_in(database, offering("wide", "selfie"))
    await settle_in(database, offering("wide", speed=90, provider="CUDAExecutionProvider"))
    await database.write(lambda work: fleet.learn_speed(work, slow, "selfie", 0, 33))
    assert await catalogue(database) == [
        Model("selfie", default=True, nodes=1, providers=("CPUExecutionProvider",), speed_fps=33),
        Model(
            "wide", default=False, nodes=2, providers=("CPUExecutionProvider", "CUDAExecutionProvider"), speed_fps=90
        ),
    ]


async def test_a_model_that_its_node_dropped_or_took_offline_stays_known(database: Database) -> None:
    node = offering("dropped", "kept")
    interface_id = await settle_in(database, node)
    said = beat(interface_id, node, 1, models=[{"name": "kept", "provider": "p"}])
    await database.write(lambda work: registry.heartbeat(work, RULES, said))
    assert {model.name: model.nodes for model in await catalogue(database)} == {"selfie": 0, "dropped": 0, "kept": 1}
    assert await database.read(lambda work: models.known(work, "dropped", "selfie"))


async def test_a_model_that_only_a_revoked_node_had_is_not_known(database: Database) -> None:
    interface_id = await settle_in(database, offering("stolen"))
    await database.write(lambda work: nodes.revoke(work, RULES, interface_id, nodes.SYSTEM))
    assert not await database.read(lambda work: models.known(work, "stolen", "selfie"))
    assert [model.name for model in await catalogue(database)] == ["selfie"]


async def test_a_node_that_keeps_inventing_names_is_not_remembered_for_ever(sqlite_database: Database) -> None:
    node = offering("first")
    interface_id = await settle_in(sqlite_database, node)
    for seq in range(4):
        names = [{"name": f"m{seq}-{number}", "provider": "p"} for number in range(200)]
        said = beat(interface_id, node, seq, models=names)
        await sqlite_database.write(functools.partial(registry.heartbeat, rules=RULES, message=said))
    assert len(await catalogue(sqlite_database)) <= 401
