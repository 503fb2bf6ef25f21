"""What people have begun to send."""

from sqlalchemy import BigInteger, Double, Text
from sqlmodel import Field, SQLModel

from coordinator.store.schema import ID, indexes


class Uploads(SQLModel, table=True):
    """Resumable uploads. `size` is what was announced and `said` the client's metadata as it came; how much is there
    is the length of the file. The media that a finished one became has the same id."""

    __table_args__ = indexes("user_id finished_at")
    id: str = Field(primary_key=True, max_length=ID)
    user_id: str = Field(foreign_key="users.id", max_length=ID)
    kind: str = Field(max_length=16)
    name: str = Field(max_length=255)
    size: int = Field(sa_type=BigInteger)
    said: str = Field(sa_type=Text)
    created_at: float = Field(sa_type=Double)
    expires_at: float = Field(sa_type=Double, index=True)
    finished_at: float | None = Field(default=None, sa_type=Double)
