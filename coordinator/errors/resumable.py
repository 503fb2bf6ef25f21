"""What may be wrong with a resumable upload, beside the file itself."""

from coordinator.errors.base import RequestError


class TusVersion(RequestError):
    code = "tus_version"


class UploadLocked(RequestError):
    code = "upload_locked"


class UploadGone(RequestError):
    code = "upload_gone"


class ChecksumMismatch(RequestError):
    code = "checksum_mismatch"


class UnsupportedChecksum(RequestError):
    code = "unsupported_checksum"


class TooManyUploads(RequestError):
    code = "too_many_uploads"
