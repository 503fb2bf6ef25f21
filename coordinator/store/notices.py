"""Short texts from replica to replica over PostgreSQL's NOTIFY, on connections of their own.

A notice may be lost while a connection is: whoever hears looks for itself as well.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import make_url
from sqlalchemy.engine import URL

CHANNEL: Final = "segfleet_news"
MOST_BYTES: Final = 7900
"""PostgreSQL takes less than 8000."""
PATIENCE: Final = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Who only listens never notices that the other side is gone, unless the system asks: a firewall that forgot the
connection, a server that lost its power. Seconds, and milliseconds."""


def can_notify(url: str) -> bool:
    """Whether this database tells replicas about each other."""
    return make_url(url).drivername == "postgresql+psycopg"


class NoticesLostError(Exception):
    """The connection is gone; make another one."""


class Notices:
    """Speaks and hears on one channel of the database at `url`."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url)
        self._driver: Any = None  # psycopg is an extra: it is only there where a PostgreSQL is

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[Callable[[str], Any]]:
        """`await say(text)` tells every replica, this one too; at most `MOST_BYTES`. NoticesLostError."""
        async with self._connected() as connection:

            async def say(text: str) -> None:
                await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, text))

            yield say

    async def hear(self, ready: Callable[[], None], heard: Callable[[str], None]) -> None:
        """Hear until cancelled; `ready` is called once nothing can be missed any more. NoticesLostError."""
        async with self._connected() as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            ready()
            async for notice in connection.notifies():
                heard(notice.payload)
        raise NoticesLostError("the server closed the connection")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        dialect_class = self._url.get_dialect()
        driver = self._driver = self._driver or dialect_class.import_dbapi()
        positional, named = dialect_class().create_connect_args(self._url)
        try:
            connecting = driver.AsyncConnection.connect(*positional, **{**PATIENCE, **named}, autocommit=True)
            async with await connecting as connection:
                yield connection
        except driver.Error as error:
            raise NoticesLostError(type(error).__name__) from error
