"""`segfleet backup`: a copy of the database, taken while the coordinator runs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.refusal import Refusal, console

if TYPE_CHECKING:
    from coordinator.settings import Settings


def backup(
    path: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Copy the SQLite database while it is in use; for a database server, say what to run."""
    from sqlalchemy import make_url

    from scripts.database import settings

    chosen = settings()
    url = make_url(chosen.database_url)
    if url.get_backend_name() != "sqlite":
        raise Refusal(_server(url.get_backend_name(), url.host or "", url.port, url.username or "", url.database or ""))
    source = Path(url.database or "")
    if not source.is_file():
        raise Refusal(f"There is no database {source} yet.")
    if path.exists() and not force:
        raise Refusal(f"{path} is there already; name another file, or give --force.")
    size = copy(source, path)
    console.print(f"{path}: {size} bytes, whole and checked", soft_wrap=True, markup=False, highlight=False)
    console.print(_files(chosen), soft_wrap=True, markup=False, highlight=False)


def copy(source: Path, target: Path) -> int:
    """Copy an SQLite database that may be in use; `target` is whole or not there. Its size in bytes."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(part)) as new:
            old.backup(new)
            verdict = new.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise Refusal(f"The copy is not sound: {verdict}.")
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise Refusal(f"{target} could not be written: {error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def _files(chosen: "Settings") -> str:
    folders = " ".join(map(str, (chosen.upload_videos_dir, chosen.upload_backgrounds_dir, chosen.results_dir)))
    return (
        f"The files are not in it: {folders}\n"
        "Copy them after the database (they only ever appear whole), for instance with rsync -a, and keep JWT_SECRET: "
        "without it every node has to join anew."
    )


def _server(kind: str, host: str, port: int | None, user: str, name: str) -> str:
    where = f"--host={host}" + (f" --port={port}" if port else "")
    if kind == "postgresql":
        line = f"pg_dump {where} --username={user} --format=custom --file=segfleet.dump {name}"
    else:
        line = f"mariadb-dump {where} --user={user} --password --single-transaction --result-file=segfleet.sql {name}"
    return f"The database is on a server, whose own tool copies it; run: {line}"
