"""Joining, living and leaving: register, heartbeat, next, leave."""

from typing import Annotated, Literal

from pydantic import AnyHttpUrl, Field, UrlConstraints

from protocol.base import (
    AttemptId,
    Count,
    Identifier,
    InterfaceId,
    ModelName,
    NodeId,
    Rate,
    Seconds,
    ShortText,
    WireModel,
)
from protocol.states import Admission, Lane
from protocol.work import Assignment

Address = Annotated[AnyHttpUrl, UrlConstraints(max_length=500)]
Health = Literal["healthy", "unhealthy"]


class NodeModel(WireModel):
    """A model that a node can run. `speed_fps` is measured, at the model's own size; `commercial` says whether the
    licence of its weights allows commercial use, null when the node does not know."""

    name: ModelName
    title: str = Field(default="", max_length=200)
    licence: str = Field(default="", max_length=100)
    commercial: bool | None = None
    provider: str = Field(max_length=40)
    warm: bool = False
    speed_fps: Rate | None = None


class Gpu(WireModel):
    """A card as a node sees it at start."""

    index: int = Field(ge=0, le=255)
    name: ShortText
    vram_mb: Count


class GpuLoad(WireModel):
    """A card's state in a heartbeat: `util` in percent, memory in MiB."""

    index: int = Field(ge=0, le=255)
    util: float = Field(ge=0, le=100)
    vram_used_mb: Count
    temperature_c: float | None = Field(default=None, ge=-100, le=300)


class HeldAttempt(WireModel):
    """An attempt that a node still holds, also when only its outcome waits in the outbox."""

    attempt_id: AttemptId
    frames_done: Count = 0
    outcome_pending: bool = False


class Register(WireModel):
    """`POST /api/v1/interfaces/register`."""

    node_id: NodeId = Field(pattern=r"^[0-9a-f-]{36}$")
    boot_id: Identifier
    name: str = Field(min_length=1, max_length=100)
    address: Address | None = None
    software_version: str = Field(max_length=40)
    protocol_version: int = Field(ge=0, le=10_000)
    slots: int = Field(ge=1, le=64)
    models: tuple[NodeModel, ...] = Field(max_length=200)
    gpus: tuple[Gpu, ...] = Field(default=(), max_length=64)
    attempts: tuple[HeldAttempt, ...] = Field(default=(), max_length=256)


class Registered(WireModel):
    """The answer to `register`; `server_time` in Unix seconds, because nodes own no clock."""

    interface_id: InterfaceId
    secret: str = Field(repr=False)
    heartbeat_interval_s: Seconds
    lease_s: Seconds
    admission: Admission
    lane: Lane
    server_time: float
    storage_origins: tuple[str, ...] = ()


class Heartbeat(WireModel):
    """`POST /api/v1/interfaces/heartbeat`, every minute; with work at least every `lease_s` / 3."""

    interface_id: InterfaceId
    boot_id: Identifier
    seq: Count
    health: Health = "healthy"
    draining: bool = False
    attempts: tuple[HeldAttempt, ...] = Field(default=(), max_length=256)
    gpus: tuple[GpuLoad, ...] = Field(default=(), max_length=64)
    disk_free_mb: Count | None = None
    models: tuple[NodeModel, ...] | None = Field(default=None, max_length=200)


class CancelCommand(WireModel):
    """Stop this attempt."""

    command: Literal["cancel"] = "cancel"
    attempt_id: AttemptId


class Drain(WireModel):
    """Take nothing new; finish what fits before the deadline."""

    deadline_s: Seconds


class HeartbeatReply(WireModel):
    """What a node must do now."""

    commands: tuple[CancelCommand, ...] = ()
    admission: Admission
    lane: Lane
    drain: Drain | None = None
    unknown_attempts: tuple[AttemptId, ...] = ()
    next_heartbeat_s: Seconds
    server_time: float


class Next(WireModel):
    """`POST /api/v1/interfaces/next`: the pull lane's long poll.

    `free_slots` bounds the segments and images of the answer, `light_slots` its `assemble` steps: those need no
    accelerator, so that a node whose slots are all taken still asks for one.
    """

    interface_id: InterfaceId
    boot_id: Identifier
    seq: Count
    free_slots: int = Field(ge=0, le=64)
    light_slots: int = Field(default=0, ge=0, le=1)
    wait_s: float = Field(default=25, ge=0, le=25)
    attempts: tuple[HeldAttempt, ...] = Field(default=(), max_length=256)


class NextReply(WireModel):
    """Work, commands, or neither after `wait_s`."""

    assignments: tuple[Assignment, ...] = ()
    commands: tuple[CancelCommand, ...] = ()
    lane: Lane
    server_time: float


class Leave(WireModel):
    """`POST /api/v1/interfaces/leave`: offline at once."""

    interface_id: InterfaceId
    boot_id: Identifier


class Identity(WireModel):
    """The answer to `GET {address}/identity?nonce=`; `proof` is HMAC-SHA256(secret, nonce) in hex."""

    node_id: NodeId
    boot_id: str
    proof: str
