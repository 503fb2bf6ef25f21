"""The socket: one message in, then every move of one's own tasks as the REST object."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import Json, Start
from tests.system.coordinator import PASSWORD, Client, Coordinator

SECONDS = 20.0


@contextmanager
def live(coordinator: Coordinator, token: str, **more: int) -> Iterator[ClientConnection]:
    """A socket that said who it is."""
    with connect(f"ws://127.0.0.1:{coordinator.port}/api/v1/ws", proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": token, **more}))
        yield socket


def heard(socket: ClientConnection) -> Json:
    """The next message."""
    return dict(json.loads(socket.recv(SECONDS)))


def hello(socket: ClientConnection) -> int:
    """The number from which on events come."""
    message = heard(socket)
    assert message["type"] == "hello"
    return int(message["seq"])


def until_state(socket: ClientConnection, task_id: str, state: str) -> Json:
    """Read until the task is in a state."""
    while True:
        message = heard(socket)
        if message["type"] == "task" and message["object"]["id"] == task_id and message["object"]["state"] == state:
            return message


def to_the_end(socket: ClientConnection) -> tuple[list[Json], ConnectionClosed]:
    """What is said until the other side closes, and how it does."""
    said: list[Json] = []
    while True:
        try:
            said.append(heard(socket))
        except ConnectionClosed as closed:
            return said, closed


def test_every_move_of_a_task_arrives_as_its_rest_object(coordinator: Coordinator, user: Client, start: Start) -> None:
    with live(coordinator, user.token) as socket:
        seq = hello(socket)
        task_id = start()
        message = until_state(socket, task_id, "waiting")
        assert message["seq"] > seq
        assert message["at"].endswith("Z")
        assert set(message["object"]) == set(user.task(task_id))
        user.put(f"/tasks/{task_id}/cancel")
        assert until_state(socket, task_id, "cancelled")["seq"] >= message["seq"]


def test_what_happened_since_a_number_is_told_again(coordinator: Coordinator, user: Client, start: Start) -> None:
    with live(coordinator, user.token) as socket:
        seq = hello(socket)
    task_id = start()
    user.put(f"/tasks/{task_id}/pause")
    with live(coordinator, user.token, since=seq) as socket:
        assert hello(socket) >= seq
        assert until_state(socket, task_id, "paused")["seq"] > seq


def test_others_tasks_are_not_told(
    coordinator: Coordinator, stranger: Client, user: Client, admin: Client, start: Start
) -> None:
    with live(coordinator, stranger.token, since=0) as ours, live(coordinator, admin.token) as all_of_them:
        hello(ours)
        hello(all_of_them)
        task_id = start()
        until_state(all_of_them, task_id, "waiting")
        mine = stranger.post("/tasks", json={}).json()["id"]
        told = until_state(ours, mine, "idle")
        assert told["object"]["id"] == mine
        stranger.delete(f"/tasks/{mine}")
        assert until_state(ours, mine, "cancelled")
    assert user.task(task_id)["state"] == "waiting"


@pytest.mark.parametrize(
    ("first", "code"), [('{"type": "auth", "token": "wrong"}', 4401), ('{"type": "auth"}', 4401), ("no json", 4400)]
)
def test_a_wrong_first_message_closes_the_socket(coordinator: Coordinator, first: str, code: int) -> None:
    with connect(f"ws://127.0.0.1:{coordinator.port}/api/v1/ws", proxy=None) as socket:
        socket.send(first)
        said, closed = to_the_end(socket)
    assert said == []
    assert closed.rcvd is not None
    assert closed.rcvd.code == code


def test_a_binary_first_message_closes_the_socket(coordinator: Coordinator) -> None:
    with connect(f"ws://127.0.0.1:{coordinator.port}/api/v1/ws", proxy=None) as socket:
        socket.send(b"\x00\x01")
        assert to_the_end(socket)[0] == []


def test_a_changed_password_ends_the_socket_with_the_next_event(coordinator: Coordinator) -> None:
    with coordinator.account("leaves-the-socket") as client, live(coordinator, client.token) as socket:
        hello(socket)
        body = {"current_password": PASSWORD, "new_password": "a wholly different password"}
        assert client.post("/auth/password", json=body).is_success
        with coordinator.client(coordinator.login("leaves-the-socket", body["new_password"])) as again:
            again.post("/tasks", json={})
            said, closed = to_the_end(socket)
    assert {message["type"] for message in said} <= {"ping"}
    assert closed.rcvd is not None
    assert closed.rcvd.code == 4401
