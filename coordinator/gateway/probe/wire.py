"""The two messages between the pool and a worker: a request with a descriptor, and an answer with two blobs.

Both sides read exactly what was announced; the pool trusts no length that a worker, perhaps taken over, announces.
"""

import json
import socket
import struct
from typing import Any, Final, NamedTuple

from coordinator.clock import monotonic

_REQUEST: Final = struct.Struct(">I")
_ANSWER: Final = struct.Struct(">III")
_MOST: Final = (1 << 20, 16 << 20, 4 << 20)
READY: Final = b"R"


class Answer(NamedTuple):
    """`body` is plain JSON; `pts` is packed timestamps; `picture` is a JPEG. Blobs may be empty."""

    body: dict[str, Any]
    pts: bytes = b""
    picture: bytes = b""


class Hangup(Exception):
    """The other side is gone, or does not keep to the form."""


def send_request(link: socket.socket, request: dict[str, Any], descriptor: int) -> None:
    """Pool to worker: what to do with the file behind the descriptor."""
    data = json.dumps(request).encode()
    socket.send_fds(link, [_REQUEST.pack(len(data)) + data], [descriptor])


def receive_request(link: socket.socket) -> tuple[dict[str, Any], int] | None:
    """In the worker; None when the pool has closed."""
    data, descriptors, _flags, _address = socket.recv_fds(link, 4096, 1)
    if not data or not descriptors:
        return None
    (length,) = _REQUEST.unpack_from(data)
    data = data[_REQUEST.size :]
    data += _receive(link, length - len(data))
    return json.loads(data), descriptors[0]


def send_answer(link: socket.socket, answer: Answer) -> None:
    """Worker to pool."""
    body = json.dumps(answer.body).encode()
    link.sendall(_ANSWER.pack(len(body), len(answer.pts), len(answer.picture)) + body + answer.pts + answer.picture)


def receive_answer(link: socket.socket, deadline: float) -> Answer:
    """In the pool, until `deadline` (monotonic seconds). Hangup: the worker died or lies; TimeoutError."""
    lengths = _ANSWER.unpack(_receive(link, _ANSWER.size, deadline))
    if any(length > most for length, most in zip(lengths, _MOST, strict=True)):
        raise Hangup("the answer is too long")
    body, pts, picture = (_receive(link, length, deadline) for length in lengths)
    try:
        values = json.loads(body)
    except ValueError as error:
        raise Hangup("the answer is not JSON") from error
    if not isinstance(values, dict):
        raise Hangup("the answer is not an object")
    return Answer(values, pts, picture)


def _receive(link: socket.socket, length: int, deadline: float | None = None) -> bytes:
    data = bytearray()
    while len(data) < length:
        if deadline is not None:
            link.settimeout(max(0.001, deadline - monotonic()))
        piece = link.recv(min(length - len(data), 1 << 20))
        if not piece:
            raise Hangup("closed")
        data += piece
    return bytes(data)
