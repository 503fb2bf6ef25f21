"""How what has ended is found: by indexes, because there is always more of it."""

from typing import Any

from sqlalchemy import event

from coordinator.store import endings
from tests.coordinator.world import World


def test_the_newest_attempts_of_a_node_are_read_without_sorting_all_that_it_ever_did(small_world: World) -> None:
    asked: list[tuple[str, Any]] = []
    engine = small_world.database.engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, text, given, *_: asked.append((text, given)))
    small_world.database.look(lambda work: endings.of_node(work, "node", None, 50))
    small_world.database.look(lambda work: endings.of_node(work, "node", "before", 50))
    queries = [(text, given) for text, given in asked if "FROM attempts" in text]
    assert len(queries) == 2
    with engine.connect() as connection:
        for text, given in queries:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all())
            assert "ix_attempts_interface_id_id" in plan
            assert "TEMP B-TREE" not in plan
