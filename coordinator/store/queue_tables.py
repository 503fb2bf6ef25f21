"""What the choice of the next step is made from, beside the steps themselves: who waits, and how fast nodes are."""

from sqlalchemy import BigInteger, Double
from sqlmodel import Field, SQLModel

from coordinator.store.schema import ID, indexes


class Waits(SQLModel, table=True):
    """A user who may have steps waiting for a model, in the order of `rank` (minus the class; `assemble` far below).

    There may be rows without steps, never steps without a row: `stamp` is raised by whoever adds a step, and a row is
    deleted only at the stamp that was found empty. `score` copies `users.use_score`; nothing is to be had before
    `ready_at`.
    """

    __table_args__ = indexes("model rank score since user_id")
    user_id: str = Field(primary_key=True, max_length=ID)
    model: str = Field(primary_key=True, max_length=64)
    rank: int = Field(primary_key=True)
    score: float = Field(sa_type=Double)
    since: float = Field(sa_type=Double)
    stamp: int = Field(default=0, sa_type=BigInteger)
    ready_at: float = Field(default=0.0, sa_type=Double)


class Speeds(SQLModel, table=True):
    """Frames a second of a node with a model at one size of picture, learnt from its own finished steps."""

    interface_id: str = Field(primary_key=True, foreign_key="interfaces.id", max_length=ID)
    model: str = Field(primary_key=True, max_length=64)
    size_class: int = Field(primary_key=True)
    fps: float = Field(sa_type=Double)
    at: float = Field(sa_type=Double)
