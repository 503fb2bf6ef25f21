"""State names, in lower case as they travel and as they are stored."""

from enum import StrEnum


class TaskState(StrEnum):
    """What a user asked for, from the first click to the result."""

    IDLE = "idle"
    SELECTING_SOURCE = "selecting_source"
    SOURCE_SELECTED = "source_selected"
    READY = "ready"
    WAITING = "waiting"
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """The smallest assignable piece of a task."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class AttemptState(StrEnum):
    """One step given to one node once."""

    OFFERED = "offered"
    RUNNING = "running"
    REPORTED = "reported"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    LOST = "lost"
    RELEASED = "released"
    CANCELLED = "cancelled"


class Admission(StrEnum):
    """Whether an administrator lets a node work."""

    PENDING = "pending"
    APPROVED = "approved"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"


class Lane(StrEnum):
    """How work reaches a node: the coordinator calls it, or it asks."""

    PUSH = "push"
    PULL = "pull"


class StepKind(StrEnum):
    """What a step does."""

    SEGMENT = "segment"
    ASSEMBLE = "assemble"
    IMAGE = "image"


class Output(StrEnum):
    """What a task can produce."""

    COMPOSITE = "composite"
    MASK = "mask"
    FOREGROUND = "foreground"


class Role(StrEnum):
    """What an account may do."""

    USER = "user"
    ADMIN = "admin"


class ErrorClass(StrEnum):
    """Whose fault a failed attempt is."""

    INPUT = "input"
    UNSUPPORTED = "unsupported"
    RESOURCES = "resources"
    NODE = "node"
    INTERNAL = "internal"
