"""Every error of the coordinator that a caller may see, as one tree.

    CoordinatorError
    ├── RequestError      the body, the cursor, the size
    ├── AccountError      who you are and what you may do
    ├── MediaError        the file itself
    ├── TaskError         the task's state and its parts
    ├── InterfaceError    nodes
    └── ServiceError      this service

A class fixes the `code`, and by `protocol.problems.PROBLEMS` its status and title; an instance says which object.
"""

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


class InvalidRequest(RequestError):
    code = "invalid_request"


class BrokenJson(RequestError):
    code = "broken_json"


class InvalidCursor(RequestError):
    code = "invalid_cursor"


class NotFound(RequestError):
    code = "not_found"


class TooLarge(RequestError):
    code = "too_large"


class Stalled(RequestError):
    code = "stalled"


class UnsupportedMediaType(RequestError):
    code = "unsupported_media_type"


class RateLimited(RequestError):
    code = "rate_limited"


class IdempotencyMismatch(RequestError):
    code = "idempotency_mismatch"


class Unauthorized(AccountError):
    code = "unauthorized"


class InvalidCredentials(AccountError):
    code = "invalid_credentials"


class TokenExpired(AccountError):
    code = "token_expired"


class TokenRevoked(AccountError):
    code = "token_revoked"


class InvalidToken(AccountError):
    code = "invalid_token"


class Forbidden(AccountError):
    code = "forbidden"


class LoopbackOnly(AccountError):
    code = "loopback_only"


class RegistrationClosed(AccountError):
    code = "registration_closed"


class AccountDisabled(AccountError):
    code = "account_disabled"


class UsernameTaken(AccountError):
    code = "username_taken"


class LastAdmin(AccountError):
    code = "last_admin"


class WeakPassword(AccountError):
    code = "weak_password"


class BusyHashing(AccountError):
    code = "busy_hashing"


class LinkExpired(AccountError):
    code = "link_expired"


class EmptyFile(MediaError):
    code = "empty_file"


class TruncatedUpload(MediaError):
    code = "truncated_upload"


class NotAVideo(MediaError):
    code = "not_a_video"


class NoFrames(MediaError):
    code = "no_frames"


class UnsupportedContainer(MediaError):
    code = "unsupported_container"


class BrokenMedia(MediaError):
    code = "broken_media"


class MediaTooLarge(MediaError):
    code = "media_too_large"


class MediaTooLong(MediaError):
    code = "media_too_long"


class TooManyStreams(MediaError):
    code = "too_many_streams"


class NotAnImage(MediaError):
    code = "not_an_image"


class ProbeTimeout(MediaError):
    code = "probe_timeout"


class InUse(MediaError):
    code = "in_use"


class QuotaExceeded(MediaError):
    code = "quota_exceeded"


class DiskFull(MediaError):
    code = "disk_full"


class WrongState(TaskError):
    code = "wrong_state"


class UnknownModel(TaskError):
    code = "unknown_model"


class UnsupportedBackground(TaskError):
    code = "unsupported_background"


class UnsupportedOutput(TaskError):
    code = "unsupported_output"


class SourceGone(TaskError):
    code = "source_gone"


class NotSubmitted(TaskError):
    code = "not_submitted"


class TooManyWaiting(TaskError):
    code = "too_many_waiting"


class QueueFull(TaskError):
    code = "queue_full"


class ResultNotReady(TaskError):
    code = "result_not_ready"


class BadClusterString(InterfaceError):
    code = "bad_cluster_string"


class BadSignature(InterfaceError):
    code = "bad_signature"


class ClockSkew(InterfaceError):
    code = "clock_skew"


class UnsupportedProtocol(InterfaceError):
    code = "unsupported_protocol"


class DuplicateIdentity(InterfaceError):
    code = "duplicate_identity"


class Revoked(InterfaceError):
    code = "revoked"


class WrongInterfaceState(InterfaceError):
    code = "interface_state"


class AddressRefused(InterfaceError):
    code = "address_refused"


class Gone(InterfaceError):
    code = "gone"


class WrongOffset(InterfaceError):
    code = "wrong_offset"


class ArtifactTooLarge(InterfaceError):
    code = "artifact_too_large"


class ArtifactMismatch(InterfaceError):
    code = "artifact_mismatch"


class Overloaded(ServiceError):
    code = "overloaded"


class StorageUnavailable(ServiceError):
    code = "storage_unavailable"
