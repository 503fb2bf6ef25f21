"""A coordinator as a process, and the ways to look at it: its API, its database, its disk."""

import os
from pathlib import Path
from typing import Any, Self

import httpx
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.system.patience import until
from tests.system.programs import Program, free_port

ADMIN = ("admin", "admin password of tests")
CLUSTER = "cluster string of the tests"
PASSWORD = "correct horse battery"
ENDED = frozenset({"completed", "failed", "cancelled"})
START_S = 90.0
BY_THE_CLOCK = {"samples", "facts"}


class Coordinator:
    """`python -m coordinator` on a port of its own that outlives restarts. Use with `with`; settings by keyword."""

    def __init__(self, home: Path, **keys: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "SEGFLEET_HOME": str(home),
            "API_PORT": str(self.port),
            "ADMIN_USERNAME": ADMIN[0],
            "ADMIN_PASSWORD": ADMIN[1],
            "INTERFACE_IDENTIFICATION": CLUSTER,
            "RATE_LIMIT": "1000000/minute",
            **keys,
        }
        self.program = Program(["-m", "coordinator"], environment, home, "coordinator")
        url = keys.get("DATABASE_URL", f"sqlite:///file:{home / 'segfleet.db'}?mode=ro&uri=true")
        self._engine = create_engine(url, poolclass=NullPool)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.program.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.program.exit_code is None:
            self.program.terminate()

    def start(self) -> None:
        """Begin, and return when it answers."""
        self.program.start()
        until(self._answers, START_S, f"the coordinator answers; it said {self.program.log}")

    def _answers(self) -> bool:
        assert self.program.exit_code is None, self.program.said()
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).is_success
        except httpx.TransportError:
            return False

    def login(self, username: str = ADMIN[0], password: str = ADMIN[1]) -> str:
        """A token."""
        answer = httpx.post(
            f"{self.url}/api/v1/auth/login", json={"username": username, "password": password}, timeout=30
        )
        return str(answer.raise_for_status().json()["access_token"])

    def client(self, token: str | None = None) -> "Client":
        """The API as one account sees it, as nobody without a token."""
        return Client(self.url, token)

    def account(self, username: str) -> "Client":
        """A new account's client."""
        body = {"username": username, "password": PASSWORD}
        httpx.post(f"{self.url}/api/v1/auth/register", json=body, timeout=30).raise_for_status()
        return self.client(self.login(username, PASSWORD))

    def administrator(self) -> "Client":
        """The first administrator's client."""
        return self.client(self.login())

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """What a statement with `?` in it finds in the database, read without the program's help."""
        names = [f"v{number}" for number in range(len(values))]
        for name in names:
            statement = statement.replace("?", f":{name}", 1)
        with self._engine.connect() as connection:
            found = connection.execute(text(statement), dict(zip(names, values, strict=True)))
            return [dict(row) for row in found.mappings()]

    def ledger(self) -> dict[str, int]:
        """How many rows each table has, but for those that the clock writes."""
        names = set(inspect(self._engine).get_table_names()) - BY_THE_CLOCK
        return {name: int(self.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"]) for name in names}

    def files(self) -> set[str]:
        """Every file that uploads, thumbnails and results left; one that goes meanwhile is not there."""
        folders = [self.home / name for name in ("uploads", "thumbnails", "results")]
        found = (Path(place) / name for one in folders for place, _, names in os.walk(one) for name in names)
        return {str(path.relative_to(self.home)) for path in found}


class Client(httpx.Client):
    """One account's view of the API, below /api/v1."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=f"{url}/api/v1", headers=headers, timeout=60, trust_env=False)
        self.token = token or ""

    def upload(self, path: Path, kind: str = "videos") -> dict[str, Any]:
        """Send a file; the object that it became."""
        with path.open("rb") as file:
            answer = self.post(f"/{kind}", files={"file": (path.name, file)})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def submit(self, video_id: str, **more: Any) -> str:
        """A task in one call; its id."""
        body = {"video_id": video_id, "background": {"kind": "color", "color": "#204060"}, **more}
        answer = self.post("/tasks", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """A task as it is now."""
        return dict(self.get(f"/tasks/{task_id}").raise_for_status().json())

    def ended(self, task_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """The task when it has ended."""
        look = self.task
        return until(
            lambda: found if (found := look(task_id))["state"] in ENDED else None, seconds, f"task {task_id} ends"
        )

    def in_state(self, task_id: str, state: str, seconds: float = 30.0) -> dict[str, Any]:
        """The task when it is in a state."""
        look = self.task
        return until(lambda: found if (found := look(task_id))["state"] == state else None, seconds, f"it is {state}")

    def mid_work(self, task_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """The task when its first frames are done and its last are not."""

        def look() -> dict[str, Any] | None:
            found = self.task(task_id)
            assert found["state"] not in ENDED, f"it ended before anybody could disturb it: {found}"
            return found if 0 < found["frames_done"] < found["frames_total"] else None

        return until(look, seconds, "frames are being done")
