"""Sends a large file in pieces, and goes on where it was when the line, or the coordinator, came back (tus 1.0)."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx

from scripts.client import PATIENCE_S, Away, Client, OnBytes, Problem
from scripts.refusal import Refusal

PIECE_BYTES: Final = 8 << 20
"""Proxies in front of machines cut larger bodies. A smaller file is sent at once."""
KINDS: Final = {"videos": "video", "backgrounds": "background"}
LOCKED: Final = 423
LOCKED_S: Final = 600.0
"""So long a whole file may be examined, or a line of ours that was lost be held for alive."""
_CHUNK: Final = 1 << 18
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_AGAIN: Final = frozenset({408, 423, 429, 502, 503, 504})
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


def upload(
    client: Client,
    kind: str,
    path: Path,
    on_bytes: OnBytes,
    *,
    patience_s: float = PATIENCE_S,
    locked_s: float = LOCKED_S,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Send a file to `videos` or `backgrounds`; the object that it became.

    Problem: it was refused. Away: nothing moved for `patience_s`. Refusal: the server was there and nothing moved for
    `locked_s`.
    """
    size = path.stat().st_size
    name = base64.b64encode(path.name.encode()).decode()
    said = f"filename {name},kind {base64.b64encode(KINDS[kind].encode()).decode()}"
    made = client.ask("POST", "/uploads", headers={**_TUS, "Upload-Length": str(size), "Upload-Metadata": said})
    with path.open("rb") as file:
        sending = _Sending(client, _id_in(made, "Location"), file, size, on_bytes)
        pause_s = _FIRST_PAUSE_S
        moved = heard = time.monotonic()
        while sending.became is None:
            before = sending.offset
            try:
                sending.step()
            except (Away, Problem) as error:
                status = error.status if isinstance(error, Problem) else None
                if status is not None and status not in _AGAIN:
                    raise
                if status == LOCKED:
                    heard = time.monotonic()  # it is being examined, or our lost line is not given up yet
                    if heard - moved > locked_s:
                        raise sending.stuck(heard - moved) from error
                elif time.monotonic() - heard > patience_s:
                    raise
                sending.lost = True
                sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            if sending.offset > before:
                pause_s = _FIRST_PAUSE_S
                moved = heard = time.monotonic()
    found: dict[str, Any] = client.call("GET", f"/{kind}/{sending.became}")
    return found


class _Sending:
    """Where we are. `lost` says that nobody knows how much of the last piece came; `became` is the object's id."""

    def __init__(self, client: Client, upload_id: str, file: BinaryIO, size: int, on_bytes: OnBytes) -> None:
        self._client = client
        self._id = upload_id
        self._path = f"/uploads/{upload_id}"
        self._file = file
        self._size = size
        self._on_bytes = on_bytes
        self.offset = 0
        self.lost = False
        self.became: str | None = None

    def step(self) -> None:
        """Send the next piece; after a loss an empty one, whose answer says where the file ends. Problem, Away."""
        length = 0 if self.lost else min(PIECE_BYTES, self._size - self.offset)
        headers = {
            **_TUS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(length),
            "Upload-Offset": str(self.offset),
        }
        try:
            answer = self._client.ask("PATCH", self._path, headers=headers, content=self._chunks(length))
        except Problem as error:
            if error.problem.get("code") != "wrong_offset":
                raise
            self.offset = int(error.problem["params"]["received"])
        else:
            self.offset = int(answer.headers["Upload-Offset"])
            if "Content-Location" in answer.headers:
                self.became = _id_in(answer, "Content-Location")
        self.lost = False

    def stuck(self, seconds: float) -> Refusal:
        """What to say when the server keeps the upload for itself."""
        return Refusal(
            f"The server has kept the upload {self._id} to itself for {seconds / 60:.0f} minutes: it still "
            "examines the file, or another request holds it. See whether the file is there before you send it again."
        )

    def _chunks(self, length: int) -> Iterator[bytes]:
        self._file.seek(self.offset)
        done = 0
        while done < length:
            chunk = self._file.read(min(_CHUNK, length - done))
            if not chunk:
                raise Refusal("The file became shorter while it was sent.")
            done += len(chunk)
            yield chunk
            self._on_bytes(self.offset + done, self._size)


def _id_in(answer: httpx.Response, header: str) -> str:
    found = answer.headers.get(header, "")
    if not found:
        raise Refusal(f"The server's answer lacks {header}; is a proxy between us that removes it?")
    return str(found).rsplit("/", 1)[-1]
