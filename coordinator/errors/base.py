"""The root of the tree of errors and its branches."""

from typing import Any, ClassVar

from protocol.problems import PROBLEMS, FieldError


class CoordinatorError(Exception):
    """Base: `code` is stable, `detail` is an English sentence for people, `params` are facts for programs."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), **params: Any) -> None:
        super().__init__(detail or PROBLEMS[self.code].en)
        self.detail = detail
        self.errors = errors
        self.params = params

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" in cls.__dict__:
            cls.status = PROBLEMS[cls.code].status


class RequestError(CoordinatorError):
    """Something is wrong with the request itself."""


class AccountError(CoordinatorError):
    """Something is wrong with the account or its rights."""


class MediaError(CoordinatorError):
    """Something is wrong with a file."""


class TaskError(CoordinatorError):
    """Something is wrong with a task."""


class InterfaceError(CoordinatorError):
    """Something is wrong with a node or what it says."""


class ServiceError(CoordinatorError):
    """Something is wrong with this service."""
