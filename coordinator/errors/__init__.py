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

from coordinator.errors.accounts import AccountDisabled as AccountDisabled
from coordinator.errors.accounts import BusyHashing as BusyHashing
from coordinator.errors.accounts import CsrfRefused as CsrfRefused
from coordinator.errors.accounts import Forbidden as Forbidden
from coordinator.errors.accounts import InsecureSite as InsecureSite
from coordinator.errors.accounts import InvalidCredentials as InvalidCredentials
from coordinator.errors.accounts import InvalidToken as InvalidToken
from coordinator.errors.accounts import LastAdmin as LastAdmin
from coordinator.errors.accounts import LinkExpired as LinkExpired
from coordinator.errors.accounts import LoopbackOnly as LoopbackOnly
from coordinator.errors.accounts import RegistrationClosed as RegistrationClosed
from coordinator.errors.accounts import TokenExpired as TokenExpired
from coordinator.errors.accounts import TokenRevoked as TokenRevoked
from coordinator.errors.accounts import Unauthorized as Unauthorized
from coordinator.errors.accounts import UsernameTaken as UsernameTaken
from coordinator.errors.accounts import WeakPassword as WeakPassword
from coordinator.errors.base import AccountError as AccountError
from coordinator.errors.base import CoordinatorError as CoordinatorError
from coordinator.errors.base import InterfaceError as InterfaceError
from coordinator.errors.base import MediaError as MediaError
from coordinator.errors.base import RequestError as RequestError
from coordinator.errors.base import ServiceError as ServiceError
from coordinator.errors.base import TaskError as TaskError
from coordinator.errors.resumable import ChecksumMismatch as ChecksumMismatch
from coordinator.errors.resumable import TooManyUploads as TooManyUploads
from coordinator.errors.resumable import TusVersion as TusVersion
from coordinator.errors.resumable import UnsupportedChecksum as UnsupportedChecksum
from coordinator.errors.resumable import UploadGone as UploadGone
from coordinator.errors.resumable import UploadLocked as UploadLocked


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
