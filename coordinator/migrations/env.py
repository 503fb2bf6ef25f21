"""What Alembic runs: on the connection that it was handed, or on one of `-x url=...` for the command line."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, String
from sqlmodel import AutoString

from coordinator.store import tables
from coordinator.store.database import begin_immediate, make_engine
from coordinator.store.schema import metadata

assert tables.Users.__tablename__ in metadata.tables


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Plain SQLAlchemy types in revisions: they must outlive the library that made them."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.{String(item.length)!r}"
    return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render,
        transactional_ddl=connection.dialect.name != "mysql",
    )
    with context.begin_transaction():
        context.run_migrations()


def _from_command_line() -> None:
    engine = make_engine(context.get_x_argument(as_dictionary=True)["url"])
    with engine.begin() as connection:
        begin_immediate(connection)
        _migrate(connection)
    engine.dispose()


handed: Connection | None = context.config.attributes.get("connection")
if handed is None:
    _from_command_line()
else:
    _migrate(handed)
