"""Two coordinators on one PostgreSQL: what one of them commits reaches the sockets of the other."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from websockets.sync.client import ClientConnection, connect

from coordinator.store.database import make_engine
from coordinator.store.schema import metadata
from tests.contract.test_live import heard, hello, until_state
from tests.system.coordinator import Coordinator
from tests.system.patience import until

LISTENING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
SECONDS = 30.0


@pytest.fixture(scope="module")
def replicas(shared_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Coordinator]]:
    """Both, after they have found the channel; they leave the database empty."""
    with ExitStack() as stack:
        keys = {"DATABASE_URL": shared_postgres_url, "MAX_WORKERS": "1"}
        pair = [stack.enter_context(Coordinator(tmp_path_factory.mktemp("replica"), **keys)) for _ in range(2)]
        until(lambda: len(pair[0].rows(LISTENING)) == 2, SECONDS, "both listen to each other")
        yield pair
    engine = make_engine(shared_postgres_url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()


@contextmanager
def live(coordinator: Coordinator, token: str, **more: int) -> Iterator[ClientConnection]:
    """A socket that said who it is."""
    with connect(f"ws://127.0.0.1:{coordinator.port}/api/v1/ws", proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": token, **more}))
        yield socket


def test_what_one_replica_commits_reaches_the_sockets_of_the_other(replicas: list[Coordinator]) -> None:
    here, there = replicas
    with here.administrator() as admin, live(there, admin.token) as socket:
        seq = hello(socket)
        task_id = admin.post("/tasks", json={}).json()["id"]
        created = until_state(socket, task_id, "idle")
        assert created["seq"] > seq
        admin.put(f"/tasks/{task_id}/cancel")
        assert until_state(socket, task_id, "cancelled")["seq"] > created["seq"]


def test_a_socket_comes_back_to_another_replica_and_misses_nothing(replicas: list[Coordinator]) -> None:
    here, there = replicas
    with here.administrator() as admin:
        with live(here, admin.token) as socket:
            seq = hello(socket)
            first = admin.post("/tasks", json={}).json()["id"]
            seen = until_state(socket, first, "idle")["seq"]
        second = admin.post("/tasks", json={}).json()["id"]
        with live(there, admin.token, since=seen) as socket:
            assert hello(socket) == seen > seq
            assert heard(socket)["object"]["id"] == second


def test_without_the_channel_a_replica_looks_for_itself(replicas: list[Coordinator]) -> None:
    here, there = replicas
    with here.administrator() as admin, live(there, admin.token) as socket:
        hello(socket)
        cut = here.rows(LISTENING.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"))
        assert len(cut) >= 2
        task_id = admin.post("/tasks", json={}).json()["id"]
        assert until_state(socket, task_id, "idle")
    until(lambda: len(here.rows(LISTENING)) == 2, SECONDS, "both listen to each other again")
