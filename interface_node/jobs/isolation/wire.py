"""What a node and its worker process say to each other: a length, JSON, and bytes where a source is read.

The node trusts no length and no path that a worker announces: a file may have taken it over.
"""

import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from interface_node.jobs.work import Order, Progress, Result
from interface_node.pipeline.joint import PartFile
from protocol.interfaces import NodeModel
from protocol.states import Output
from protocol.work import Assignment

MOST_READ: Final = 1 << 20
_HEAD: Final = struct.Struct(">II")
_MOST_JSON: Final = 16 << 20
_BLANK: Final = "-" * 16


class Hangup(Exception):
    """The other side is gone, or does not keep to the form; the words say which."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Run(_Message):
    """Node to worker: an order. `source` is a path, or a name whose bytes are asked for; `size` is theirs."""

    say: Literal["run"] = "run"
    assignment: Assignment
    source: Path | str
    remote: bool
    size: int
    background: Path | None
    directory: Path
    slot: int
    parts: Mapping[Output, tuple[PartFile, ...]]


class Cancel(_Message):
    """Node to worker: stop what runs."""

    say: Literal["cancel"] = "cancel"


class Bytes(_Message):
    """Node to worker: the bytes behind this message are those that were asked for, unless `failed`."""

    say: Literal["bytes"] = "bytes"
    failed: bool = False


class Ready(_Message):
    """Worker to node: everything is imported."""

    say: Literal["ready"] = "ready"


class Reading(_Message):
    """Worker to node: what is needed is loaded; from now on the file is read."""

    say: Literal["reading"] = "reading"


class Progressed(_Message):
    """Worker to node: how far it is."""

    say: Literal["progressed"] = "progressed"
    progress: Progress


class Read(_Message):
    """Worker to node: bytes of the source that are wanted now."""

    say: Literal["read"] = "read"
    offset: int = Field(ge=0)
    size: int = Field(ge=0)


class Finished(_Message):
    """Worker to node: the order is done; `models` with what is warm now and how fast it was."""

    say: Literal["finished"] = "finished"
    result: Result
    models: tuple[NodeModel, ...]


class Failed(_Message):
    """Worker to node: a NodeError by its code, or `internal`."""

    say: Literal["failed"] = "failed"
    code: str = Field(max_length=64)
    detail: str = Field(max_length=4000)


ToWorker = Run | Cancel | Bytes
ToNode = Ready | Reading | Progressed | Read | Finished | Failed
TO_WORKER: Final[TypeAdapter[ToWorker]] = TypeAdapter(Annotated[ToWorker, Field(discriminator="say")])
TO_NODE: Final[TypeAdapter[ToNode]] = TypeAdapter(Annotated[ToNode, Field(discriminator="say")])


def order(run: Order) -> Run:
    """An order as it travels: without the token and the addresses, for which a worker has no use."""
    bare = run.assignment.model_copy(
        update={"attempt_token": _BLANK, "upload_urls": {}, "callback_url": "http://nowhere.invalid"}
    )
    source = run.source
    local = isinstance(source, Path)
    return Run(
        assignment=bare,
        source=source if isinstance(source, Path) else source.name,
        remote=not local,
        size=0 if isinstance(source, Path) else source.size,
        background=run.background,
        directory=run.directory,
        slot=run.slot,
        parts=run.parts,
    )


def send(link: socket.socket, message: ToWorker | ToNode, data: bytes = b"") -> None:
    """Hangup when the other side is gone."""
    text = message.model_dump_json().encode()
    try:
        link.sendall(_HEAD.pack(len(text), len(data)) + text + data)
    except OSError as error:
        raise Hangup("it does not listen any more") from error


def receive_text(link: socket.socket) -> tuple[bytes, bytes]:
    """One message, unread, and the bytes behind it. Hangup, also when it is longer than any true one."""
    text, data = _HEAD.unpack(_exactly(link, _HEAD.size))
    if text > _MOST_JSON or data > MOST_READ:
        raise Hangup("it announced a message longer than any true one")
    return _exactly(link, text), _exactly(link, data)


def from_worker(text: bytes) -> ToNode:
    """What a worker says. Hangup for nonsense."""
    try:
        return TO_NODE.validate_json(text)
    except ValidationError as error:
        raise Hangup("it said nonsense") from error


def _exactly(link: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        try:
            piece = link.recv(min(length - len(data), 1 << 20))
        except TimeoutError as error:
            raise Hangup("it stopped in the middle of a message") from error
        except OSError as error:
            raise Hangup("its line broke") from error
        if not piece:
            raise Hangup("it closed its line")
        data += piece
    return bytes(data)
