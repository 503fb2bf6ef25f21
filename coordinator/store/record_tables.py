"""What is written beside the work: the audit, keys of repeated requests, shared facts, a line for each minute."""

from sqlalchemy import JSON, BigInteger, Double
from sqlmodel import Field, SQLModel

from coordinator.store.schema import ID, SEQUENCE, Json, indexes


class Audit(SQLModel, table=True):
    """Who did what to whom: logins, roles, approvals, revocations, deletions."""

    __table_args__ = indexes("action at")
    seq: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE)
    at: float = Field(sa_type=Double)
    actor_id: str | None = Field(default=None, max_length=ID)
    actor: str = Field(max_length=64)
    action: str = Field(max_length=64)
    target: str = Field(default="", max_length=200, index=True)
    address: str = Field(default="", max_length=64)
    data: Json = Field(sa_type=JSON)


class Idempotency(SQLModel, table=True):
    """Answers already given to an Idempotency-Key, written in the transaction that made the object."""

    user_id: str = Field(primary_key=True, max_length=ID)
    route: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=128)
    body_sha256: str = Field(max_length=64)
    object_id: str = Field(max_length=ID)
    created_at: float = Field(sa_type=Double, index=True)


class Facts(SQLModel, table=True):
    """Single values that every replica shares, such as `doubt_until`."""

    name: str = Field(primary_key=True, max_length=64)
    value: Json = Field(sa_type=JSON)


class Samples(SQLModel, table=True):
    """One minute of the whole system, written once it is over, by whichever replica comes first.

    `at` is the minute's begin (Unix seconds). The queue and the slots are as they were when the row was written; they
    are null for minutes in which no coordinator ran. The other numbers count what ended in the minute.
    """

    at: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    waiting_tasks: int | None = None
    waiting_steps: int | None = None
    busy_slots: int | None = None
    slots: int | None = None
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    frames: int = Field(default=0, sa_type=BigInteger)
    attempts_done: int = 0
    attempts_failed: int = 0
