"""CORS: the exact origins of FRONTEND_URL, bearer tokens only, and the headers that uploads and lists need to see."""

from typing import Final

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TUS: Final = ("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum")
ALLOWED: Final = (
    *("Authorization", "Content-Type", "Accept-Language", "Idempotency-Key", "If-Match", "If-None-Match", "Prefer"),
    *("Range", "X-Request-ID", "X-HTTP-Method-Override", "Upload-Defer-Length", "Upload-Concat"),
    *_TUS,
)
EXPOSED: Final = (
    *("Location", "Link", "ETag", "Retry-After", "X-Request-ID", "Content-Disposition", "Content-Range"),
    *("Accept-Ranges", "Content-Language", "Preference-Applied", "WWW-Authenticate", "Upload-Expires"),
    *("Content-Location", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
    *_TUS,
)
MAX_AGE_S: Final = 86_400
