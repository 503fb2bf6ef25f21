"""Messages of `WS /api/v1/ws`: one authentication message in, then events out."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from protocol.base import Count, RequestModel, WireModel


class Authenticate(RequestModel):
    """The first message, so that no token ever stands in a URL. `since` asks for what happened after that `seq`."""

    type: Literal["auth"]
    token: str = Field(max_length=4096, repr=False)
    since: Count | None = None


class Hello(WireModel):
    """Authentication worked; events after `seq` follow."""

    type: Literal["hello"] = "hello"
    seq: Count


class ObjectEvent(WireModel):
    """Something changed; `object` is the REST object as it is now."""

    type: Literal["task", "interface", "upload"]
    seq: Count
    at: str
    object: dict[str, Any]


class Resync(WireModel):
    """Events were missed that cannot be replayed: read the lists again."""

    type: Literal["resync"] = "resync"


class Ping(WireModel):
    """Sent every 20 s, so that both sides notice a dead connection."""

    type: Literal["ping"] = "ping"


LiveMessage = Annotated[Hello | ObjectEvent | Resync | Ping, Field(discriminator="type")]
LIVE_MESSAGE: TypeAdapter[LiveMessage] = TypeAdapter(LiveMessage)
