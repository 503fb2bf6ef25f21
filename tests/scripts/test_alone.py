"""Commands that need no running coordinator: secrets, backup, a lost password, expected nodes."""

import asyncio
import http.server
import json
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pwdlib import PasswordHash

from coordinator.clock import system_clock
from coordinator.gateway.passwords import hash_now
from coordinator.services import accounts
from coordinator.settings import from_environment
from coordinator.store import interfaces, users
from coordinator.store.database import Database
from coordinator.store.migrate import upgrade
from coordinator.store.work import Work
from protocol.states import Role
from tests.scripts.shell import module, segfleet

OLD, NEW = "old password of tests", "new password of tests"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The database of `tmp_path/home` with one administrator, as a stopped coordinator leaves it."""
    (tmp_path / "home").mkdir()
    made = Database(f"sqlite:///{tmp_path / 'home' / 'segfleet.db'}", system_clock)
    upgrade(made.engine)
    made.run(lambda work: accounts.create(work, "admin", hash_now(OLD), role=Role.ADMIN))
    yield made
    asyncio.run(made.close())


def test_the_printed_secrets_are_good_enough_for_production_and_different_every_time(tmp_path: Path) -> None:
    printed = segfleet(tmp_path, "secrets").stdout
    (tmp_path / ".env.production").write_text(printed)
    chosen = from_environment(environment={"NODE_ENV": "production", "API_HOST": "0.0.0.0"}, directory=tmp_path)
    assert len(chosen.jwt_secret) >= 32
    first, second = (set(text.split()) for text in (printed, segfleet(tmp_path, "secrets").stdout))
    assert not {word for word in first & second if "=" in word}


def test_a_backup_is_taken_while_the_database_is_written_to(tmp_path: Path, database: Database) -> None:
    with database.engine.begin() as writing:
        writing.exec_driver_sql("BEGIN IMMEDIATE")
        done = segfleet(tmp_path, "backup", "copy.db")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "home" / "results") in done.stdout
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT username FROM users").fetchall() == [("admin",)]
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_backup_replaces_nothing_unless_told_to(tmp_path: Path, database: Database) -> None:
    (tmp_path / "copy.db").write_text("precious")
    assert segfleet(tmp_path, "backup", "copy.db").stderr.startswith("copy.db is there already")
    assert (tmp_path / "copy.db").read_text() == "precious"
    assert segfleet(tmp_path, "backup", "copy.db", "--force").returncode == 0


def test_for_a_database_server_the_line_to_run_is_said_without_the_password(tmp_path: Path) -> None:
    done = segfleet(tmp_path, "backup", "copy", DATABASE_URL="postgresql://me:hidden@db.example.org:5433/fleet")
    assert done.returncode == 1
    assert "pg_dump --host=db.example.org --port=5433 --username=me" in done.stderr
    assert "hidden" not in done.stderr


def test_a_lost_password_is_replaced_on_the_database_and_every_session_ends(tmp_path: Path, database: Database) -> None:
    before = database.look(lambda work: users.by_name(work, "admin"))
    done = segfleet(tmp_path, "users", "password", "Admin", "--stdin", stdin=f"{NEW}\n")
    after = database.look(lambda work: users.by_name(work, "admin"))
    assert done.returncode == 0, done.stderr
    assert before is not None
    assert after is not None
    assert PasswordHash.recommended().verify(NEW, after.password_hash)
    assert after.version == before.version + 1


@pytest.mark.parametrize(
    ("name", "password", "sentence"),
    [("nobody", NEW, "There is no account nobody."), ("admin", "short", "The password must have 12 to 256 bytes.")],
)
def test_a_password_that_cannot_be_set_changes_nothing(
    tmp_path: Path, database: Database, name: str, password: str, sentence: str
) -> None:
    done = segfleet(tmp_path, "users", "password", name, "--stdin", stdin=f"{password}\n")
    account = database.look(lambda work: users.by_name(work, "admin"))
    assert (done.returncode, done.stderr.strip()) == (1, sentence)
    assert account is not None
    assert PasswordHash.recommended().verify(OLD, account.password_hash)


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"status": "healthy", "joined": False}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gave it
        """Quiet."""


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of something that answers as a node does."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_interfaces_are_registered_while_the_coordinator_is_stopped_and_then_tried(
    tmp_path: Path, database: Database, listening: str
) -> None:
    (tmp_path / "nodes.txt").write_text("# the rack\ngpu-2 = http://127.0.0.1:9  # the discard port\n\n")
    words = (f"gpu-1={listening}", "--file", "nodes.txt")
    for _ in range(2):
        done = module(tmp_path, "scripts.register_interfaces", *words)
        assert done.returncode == 0, done.stderr
        first, second = (line for line in done.stdout.splitlines() if "gpu-" in line)
        assert "healthy, not joined yet" in first
        assert "does not answer" in second
    rows = database.look(lambda work: interfaces.listed(work, None, None, 10))
    assert {(row.name, row.address, row.admission, bool(row.expected)) for row in rows} == {
        ("gpu-1", listening, "approved", True),
        ("gpu-2", "http://127.0.0.1:9", "approved", True),
    }


@pytest.mark.parametrize(
    ("pair", "code", "sentence"),
    [
        ("gpu-1", 2, "'gpu-1' is no NAME=ADDRESS pair"),
        ("=http://10.0.0.1", 2, "'=http://10.0.0.1' is no NAME=ADDRESS pair"),
        ("meta=http://169.254.169.254", 1, "meta: http://169.254.169.254 may not be called"),
    ],
)
def test_a_pair_that_cannot_be_registered_registers_nothing(
    tmp_path: Path, database: Database, pair: str, code: int, sentence: str
) -> None:
    done = module(tmp_path, "scripts.register_interfaces", "good=http://10.0.0.1:6002", pair)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(sentence)

    def count(work: Work) -> int:
        return len(interfaces.listed(work, None, None, 10))

    assert database.look(count) == 0


def test_the_help_names_every_word(tmp_path: Path) -> None:
    printed = segfleet(tmp_path, "--help", COLUMNS="120").stdout
    for word in (
        "up",
        "coordinator",
        "node",
        "login",
        "submit",
        "process",
        "tasks",
        "nodes",
        "models",
        "users",
        "doctor",
    ):
        assert f" {word} " in printed
