"""A PostgreSQL cluster of one's own in a temporary directory: started, crashed, thrown away."""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from scripts.faults.real.programs import free_port
from scripts.refusal import Refusal

PLACES = "/usr/lib/postgresql/*/bin"
OWNER = "postgres"
"""PostgreSQL refuses to run as root; its packages make this account."""


def binaries() -> Path:
    """Where `initdb` and `pg_ctl` are. Refusal: nowhere."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/").glob(PLACES.lstrip("/")), key=lambda path: path.parts[-2].zfill(4))
    if not versions:
        raise Refusal(f"No PostgreSQL on this machine: initdb is neither on the PATH nor in {PLACES}.")
    return versions[-1]


class Postgres:
    """Use with `with`; `url` is an empty database."""

    def __init__(self) -> None:
        self._bin = binaries()
        self.port = free_port()
        self.url = f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/postgres"
        self._home = Path()

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="segfleet-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._home, OWNER)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", OWNER, "-E", "UTF8", "--no-locale")
        self._control("start")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._control("stop", "-m", "immediate")
        finally:
            shutil.rmtree(self._home, ignore_errors=True)

    def crash(self) -> None:
        """As its machine would: no checkpoint; recovery at the next start."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Come back."""
        self._control("start")

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _control(self, *words: str) -> None:
        options = f"-p {self.port} -k {self._home} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._home / "log"), "-o", options, "-w", *words)

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._bin / program), *words]
        if os.geteuid() == 0:
            command = ["su", OWNER, "-s", "/bin/sh", "-c", shlex.join(command)]
        done = subprocess.run(command, cwd=self._home, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise Refusal(f"{program} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
