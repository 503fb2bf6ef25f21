"""Accounts without the cost of a password."""

from coordinator.ids import new_id
from coordinator.store import users
from coordinator.store.database import Database
from coordinator.store.tables import Users
from coordinator.store.work import Work


async def account(database: Database, name: str, **values: int) -> Users:
    """A new user; `values` are columns."""

    def unit(work: Work) -> Users:
        user_id = new_id()
        users.add(work, id=user_id, username=name, password_hash="", role="user", created_at=work.now, **values)
        row = users.get(work, user_id)
        assert row is not None
        return row

    return await database.write(unit)
