"""A client of the users' API for commands: synchronous, and patient with a coordinator that starts again.

Every failure is a Refusal: one sentence made of the problem's title and detail.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from scripts.access import Access
from scripts.refusal import Refusal

OnBytes = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""
PREFIX: Final = "/api/v1"
POLL_S: Final = 0.3
PATIENCE_S: Final = 90.0
"""A restart, an upgrade."""
CREATE_TRIES: Final = 3
ENDED: Final = frozenset({"completed", "failed", "cancelled"})
_AWAY: Final = frozenset({429, 502, 503, 504})


class Problem(Refusal):
    """The coordinator refused: `status` and `problem` are its answer."""

    def __init__(self, sentence: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem


class Away(Refusal):
    """The coordinator did not answer."""


class Client:
    """One account's view of one coordinator. `patience_s` is how long it may be away while we wait for a task."""

    def __init__(self, access: Access, patience_s: float = PATIENCE_S) -> None:
        self.access = access
        self._patience_s = patience_s
        host = urlsplit(access.url).hostname or ""
        self._http = httpx.Client(
            base_url=access.url + PREFIX,
            headers={"Authorization": f"Bearer {access.token}"} if access.token else {},
            timeout=httpx.Timeout(60, connect=10, read=150),  # a large upload is examined before it is answered
            follow_redirects=True,
            trust_env=host not in {"localhost", "127.0.0.1", "::1"},  # no proxy leads back to this machine
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """One request below /api/v1; the answer's JSON, None without a body. Problem, Away."""
        answer = self.ask(method, path, **request)
        return answer.json() if answer.content else None

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """`call` for those who read headers."""
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise self._away(error) from error
        _check(answer)
        return answer

    def _away(self, error: Exception) -> Away:
        reason = str(error) or type(error).__name__
        return Away(
            f"{self.access.url} does not answer ({reason}); is the coordinator running? `segfleet up` starts one."
        )

    def login(self, username: str, password: str) -> str:
        """A token for a name and its password."""
        body = {"username": username, "password": password}
        return str(self.call("POST", "/auth/login", json=body)["access_token"])

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        wanted = {name: value for name, value in params.items() if value is not None}
        while True:
            page = self.call("GET", path, params=wanted)
            yield from page["items"]
            if not page.get("next"):
                return
            wanted = {**wanted, "cursor": page["next"]}

    def upload(self, kind: str, path: Path, on_bytes: OnBytes) -> dict[str, Any]:
        """Send a file to `videos` or `backgrounds`; the object that it became."""
        with path.open("rb") as file:
            counted = _Counted(file, path.stat().st_size, on_bytes)
            found: dict[str, Any] = self.call("POST", f"/{kind}", files={"file": (path.name, counted)})
        return found

    def create_task(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Make a task. `key` makes it safe to ask again when the answer was lost, and to ask for what was made."""
        for left in range(CREATE_TRIES - 1, -1, -1):
            try:
                made: dict[str, Any] = self.call("POST", "/tasks", json=body, headers={"Idempotency-Key": key})
                return made
            except Away:
                if not left:
                    raise
                time.sleep(1.0)
        raise AssertionError("unreachable")

    def wait(self, task_id: str, on_change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Look at a task until it has ended; `on_change` sees every look. Away after `patience_s` without one."""
        last = time.monotonic()
        while True:
            pause_s = POLL_S
            try:
                task: dict[str, Any] = self.call("GET", f"/tasks/{task_id}")
                last = time.monotonic()
                on_change(task)
                if task["state"] in ENDED:
                    return task
            except (Away, Problem) as error:
                if isinstance(error, Problem) and error.status not in _AWAY:
                    raise
                if time.monotonic() - last > self._patience_s:
                    raise
                pause_s = 1.0
            time.sleep(pause_s)

    def cancel(self, task_id: str) -> dict[str, Any]:
        """End a task that has not ended; one that has keeps its results. The task afterwards."""
        try:
            found: dict[str, Any] = self.call("PUT", f"/tasks/{task_id}/cancel")
        except Problem as error:
            if error.problem.get("code") != "wrong_state":
                raise
            found = self.call("GET", f"/tasks/{task_id}")
        return found

    def download(self, task: dict[str, Any], output: str, target: Path, on_bytes: OnBytes) -> None:
        """Save one result as `target`, whole and with the promised sha256, or not at all."""
        expected = task["results"][output]
        part = target.with_name(f"{target.name}.part")
        try:
            found = self._fetch(f"/tasks/{task['id']}/results/{output}", part, int(expected["size"]), on_bytes)
            if found != expected["sha256"]:
                raise Refusal(
                    f"The {output} arrived damaged (sha256 {found}, promised {expected['sha256']}); try again."
                )
            part.replace(target)
        except httpx.TransportError as error:
            raise self._away(error) from error
        except OSError as error:
            raise Refusal(f"{target} cannot be written: {error.strerror or error}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _fetch(self, path: str, part: Path, size: int, on_bytes: OnBytes) -> str:
        digest, done = hashlib.sha256(), 0
        with self._http.stream("GET", path) as answer, part.open("wb") as file:
            if not answer.is_success:
                answer.read()
            _check(answer)
            for chunk in answer.iter_bytes(1 << 18):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_bytes(done, size)
        return digest.hexdigest()


class _Counted:
    """A file that tells how far it was read; httpx sends it in pieces, never whole."""

    def __init__(self, file: BinaryIO, size: int, on_bytes: OnBytes) -> None:
        self._file = file
        self._size = size
        self._on_bytes = on_bytes

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._on_bytes(self._file.tell(), self._size)
        return data

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        problem = answer.json()
        title, detail = problem["title"], problem.get("detail", "")
    except (ValueError, KeyError, TypeError):
        where = f"{answer.request.method} {answer.request.url.path}"
        raise Problem(f"The server answered {answer.status_code} to {where}.", answer.status_code, {}) from None
    raise Problem(sentence(title, detail, problem.get("errors") or ()), answer.status_code, problem)


def sentence(title: str, detail: str, errors: Any = ()) -> str:
    """`Title: detail (places).` without a doubled full stop."""
    places = ", ".join(f"{one.get('pointer', '')} {one.get('detail') or one.get('code', '')}".strip() for one in errors)
    said = f"{title}: {detail}" if detail and detail != title else title
    said = f"{said.rstrip('.')} ({places})" if places else said
    return said if said.endswith((".", "!", "?")) else f"{said}."
