"""What a node says about an attempt: callbacks, and the pieces of an artifact."""

from typing import Literal

from pydantic import Field

from protocol.base import AttemptId, Count, Identifier, LongText, Rate, Seconds, Sha256, WireModel
from protocol.states import ErrorClass, Output

CallbackKind = Literal["progress", "completed", "failed", "released", "cancelled"]
Stage = Literal["fetch", "load", "process", "upload", "assemble"]
TERMINAL: frozenset[CallbackKind] = frozenset({"completed", "failed", "released", "cancelled"})
PIECE_BYTES = 8 * 1024 * 1024
"""Largest piece of an artifact: proxies in front of rented machines cut longer bodies."""


class NodeError(WireModel):
    """Why an attempt failed. `code` is stable, `detail` is for people and never trusted as markup."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    detail: LongText = ""
    error_class: ErrorClass
    retryable: bool = True


class Artifact(WireModel):
    """An uploaded file as the node made it. `duration` in seconds; `frames` 1 for a still."""

    output: Output
    sha256: Sha256
    size: Count
    frames: Count
    duration: Seconds = 0.0
    extradata_sha256: Sha256 | None = None
    first_pts: int | None = None
    last_pts: int | None = None


class Callback(WireModel):
    """`POST callback_url`: about once a second from the 202 to the acknowledged end, whatever the stage.

    `done` and `total` count the stage's own unit (bytes, frames, packets). A `seq` not above the last one changes
    nothing.
    """

    attempt_id: AttemptId
    boot_id: Identifier
    seq: Count
    kind: CallbackKind
    stage: Stage = "process"
    done: Count = 0
    total: Count = 0
    frames_done: Count = 0
    frames_total: Count = 0
    fps: Rate | None = None
    provider: str | None = Field(default=None, max_length=40)
    message: LongText = ""
    error: NodeError | None = None
    artifacts: tuple[Artifact, ...] = Field(default=(), max_length=8)


class CallbackReply(WireModel):
    """`cancel` means: stop, report `cancelled`, drop what you made."""

    command: Literal["continue", "cancel"]


class PieceReply(WireModel):
    """How many bytes of an artifact are durable; the next piece starts there."""

    received: Count
