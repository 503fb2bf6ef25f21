"""The whole database: what people and nodes made is here, the rest in the other `*_tables`.

Times are Unix seconds (DOUBLE); states and kinds are the strings of `protocol.states`; JSON holds what is only ever
read whole. Rows are read through these classes as types, but they are immutable: a state moves by a guarded UPDATE.
`attempts.step_id` has no foreign key because an attempt outlives the steps of a task that is reset.
"""

from sqlalchemy import JSON, BigInteger, Double, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from coordinator.store.queue_tables import Speeds as Speeds
from coordinator.store.queue_tables import Waits as Waits
from coordinator.store.record_tables import Audit as Audit
from coordinator.store.record_tables import Facts as Facts
from coordinator.store.record_tables import Idempotency as Idempotency
from coordinator.store.record_tables import Samples as Samples
from coordinator.store.schema import ID, SEQUENCE, Json, indexes
from coordinator.store.upload_tables import Uploads as Uploads
from coordinator.store.webhook_tables import WebhookDeliveries as WebhookDeliveries
from coordinator.store.webhook_tables import WebhookSecrets as WebhookSecrets


class Users(SQLModel, table=True):
    """Accounts. `version` is raised to end every session; `use_score` is last / half_life + log2(use)."""

    id: str = Field(primary_key=True, max_length=ID)
    username: str = Field(max_length=64, unique=True)
    email: str | None = Field(default=None, max_length=254)
    password_hash: str = Field(max_length=255)
    role: str = Field(max_length=16)
    version: int = 1
    disabled: bool = False
    klass: int = 0
    storage_mb: int | None = None
    max_waiting: int | None = None
    use_score: float = Field(default=0.0, sa_type=Double)
    created_at: float = Field(sa_type=Double)
    last_login_at: float | None = Field(default=None, sa_type=Double)


class ApiKeys(SQLModel, table=True):
    """Long-lived keys of programs; only a digest is kept."""

    __tablename__ = "api_keys"
    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", index=True, max_length=ID)
    name: str = Field(max_length=100)
    prefix: str = Field(max_length=16)
    digest: str = Field(max_length=64, unique=True)
    created_at: float = Field(sa_type=Double)
    last_used_at: float | None = Field(default=None, sa_type=Double)
    expires_at: float | None = Field(default=None, sa_type=Double)


class Media(SQLModel, table=True):
    """Uploaded videos and backgrounds. `facts` is what the probe found (`domain.media.VideoFacts` or `ImageFacts`)."""

    __table_args__ = indexes("user_id kind created_at")
    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", max_length=ID)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=255)
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    content_type: str = Field(max_length=64)
    width: int
    height: int
    frames: int = Field(sa_type=BigInteger)
    duration: float = Field(sa_type=Double)
    fps: float = Field(sa_type=Double)
    facts: Json = Field(sa_type=JSON)
    has_thumbnail: bool = False
    created_at: float = Field(sa_type=Double)
    last_used_at: float = Field(sa_type=Double, index=True)


class Batches(SQLModel, table=True):
    """Tasks that were asked for together."""

    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", index=True, max_length=ID)
    created_at: float = Field(sa_type=Double)


class Tasks(SQLModel, table=True):
    """What a user asked for. `version` is raised to lock the row; `progress` never falls, `frames_done` may."""

    __table_args__ = indexes("user_id created_at", "user_id state", "state created_at", "source_id", "background_id")
    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", max_length=ID)
    batch_id: str | None = Field(default=None, index=True, max_length=ID)
    kind: str = Field(max_length=16)
    state: str = Field(max_length=20)
    version: int = Field(default=0, sa_type=BigInteger)
    source_id: str | None = Field(default=None, max_length=ID)
    source_name: str = Field(default="", max_length=255)
    at_s: float | None = Field(default=None, sa_type=Double)
    background: Json | None = Field(default=None, sa_type=JSON)
    background_id: str | None = Field(default=None, max_length=ID)
    model: str = Field(max_length=64)
    outputs: list[str] = Field(sa_type=JSON)
    options: Json = Field(sa_type=JSON)
    encoding: Json | None = Field(default=None, sa_type=JSON)
    extradata_sha256: str | None = Field(default=None, max_length=64)
    priority: int = 0
    klass: int = 0
    suspect: bool = False
    webhook_url: str | None = Field(default=None, max_length=1000)
    error: Json | None = Field(default=None, sa_type=JSON)
    frames_total: int = Field(default=0, sa_type=BigInteger)
    frames_done: int = Field(default=0, sa_type=BigInteger)
    progress: float = Field(default=0.0, sa_type=Double)
    first_eta_s: float | None = Field(default=None, sa_type=Double)
    created_at: float = Field(sa_type=Double)
    submitted_at: float | None = Field(default=None, sa_type=Double)
    started_at: float | None = Field(default=None, sa_type=Double)
    finished_at: float | None = Field(default=None, sa_type=Double, index=True)
    expires_at: float | None = Field(default=None, sa_type=Double, index=True)
    parts_expire_at: float | None = Field(default=None, sa_type=Double, index=True)


