"""Messages of `WS /api/v1/ws`, both ways, and the codes that it is closed with."""

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from protocol.base import Count, RequestModel, WireModel


class Topic(StrEnum):
    """What a socket can be told; all but `tasks` are for administrators."""

    TASKS = "tasks"
    ALL_TASKS = "all_tasks"
    INTERFACES = "interfaces"
    QUEUE = "queue"


class Close(IntEnum):
    """Why a socket is closed; the reason beside the code says more. `GONE`: the client left."""

    GONE = 1000
    LATER = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SILENT = 4408
    TOO_MANY = 4429
    SLOW_READER = 4430


class Subscribe(RequestModel):
    """Tell me what happened after the number `since`, or from now on. Without topics: one's own tasks, for an
    administrator everybody's."""

    type: Literal["subscribe"]
    since: Count | None = None
    topics: tuple[Topic, ...] | None = Field(default=None, max_length=len(Topic))


class Authenticate(RequestModel):
    """The first message, so that no token ever stands in a URL. Without a token the page's cookie counts. Subscribes,
    too."""

    type: Literal["auth"]
    token: str | None = Field(default=None, max_length=4096, repr=False)
    since: Count | None = None
    topics: tuple[Topic, ...] | None = Field(default=None, max_length=len(Topic))


class Knock(RequestModel):
    """Is anybody there? Answered by `Pong`."""

    type: Literal["ping"]


class Alive(RequestModel):
    """The answer to `Ping`."""

    type: Literal["pong"]


Asked = Annotated[Authenticate | Subscribe | Knock | Alive, Field(discriminator="type")]
ASKED: TypeAdapter[Asked] = TypeAdapter(Asked)
"""What a client says."""


class Hello(WireModel):
    """Subscribed; every event after `seq` follows."""

    type: Literal["hello"] = "hello"
    seq: Count


class TaskEvent(WireModel):
    """Something happened to a task, or without `seq` only its numbers moved; `object` is the REST object as it is."""

    type: Literal["task"] = "task"
    seq: Count | None
    at: str
    kind: str
    data: dict[str, Any]
    object: dict[str, Any]


class FleetEvent(WireModel):
    """A node or the queue, for administrators: `object` is what REST shows."""

    type: Literal["interface", "queue"]
    seq: None = None
    at: str
    object: dict[str, Any]


class Resync(WireModel):
    """What happened after `since` is not told again: read the lists. Events after `seq` follow."""

    type: Literal["resync"] = "resync"
    seq: Count
    reason: Literal["too_old", "unknown"]


class Ping(WireModel):
    """Sent when nothing else was said for a while, so that both sides notice a dead connection; wants a `pong`."""

    type: Literal["ping"] = "ping"


class Pong(WireModel):
    """The answer to a client's `ping`."""

    type: Literal["pong"] = "pong"


LiveMessage = Annotated[Hello | TaskEvent | FleetEvent | Resync | Ping | Pong, Field(discriminator="type")]
LIVE_MESSAGE: TypeAdapter[LiveMessage] = TypeAdapter(LiveMessage)
"""What the coordinator says."""
