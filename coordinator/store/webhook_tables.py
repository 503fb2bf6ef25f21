"""Webhooks: the secrets that sign, and the messages that are to be delivered."""

from sqlalchemy import JSON, BigInteger, Double, Text
from sqlmodel import Field, SQLModel

from coordinator.store.schema import ID, Json, indexes


class WebhookSecrets(SQLModel, table=True):
    """What signs an account's messages: sealed, shown once; `hint` is how it begins. Signs until `expires_at`."""

    __tablename__ = "webhook_secrets"
    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", index=True, max_length=ID)
    hint: str = Field(max_length=16)
    sealed: str = Field(sa_type=Text)
    created_at: float = Field(sa_type=Double)
    expires_at: float | None = Field(default=None, sa_type=Double)


class WebhookDeliveries(SQLModel, table=True):
    """A message of a task's move: written with the move, `seq` is the move's event. `id` is the `webhook-id`.

    While messages of a task are open one of them is `waiting` and the others are `queued`. `holder` has claimed it
    until `lease_until`; `data` is the task as it was; `answer`, `fault` and `detail` are of the last try.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = indexes("task_id seq", "user_id seq", "state next_at", "ended_at")
    id: str = Field(primary_key=True, max_length=ID)
    seq: int = Field(sa_type=BigInteger)
    user_id: str = Field(max_length=ID)
    task_id: str = Field(max_length=ID)
    kind: str = Field(max_length=32)
    url: str = Field(max_length=1000)
    host: str = Field(max_length=300)
    state: str = Field(max_length=16)
    data: Json = Field(sa_type=JSON)
    at: float = Field(sa_type=Double)
    tries: int = 0
    next_at: float = Field(sa_type=Double)
    gives_up_at: float = Field(sa_type=Double)
    lease_until: float = Field(default=0.0, sa_type=Double)
    holder: str | None = Field(default=None, max_length=ID)
    status: int | None = None
    took_s: float | None = Field(default=None, sa_type=Double)
    answer: str = Field(default="", max_length=200)
    fault: str | None = Field(default=None, max_length=32)
    detail: str = Field(default="", max_length=200)
    ended_at: float | None = Field(default=None, sa_type=Double)