class Steps(SQLModel, table=True):
    """The smallest assignable piece. `ord` is its place in the video, `plan` its `protocol.work.FrameRange`.

    `failures` and `losses` count since submit or retry; `winner` is the attempt whose result counts, written once.
    `lag` is minus the user's own priority, so that the queue's index is read upwards; `held` while the task is paused
    or over; `tries` counts claims since submit or retry; `source_mb` is what must be read of the source.
    """

    __table_args__ = (
        UniqueConstraint("task_id", "kind", "ord"),
        Index("ix_steps_queue", "state", "held", "user_id", "queue_rank", "model", "klass", "lag", "queued_at", "ord"),
    )
    id: str = Field(primary_key=True, max_length=ID)
    task_id: str = Field(foreign_key="tasks.id", max_length=ID)
    user_id: str = Field(max_length=ID)
    kind: str = Field(max_length=16)
    ord: int = 0
    state: str = Field(max_length=16)
    model: str = Field(max_length=64)
    queue_rank: int = 1
    klass: int = 0
    lag: int = 0
    queued_at: float = Field(sa_type=Double)
    not_before: float = Field(default=0.0, sa_type=Double)
    held: bool = False
    tries: int = 0
    source_mb: float = Field(default=0.0, sa_type=Double)
    size_class: int = 0
    disk_mb: int = 0
    plan: Json | None = Field(default=None, sa_type=JSON)
    frames: int = Field(default=0, sa_type=BigInteger)
    failures: int = 0
    losses: int = 0
    winner: str | None = Field(default=None, max_length=ID)
    finished_at: float | None = Field(default=None, sa_type=Double)


class Attempts(SQLModel, table=True):
    """One step given to one node once; its id fences every write that it causes.

    `seq` is the last callback heard, `progress_at` the last time its stage's own counter moved, `outcome` the terminal
    callback as it was accepted, `charge` how its end counted for the step (failure, loss, or nothing), `strike` how it
    counts for the node (`domain.trust.Weight`); `disk_free_mb` was free there at the claim.
    """

    __table_args__ = indexes("state", "interface_id state", "interface_id id", "step_id", "task_id")
    id: str = Field(primary_key=True, max_length=ID)
    step_id: str = Field(max_length=ID)
    task_id: str = Field(max_length=ID)
    interface_id: str = Field(foreign_key="interfaces.id", max_length=ID)
    boot_id: str | None = Field(default=None, max_length=64)
    state: str = Field(max_length=16)
    lane: str = Field(max_length=8)
    user_id: str = Field(default="", max_length=ID)
    light: bool = False
    estimate_s: float = Field(default=0.0, sa_type=Double)
    process_at: float | None = Field(default=None, sa_type=Double)
    seq: int = Field(default=-1, sa_type=BigInteger)
    stage: str = Field(default="", max_length=16)
    stage_done: int = Field(default=0, sa_type=BigInteger)
    stage_total: int = Field(default=0, sa_type=BigInteger)
    frames_done: int = Field(default=0, sa_type=BigInteger)
    fps: float | None = Field(default=None, sa_type=Double)
    provider: str | None = Field(default=None, max_length=40)
    lease_until: float = Field(sa_type=Double)
    progress_at: float = Field(sa_type=Double)
    probation: bool = False
    strike: str | None = Field(default=None, max_length=8)
    disk_free_mb: int | None = Field(default=None, sa_type=BigInteger)
    outcome: Json | None = Field(default=None, sa_type=JSON)
    error: Json | None = Field(default=None, sa_type=JSON)
    charge: str | None = Field(default=None, max_length=16)
    offered_at: float = Field(sa_type=Double)
    started_at: float | None = Field(default=None, sa_type=Double)
    reported_at: float | None = Field(default=None, sa_type=Double)
    ended_at: float | None = Field(default=None, sa_type=Double, index=True)


