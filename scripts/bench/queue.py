"""What one choice of the next step costs with few and with many steps waiting.

    python -m scripts.bench.queue [--steps 1000000] [--users 2000] [--few 1000] [--runs 200] [--url URL]

Two databases (SQLite in a temporary directory; `--url` names an empty one of a server, which is then used for both in
turn), four nodes with eight free slots and one that is busy, steps of two models and, in front of them all, steps of a
model that no node has. A choice is `services.choosing.choose`; a claim makes the attempt as well. Both are undone after
each run, so that every run finds the same queue. The figure to look at is the ratio of the medians.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import insert, text

from coordinator.clock import system_clock
from coordinator.ids import new_id
from coordinator.services import candidates, choosing, dispatching
from coordinator.services.candidates import Polls
from coordinator.services.rules import Rules
from coordinator.store import waits
from coordinator.store.database import Database, begin_immediate
from coordinator.store.migrate import upgrade
from coordinator.store.schema import metadata, row_of, table
from coordinator.store.tables import InterfaceModels, Interfaces, Media, Steps, Tasks, Users
from coordinator.store.work import Work

CHUNK = 20_000
STEPS_OF_TASK = 50
MODELS = ("selfie", "portrait")
NOBODYS = "nobody-has-this"
NODES = 4


def main() -> None:
    """Build both queues, measure both, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--url", help="an empty database of a server; its tables are emptied")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        few = _measure(asked.url or f"sqlite:///{home}/few.db", asked.few, max(2, asked.users // 1000), asked.runs)
        many = _measure(asked.url or f"sqlite:///{home}/many.db", asked.steps, asked.users, asked.runs)
    for name, small, large in zip(("choice", "claim"), few, many, strict=True):
        sizes = f"{small:.3f} ms with {asked.few} steps, {large:.3f} ms with {asked.steps}"
        print(f"{name}: {sizes}: ratio {large / small:.2f}")


def _measure(url: str, steps: int, users: int, runs: int) -> tuple[float, float]:
    """Median milliseconds of a choice and of a claim."""
    database = Database(url, system_clock)
    upgrade(database.engine)
    began = time.perf_counter()
    with database.engine.begin() as connection:
        begin_immediate(connection)
        for rows in reversed(metadata.sorted_tables):
            connection.execute(rows.delete())
        _fill(Work(connection, system_clock), steps, users)
    if database.engine.dialect.name != "sqlite":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text("ANALYZE" if database.engine.dialect.name == "postgresql" else "ANALYZE TABLE steps")
            )
    print(f"{steps} steps of {users} users in {time.perf_counter() - began:.1f} s")
    choice = _median(database, runs, lambda work: choosing.choose(work, candidates.look(work, Polls())))
    claim = _median(database, runs, lambda work: dispatching.claim(work, Rules(), Polls()).offer)
    database.engine.dispose()
    return choice, claim


def _median(database: Database, runs: int, unit: Callable[[Work], object]) -> float:
    spent = []
    for _ in range(runs):
        with database.engine.connect() as connection, connection.begin() as transaction:
            begin_immediate(connection)
            work = Work(connection, system_clock)
            began = time.perf_counter()
            found = unit(work)
            spent.append(1000 * (time.perf_counter() - began))
            transaction.rollback()
        assert found is not None, "nothing was found"
    return statistics.median(spent)


def _fill(work: Work, steps: int, users: int) -> None:
    owners = [new_id() for _ in range(users)]
    rows: list[dict[str, Any]] = [
        {"id": key, "username": key, "password_hash": "", "role": "user", "created_at": 0.0, "use_score": float(place)}
        for place, key in enumerate(owners)
    ]
    _insert(work, Users, iter(rows))
    source = {"kind": "video", "name": "v", "size": 10**7, "sha256": "", "content_type": "video/mp4", "width": 1280}
    source |= {"height": 720, "frames": 12_000, "duration": 500.0, "fps": 24.0, "facts": {}}
    _insert(work, Media, ({**source, "id": key, "user_id": key, "created_at": 0, "last_used_at": 0} for key in owners))
    for place in range(NODES + 1):
        _node(work, busy=place == NODES)
    tasks = [(new_id(), owners[place % users], _model(place)) for place in range(max(1, steps // STEPS_OF_TASK))]
    task = {"kind": "video", "state": "waiting", "outputs": ["composite"], "options": {}, "created_at": 0.0}
    _insert(work, Tasks, ({**task, "id": key, "user_id": of, "source_id": of, "model": m} for key, of, m in tasks))
    _insert(work, Steps, (_step(*tasks[place % len(tasks)], place // len(tasks)) for place in range(steps)))
    for _, owner, model in tasks:
        waits.note(work, owner, model, 1, 0)


def _model(place: int) -> str:
    return NOBODYS if place % 10 == 0 else MODELS[place % 2]


def _step(task_id: str, user_id: str, model: str, place: int) -> dict[str, Any]:
    row = {"id": new_id(), "task_id": task_id, "user_id": user_id, "kind": "segment", "state": "pending", "ord": place}
    return {**row, "model": model, "queued_at": float(place), "frames": 240, "plan": None}


def _node(work: Work, busy: bool) -> None:
    key = new_id()
    row = {"id": key, "name": "node", "admission": "approved", "online": True, "lane": "push", "slots": 2}
    row |= {"gpus": [], "loads": [], "created_at": 0.0, "draining": busy}
    _insert(work, Interfaces, iter([row]))
    offers = [{"interface_id": key, "model": name, "provider": "CPU", "warm": True, "speed_fps": 50} for name in MODELS]
    _insert(work, InterfaceModels, iter(offers))


def _insert(work: Work, kind: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row_of(kind, row))
        if len(chunk) == CHUNK:
            work.execute(insert(table(kind)), chunk)
            chunk = []
    if chunk:
        work.execute(insert(table(kind)), chunk)


if __name__ == "__main__":
    main()
