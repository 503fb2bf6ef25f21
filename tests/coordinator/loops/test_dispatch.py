"""What makes the dispatcher look, without a clock."""

import asyncio
import shutil
from pathlib import Path

from coordinator.app import compose
from coordinator.domain.news import Elsewhere
from coordinator.loops.dispatch import Dispatcher
from tests.coordinator.conftest import settings_in
from tests.coordinator.world import World
from tests.system.patience import until

SECONDS = 30.0


async def test_what_another_replica_queued_is_given_away_at_once(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    context = compose(settings_in(tmp_path, SEGFLEET_HOME=str(tmp_path)))
    context.database.open(context.feed.publish)
    dispatcher, world = Dispatcher(context), World(context.database, context.rules)
    running = asyncio.create_task(dispatcher.run())
    world.node()
    task_id = world.task()
    assert world.attempts(task_id) == []
    dispatcher.hear(Elsewhere(queue=True))
    await asyncio.to_thread(until, lambda: bool(world.attempts(task_id)), SECONDS, "it is offered")
    running.cancel()
    await dispatcher.close()
    await context.database.close()
