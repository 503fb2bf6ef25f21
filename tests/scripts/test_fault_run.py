"""The fault run on real processes: its schedule, its books, its network, its database, and a short run."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from scripts.faults import run
from scripts.faults.real import ledger
from scripts.faults.real.ledger import Ledger
from scripts.faults.real.people import Wish
from scripts.faults.real.postgres import Postgres
from scripts.faults.real.proxy import Network
from scripts.faults.real.weather import COORDINATOR, schedule
from scripts.refusal import Refusal
from tests.fakes.node import Asked, answer, fake_node

SHORT_S = 8.0
Row = dict[str, Any]


def test_a_seed_names_one_schedule_with_enough_kills_and_freezes() -> None:
    first, again, other = (list(schedule(seed, 300.0, 3, database=True, disk=True)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sum(fault.kind in {"kill", "freeze"} for fault in first) >= 30
    assert {fault.party for fault in first} == {COORDINATOR, 0, 1, 2}
    plain = schedule(1, 300.0, 3, database=False, disk=False)
    assert {fault.kind for fault in plain} == {"kill", "freeze", "restart", "network"}


def wish(task_id: str | None, state: str, **more: Any) -> Wish:
    """One that was told so."""
    return Wish(id=task_id, state=state, **more)


def test_the_books_find_what_was_lost_doubled_or_went_wrong() -> None:
    good = [wish("a", "completed"), wish("b", "cancelled", may_cancel=True)]
    assert list(ledger.unanswered(good, [{"id": "a"}, {"id": "b"}])) == []
    assert list(ledger.unanswered(good, [{"id": "a"}])) == ["task b was accepted and is not there"]
    doubled = list(ledger.unanswered(good, [{"id": "a"}, {"id": "b"}, {"id": "c"}]))
    assert doubled == ["task c is there although nobody asked for it (twice)"]
    bad = [wish("a", "failed"), wish("b", "cancelled"), wish("c", "completed", fell=True)]
    words = list(ledger.unanswered(bad, [{"id": "a"}, {"id": "b"}, {"id": "c"}]))
    assert words == ["task a ended as failed", "task b ended as cancelled", "the progress of task c fell"]


def books(*attempts: Row, step: Row | None = None) -> dict[str, list[Row]]:
    """One completed task with one step."""
    first = {"id": "s", "task_id": "t", "ord": 0, "kind": "segment", "state": "done", "winner": "x", "frames": 10}
    rows = [{"step_id": "s", "task_id": "t", "frames_done": 10, **one} for one in attempts]
    tasks = [{"id": "t", "state": "completed"}]
    return {"tasks": tasks, "steps": [first | (step or {})], "attempts": rows, "results": []}


def test_the_books_want_every_step_done_once_and_nothing_alive() -> None:
    won = {"id": "x", "state": "completed"}
    assert list(ledger.unsettled(books(won))) == []
    assert list(ledger.unsettled(books(won, {"id": "y", "state": "completed"}))) == [
        "step 0 (segment) of task t was completed 2 times"
    ]
    assert list(ledger.unsettled(books(won, {"id": "y", "state": "running"}))) == ["attempt y is still running"]
    undone = list(ledger.unsettled(books(won, step={"state": "running", "winner": None})))
    assert undone == ["step 0 (segment) of task t is running in a completed task"]


def test_lost_frames_count_as_waste_and_lost_races_do_not() -> None:
    rows = books(
        {"id": "x", "state": "completed"},
        {"id": "lost", "state": "lost", "frames_done": 7},
        {"id": "outrun", "state": "cancelled", "frames_done": 9},
    )
    found = Ledger()
    ledger.weigh(found, rows, set(), 1)
    assert (found.wasted_frames, found.wasted_attempts, found.wrong) == (7, 1, [])
    ledger.weigh(found, rows, set(), 0)
    assert found.wrong == ["14 frames were wasted; 0 faults may cost 0"]


async def test_a_cut_direction_loses_bytes_and_a_closed_way_refuses() -> None:
    async def reply(_asked: Asked) -> bytes:
        return answer(200, {})

    async with fake_node(reply) as node:
        with Network() as network:
            proxy = await asyncio.to_thread(network.proxy, node.port)
            async with httpx.AsyncClient(base_url=proxy.url, timeout=0.5) as client:
                assert (await client.get("/")).status_code == 200
                proxy.mode = "no answers"
                with pytest.raises(httpx.TimeoutException):
                    await client.get("/heard")
                assert node.asked[-1].path == "/heard"
                proxy.mode = "no requests"
                with pytest.raises(httpx.TimeoutException):
                    await client.get("/unheard")
                assert node.asked[-1].path == "/heard"
                proxy.mode = "closed"
                with pytest.raises(httpx.TransportError):
                    await client.get("/")
                proxy.mode = "pass"
                assert (await client.get("/")).status_code == 200


def test_a_database_of_our_own_crashes_and_comes_back_with_what_was_committed() -> None:
    try:
        cluster = Postgres()
    except Refusal as why:
        pytest.skip(str(why))
    with cluster:
        engine = create_engine(cluster.url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 1 AS one"))
        cluster.crash()
        with pytest.raises(OperationalError):
            engine.connect()
        cluster.start()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT one FROM kept")).scalar() == 1


@pytest.mark.timeout(400)
def test_a_short_run_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    found = run.run(tmp_path, SHORT_S, nodes=2, seed=4, postgres=False, quiet=True)
    assert found.wrong == []
    assert found.tasks["completed"] > 0
