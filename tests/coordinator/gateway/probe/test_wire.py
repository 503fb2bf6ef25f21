"""The pool believes nothing that a worker announces."""

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.clock import monotonic
from coordinator.gateway.probe import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The pool's end and the worker's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_request_arrives_with_its_file(pair: Pair, tmp_path: Path) -> None:
    ours, theirs = pair
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        wire.send_request(ours, {"do": "video", "cpu_s": 1.5}, file.fileno())
    received = wire.receive_request(theirs)
    assert received is not None
    request, descriptor = received
    assert request == {"do": "video", "cpu_s": 1.5}
    assert os.read(descriptor, 100) == b"content"
    os.close(descriptor)


def test_a_pool_that_is_gone_ends_the_worker(pair: Pair) -> None:
    ours, theirs = pair
    ours.close()
    assert wire.receive_request(theirs) is None


def test_an_answer_arrives_whole(pair: Pair) -> None:
    ours, theirs = pair
    answer = wire.Answer({"kind": "video"}, b"p" * 300_000, b"j" * 300_000)
    sender = threading.Thread(target=wire.send_answer, args=(theirs, answer))
    sender.start()
    assert wire.receive_answer(ours, monotonic() + 10) == answer
    sender.join()


@pytest.mark.parametrize(
    "said",
    [
        struct.pack(">III", 1 << 30, 0, 0),
        struct.pack(">III", 2, 1 << 30, 0),
        struct.pack(">III", 3, 0, 0) + b"{]}",
        struct.pack(">III", 4, 0, 0) + b"\xff\xff\xff\xff",
        struct.pack(">III", 2, 0, 0) + b"[]",
        struct.pack(">III", 2, 5, 0) + b"{}ab",
        b"short",
        b"",
    ],
)
def test_an_answer_out_of_form_is_a_hangup(pair: Pair, said: bytes) -> None:
    ours, theirs = pair
    theirs.sendall(said)
    theirs.close()
    with pytest.raises(wire.Hangup):
        wire.receive_answer(ours, monotonic() + 10)


def test_a_worker_that_drips_does_not_move_the_deadline(pair: Pair) -> None:
    ours, theirs = pair
    body = json.dumps({"kind": "video"}).encode()
    stop = threading.Event()

    def drip() -> None:
        theirs.sendall(struct.pack(">III", len(body), 1 << 20, 0) + body)
        while not stop.wait(0.01):
            theirs.sendall(b"x")

    sender = threading.Thread(target=drip)
    sender.start()
    begun = monotonic()
    with pytest.raises(TimeoutError):
        wire.receive_answer(ours, begun + 0.3)
    assert monotonic() - begun < 5
    stop.set()
    sender.join()
