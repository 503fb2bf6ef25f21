"""What a committed unit tells the rest of the program: small facts, sent after the commit and never before."""

from dataclasses import dataclass

from protocol.base import AttemptId, InterfaceId, TaskId, UserId


@dataclass(frozen=True, slots=True)
class TaskChanged:
    """A task moved or progressed; `seq` is its newest event, None when only numbers changed."""

    task_id: TaskId
    user_id: UserId
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """A step became pending or a slot became free: look for a match."""


@dataclass(frozen=True, slots=True)
class AttemptReported:
    """A node says that it finished; its bytes wait for the verifier."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class AttemptStopping:
    """A node works on something that nobody wants any more: tell it now."""

    attempt_id: AttemptId
    interface_id: InterfaceId


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Whatever was remembered about this attempt can be forgotten."""

    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class InterfaceChanged:
    """A node joined, left, or has other rights, secrets or words than before."""

    interface_id: InterfaceId


@dataclass(frozen=True, slots=True)
class FilesUnwanted:
    """A task was removed; its files can go."""

    task_id: TaskId


@dataclass(frozen=True, slots=True)
class PartUnwanted:
    """What one attempt made is not wanted any more; its task may have new work already."""

    task_id: TaskId
    step_id: str
    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class MediaUnwanted:
    """An upload was removed; its files can go."""

    media_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class WebhookDue:
    """A message to a receiver may be sent now."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What another replica committed, by ids: tasks with new events, tasks whose numbers changed, nodes, the queue."""

    moved: tuple[str, ...] = ()
    progress: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    queue: bool = False


News = (
    TaskChanged
    | QueueChanged
    | AttemptReported
    | AttemptStopping
    | AttemptEnded
    | InterfaceChanged
    | FilesUnwanted
    | PartUnwanted
    | MediaUnwanted
    | WebhookDue
    | Elsewhere
)
