"""Links that work without a header: `?exp=&sig=`, for `<video src>` and `<img>`.

`exp` lies on a six-hour grid, 6 to 12 hours ahead, so a link stays the same for a while and caches can hold on to it.
The key is derived from JWT_SECRET for links alone. A link opens one path, and only while its object exists.
"""

import base64
import hmac
import re
from typing import Final
from urllib.parse import quote

from coordinator.errors import LinkExpired

GRID_S: Final = 6 * 3600
_LABEL: Final = b"segfleet links v1"
_SIGNATURE_BYTES: Final = 16
_NUMBER: Final = re.compile(r"[0-9]{1,12}")


class Links:
    """`base_url` is the origin that people see; `videos` and `backgrounds` are the settings' URL paths."""

    def __init__(self, jwt_secret: str, base_url: str, videos: str, backgrounds: str) -> None:
        self._key = hmac.digest(jwt_secret.encode(), _LABEL, "sha256")
        self._base_url = base_url.rstrip("/")
        self._paths = {"video": videos.strip("/"), "background": backgrounds.strip("/")}

    def media(self, kind: str, media_id: str, now: float) -> str:
        """To an upload; `kind` is video or background."""
        return self.absolute(f"/{self._paths[kind]}/{quote(media_id, safe='')}", now)

    def thumbnail(self, kind: str, object_id: str, now: float) -> str:
        """To the small picture of an upload (video, background) or a task (task)."""
        return self.absolute(f"/thumbnails/{kind}/{quote(object_id, safe='')}", now)

    def result(self, task_id: str, output: str, now: float) -> str:
        """To what a task made."""
        return self.absolute(f"/results/{quote(task_id, safe='')}/{output}", now)

    def part(self, task_id: str, step_id: str, output: str, now: float) -> str:
        """To what a finished step of a task made."""
        return self.absolute(f"/results/{quote(task_id, safe='')}/steps/{quote(step_id, safe='')}/{output}", now)

    def absolute(self, path: str, now: float) -> str:
        """A path of this server as a whole link."""
        expires = (int(now) // GRID_S + 2) * GRID_S
        return f"{self._base_url}{path}?exp={expires}&sig={self._sign(path, expires)}"

    def verify(self, path: str, exp: str | None, sig: str | None, now: float) -> None:
        """LinkExpired: too old, for another path, or never ours."""
        if exp is None or sig is None or _NUMBER.fullmatch(exp) is None:
            raise LinkExpired
        good = hmac.compare_digest(sig.encode(errors="replace"), self._sign(path, int(exp)).encode())
        if not good or now > int(exp):
            raise LinkExpired

    def _sign(self, path: str, expires: int) -> str:
        digest = hmac.digest(self._key, f"{path}\n{expires}".encode(), "sha256")[:_SIGNATURE_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
