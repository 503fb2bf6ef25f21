"""Fixtures of the coordinator: a migrated database of each kind, settings, the real program on HTTP."""

import contextlib
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine

from coordinator.app import create_app
from coordinator.clock import system_clock
from coordinator.settings import Settings, from_environment
from coordinator.store.database import Database, make_engine
from coordinator.store.migrate import upgrade
from coordinator.store.schema import metadata
from tests.coordinator.world import World

ADMIN = ("admin", "admin password of tests")
PASSWORD = "correct horse battery"
MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating costs a hundred times more."""
    path = tmp_path_factory.mktemp("migrated") / "segfleet.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(shared_postgres_url: str) -> Iterator[Engine]:
    """A migrated PostgreSQL database that every test empties again."""
    yield from _migrated(shared_postgres_url)


@pytest.fixture(scope="session")
def migrated_mariadb(shared_mariadb_url: str) -> Iterator[Engine]:
    """A migrated MariaDB database that every test empties again."""
    yield from _migrated(shared_mariadb_url)


def _migrated(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without rows of each kind in turn, as an SQLAlchemy URL."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "segfleet.db")
        yield f"sqlite:///{tmp_path / 'segfleet.db'}"
        return
    engine: Engine = request.getfixturevalue(f"migrated_{request.param}")
    yield engine.url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """A migrated, open database; a test that takes it runs on SQLite, PostgreSQL and MariaDB."""
    opened = Database(migrated_url, system_clock)
    opened.open(lambda news: None)
    yield opened
    await opened.close()


@pytest.fixture
def world(migrated_url: str) -> Iterator[World]:
    """An empty world on each kind of database."""
    yield from _world(migrated_url)


@pytest.fixture
def small_world(migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """An empty world on SQLite, for rules that do not depend on the kind of database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "small.db")
    yield from _world(f"sqlite:///{tmp_path / 'small.db'}")


def _world(url: str) -> Iterator[World]:
    database = Database(url, system_clock)
    yield World(database)
    database.engine.dispose()


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Settings in an empty home, SQLite, a known administrator; keys of the environment by keyword."""

    return lambda **keys: settings_in(tmp_path, **keys)


def settings_in(home: Path, **keys: str) -> Settings:
    """Settings as a test wants them, in a directory without `.env`."""
    known = {"ADMIN_USERNAME": ADMIN[0], "ADMIN_PASSWORD": ADMIN[1], "RATE_LIMIT": "100000/minute"}
    return from_environment(environment={**known, **keys}, directory=home)


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Development settings."""
    return make_settings()


@dataclass(frozen=True)
class Server:
    """A running coordinator: `url` without a slash at its end."""

    url: str
    settings: Settings

    def client(self, token: str | None = None) -> httpx.Client:
        """A client with the API's base address; close it."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    def login(self, username: str, password: str) -> str:
        """A token, by real HTTP."""
        with self.client() as client:
            answer = client.post("/auth/login", json={"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def register(self, username: str, password: str = PASSWORD) -> str:
        """A new account's token, by real HTTP."""
        with self.client() as client:
            answer = client.post("/auth/register", json={"username": username, "password": password})
        assert answer.status_code == 201, answer.text
        return self.login(username, password)


Serve = Callable[[Settings], contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """The real app on uvicorn in a thread, on a free loopback port; returns when its lifespan has begun."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = settings.model_copy(update={"api_port": port, "api_base_url": f"http://127.0.0.1:{port}"})
        config = uvicorn.Config(create_app(settings), proxy_headers=False, log_config=None, lifespan="on")
        server = _Announcing(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="coordinator")
        thread.start()
        try:
            assert server.decided.wait(60), "the coordinator did not start"
            assert server.started, "the coordinator refused to start"
            yield Server(f"http://127.0.0.1:{port}", settings)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the coordinator did not stop"


class _Announcing(uvicorn.Server):
    """uvicorn that says when its start is decided."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does."""
        try:
            await super().startup(sockets)
        finally:
            self.decided.set()


@pytest.fixture
def free_port() -> int:
    """A port of the loopback that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def serve() -> Serve:
    """Run a coordinator with settings of one's own: `with serve(settings) as server`."""
    return serving


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A running coordinator with development settings."""
    with serving(settings) as running:
        yield running


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One coordinator for all tests that leave nothing behind: a start costs more than a second."""
    with serving(settings_in(tmp_path_factory.mktemp("shared"))) as running:
        yield running


@pytest.fixture
def admin(server: Server) -> Iterator[httpx.Client]:
    """A client of the first administrator."""
    with server.client(server.login(*ADMIN)) as client:
        yield client


@pytest.fixture
def user(server: Server) -> Iterator[httpx.Client]:
    """A client of a fresh account."""
    with server.client(server.register("somebody")) as client:
        yield client
