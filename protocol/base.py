"""Base models and identifier types of every message.

`WireModel` ignores fields it does not know, so that coordinator and node may be one version apart;
`RequestModel`, for the users' API, refuses them, so that a misspelt field is an error and not a surprise.
"""

from typing import Annotated, Any, NewType

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

AttemptId = NewType("AttemptId", str)
BatchId = NewType("BatchId", str)
InterfaceId = NewType("InterfaceId", str)
MediaId = NewType("MediaId", str)
NodeId = NewType("NodeId", str)
StepId = NewType("StepId", str)
TaskId = NewType("TaskId", str)
UserId = NewType("UserId", str)

IDENTIFIER = r"^[A-Za-z0-9_-]{1,64}$"
SHA256 = r"^[0-9a-f]{64}$"

Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
ShortText = Annotated[str, Field(max_length=200)]
LongText = Annotated[str, Field(max_length=2000)]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class WireModel(BaseModel):
    """A frozen message between coordinator and node; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class RequestModel(BaseModel):
    """A frozen body that a user's program sends; unknown fields are refused, and so is text that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _holds_text(cls, data: Any) -> Any:
        """JSON can write NUL, which PostgreSQL cannot keep, and half a character, which nobody can."""
        if not _is_text(data):
            raise PydanticCustomError("not_text", "NUL and halves of characters are no text")
        return data


def _is_text(data: Any) -> bool:
    match data:
        case str():
            return "\0" not in data and not any("\ud800" <= char <= "\udfff" for char in data)
        case dict():
            return all(_is_text(name) and _is_text(value) for name, value in data.items())
        case list():
            return all(map(_is_text, data))
        case _:
            return True
