"""Fixtures of the whole suite: throw-away databases on SQLite, PostgreSQL and MariaDB.

The servers are those of `SEGFLEET_TEST_POSTGRES` and `SEGFLEET_TEST_MARIADB`, or local ones that trust their loopback.
Where a server does not answer, its tests skip and say so; under CI=true they fail.
"""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from xdist.scheduler import LoadFileScheduling

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB = "mysql+pymysql://root@127.0.0.1:3306/mysql"
WAITING = ("tests/faults/", "tests/browser/", "tests/scripts/")


def place(nodeid: str) -> str:
    """The tests of a file run in one process, one after the other; so do all that break the fleet of a lane, and all
    that need a browser, so that no fleet and no browser is begun twice."""
    file = nodeid.split("::")[0]
    if file.startswith("tests/browser/"):
        return "browser"
    lane = next((lane for lane in ("push", "pull") if f"[{lane}" in nodeid), "lonely")
    return f"faults-{lane}" if file.startswith("tests/faults/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Who runs what under `-n`; the scheduler's method is how the library lets itself be told."""
    by_place = {"_split_scope": lambda _scheduler, nodeid: place(nodeid)}
    return type("ByFileOrLane", (LoadFileScheduling,), by_place)(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits long for processes and clocks comes first, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_configure() -> None:
    """Programs that tests start can be interrupted, also where who started the tests has them ignore Ctrl-C, as shells
    do in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `gpu` need an NVIDIA driver."""
    if item.get_closest_marker("gpu") and not Path("/proc/driver/nvidia/version").exists():
        pytest.skip("no NVIDIA driver on this machine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Engine]:
    """A connection to the PostgreSQL server's own database."""
    yield from _server("PostgreSQL", "SEGFLEET_TEST_POSTGRES", POSTGRES)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Engine]:
    """A connection to the MariaDB server's own database."""
    yield from _server("MariaDB", "SEGFLEET_TEST_MARIADB", MARIADB)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'segfleet.db'}"


@pytest.fixture
def postgres_url(postgres_server: Engine) -> Iterator[str]:
    """An empty PostgreSQL database, dropped afterwards whoever still holds it."""
    with _database(postgres_server, "CREATE DATABASE {}", "DROP DATABASE {} WITH (FORCE)") as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: Engine) -> Iterator[str]:
    """An empty MariaDB database, dropped afterwards whoever still holds it."""
    with _database(mariadb_server, "CREATE DATABASE {} CHARACTER SET utf8mb4", "DROP DATABASE {}") as url:
        yield url


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server: Engine) -> Iterator[str]:
    """One PostgreSQL database for tests that clean up after themselves."""
    with _database(postgres_server, "CREATE DATABASE {}", "DROP DATABASE {} WITH (FORCE)") as url:
        yield url


@pytest.fixture(scope="session")
def shared_mariadb_url(mariadb_server: Engine) -> Iterator[str]:
    """One MariaDB database for tests that clean up after themselves."""
    with _database(mariadb_server, "CREATE DATABASE {} CHARACTER SET utf8mb4", "DROP DATABASE {}") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind in turn, as an SQLAlchemy URL."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def _server(name: str, variable: str, default: str) -> Iterator[Engine]:
    url = make_url(os.environ.get(variable, default))
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args={"connect_timeout": 3})
    try:
        engine.connect().close()
    except OperationalError as error:
        sentence = f"no {name} at {url.host}:{url.port} ({variable} names another): {error.orig}"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    yield engine
    engine.dispose()


@contextmanager
def _database(server: Engine, create: str, drop: str) -> Iterator[str]:
    name = f"segfleet_test_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(text(create.format(name)))
    try:
        yield _rendered(server.url.set(database=name))
    finally:
        with server.connect() as connection:
            if server.dialect.name == "mysql":
                _end_connections(server, name)
            connection.execute(text(drop.format(name)))


def _end_connections(server: Engine, database: str) -> None:
    """MariaDB would wait for the metadata locks of a transaction that a failed test left open."""
    with server.connect() as connection:
        held = connection.execute(
            text("SELECT id FROM information_schema.processlist WHERE db = :name"), {"name": database}
        ).scalars()
        for process in held.all():
            with suppress(DBAPIError):  # it may have ended by itself meanwhile
                connection.execute(text(f"KILL {int(process)}"))


def _rendered(url: URL) -> str:
    return url.render_as_string(hide_password=False)