class Artifacts(SQLModel, table=True):
    """A file that an attempt sends up; `received` is what is durable of `size`, the file's length is the truth."""

    attempt_id: str = Field(primary_key=True, max_length=ID)
    output: str = Field(primary_key=True, max_length=16)
    task_id: str = Field(index=True, max_length=ID)
    step_id: str = Field(max_length=ID)
    size: int = Field(sa_type=BigInteger)
    sha256: str | None = Field(default=None, max_length=64)
    content_type: str = Field(default="", max_length=64)
    created_at: float = Field(sa_type=Double)
    completed_at: float | None = Field(default=None, sa_type=Double)


class Results(SQLModel, table=True):
    """What a completed task offers for download; the row is the switch, no file is renamed for winning."""

    task_id: str = Field(primary_key=True, max_length=ID)
    output: str = Field(primary_key=True, max_length=16)
    step_id: str = Field(max_length=ID)
    attempt_id: str = Field(max_length=ID)
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    content_type: str = Field(max_length=64)
    created_at: float = Field(sa_type=Double)


class Interfaces(SQLModel, table=True):
    """Nodes. Admission, draining and the last sign of life are three independent facts.

    `secret` and `next_secret` are encrypted; `strikes` counts different steps that failed here in a row. Nothing is
    offered before `rest_until`.
    """

    __table_args__ = indexes("admission online")
    id: str = Field(primary_key=True, max_length=ID)
    node_id: str | None = Field(default=None, unique=True, max_length=36)
    name: str = Field(max_length=100)
    address: str | None = Field(default=None, max_length=500)
    expected: bool = False
    secret: str | None = Field(default=None, sa_type=Text)
    next_secret: str | None = Field(default=None, sa_type=Text)
    boot_id: str | None = Field(default=None, max_length=64)
    previous_boot_id: str | None = Field(default=None, max_length=64)
    boot_at: float = Field(default=0.0, sa_type=Double)
    admission: str = Field(max_length=16)
    draining: bool = False
    drain_deadline: float | None = Field(default=None, sa_type=Double)
    online: bool = False
    last_seen: float | None = Field(default=None, sa_type=Double)
    unreachable: bool = False
    health: str = Field(default="healthy", max_length=16)
    lane: str = Field(default="pull", max_length=8)
    slots: int = 1
    claims: int = Field(default=0, sa_type=BigInteger)
    heartbeat_seq: int = Field(default=-1, sa_type=BigInteger)
    gpus: list[Json] = Field(sa_type=JSON)
    loads: list[Json] = Field(sa_type=JSON)
    disk_free_mb: int | None = Field(default=None, sa_type=BigInteger)
    software_version: str = Field(default="", max_length=40)
    protocol_version: int = 1
    strikes: int = 0
    quarantine_level: int = 0
    quarantined_until: float | None = Field(default=None, sa_type=Double)
    rest_until: float = Field(default=0.0, sa_type=Double)
    created_at: float = Field(sa_type=Double)


class InterfaceModels(SQLModel, table=True):
    """Which models a node offers; `measured_fps` is learnt from its own finished steps."""

    __tablename__ = "interface_models"
    interface_id: str = Field(primary_key=True, foreign_key="interfaces.id", max_length=ID)
    model: str = Field(primary_key=True, index=True, max_length=64)
    title: str = Field(default="", max_length=200)
    licence: str = Field(default="", max_length=100)
    commercial: bool | None = None
    provider: str = Field(max_length=40)
    warm: bool = False
    offered: bool = True
    speed_fps: float | None = Field(default=None, sa_type=Double)
    measured_fps: float | None = Field(default=None, sa_type=Double)


class Events(SQLModel, table=True):
    """Moves, in order: what the socket replays and what the event log of a task shows."""

    __table_args__ = indexes("task_id seq", "user_id seq")
    seq: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE)
    at: float = Field(sa_type=Double)
    kind: str = Field(max_length=32)
    task_id: str | None = Field(default=None, max_length=ID)
    user_id: str | None = Field(default=None, max_length=ID)
    interface_id: str | None = Field(default=None, max_length=ID)
    data: Json = Field(sa_type=JSON)


for _table in SQLModel.metadata.tables.values():  # MariaDB's own collation would make "a" and "A" one key
    _table.kwargs["mysql_charset"], _table.kwargs["mysql_collate"] = "utf8mb4", "utf8mb4_bin"
