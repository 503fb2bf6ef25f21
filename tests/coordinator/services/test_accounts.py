import asyncio
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import (
    AccountDisabled,
    InvalidCredentials,
    InvalidRequest,
    InvalidToken,
    LastAdmin,
    NotFound,
    TokenRevoked,
    UsernameTaken,
)
from coordinator.gateway.passwords import Passwords
from coordinator.gateway.tokens import Claims, new_key
from coordinator.services import accounts, sessions
from coordinator.store import audit, users
from coordinator.store.database import Database
from coordinator.store.tables import Users
from protocol.base import UserId
from protocol.states import Role

ADDRESS = "192.0.2.1"


async def made(database: Database, name: str, role: Role = Role.USER) -> Users:
    return await database.write(lambda work: accounts.create(work, name, "hash", role=role, address=ADDRESS))


async def test_an_account_is_kept_under_its_folded_name(database: Database) -> None:
    account = await made(database, "Ｓtraße")
    assert account.username == "strasse"
    assert account.version == 1
    found = await database.read(lambda work: accounts.find(work, "STRASSE"))
    assert found is not None
    assert found.id == account.id
    assert await database.read(lambda work: accounts.find(work, "no such name")) is None


async def test_names_that_differ_by_an_accent_are_two_names(database: Database) -> None:
    await made(database, "jose")
    assert (await made(database, "josé")).username == "josé"


async def test_of_ten_who_want_one_name_at_once_one_gets_it(database: Database) -> None:
    answers = await asyncio.gather(*(made(database, "wanted") for _ in range(10)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, UsernameTaken)]) == 9
    assert await database.read(users.count) == 1


async def test_claims_count_while_version_and_account_do(database: Database) -> None:
    account = await made(database, "somebody")
    claims = Claims(UserId(account.id), 1)
    assert (await database.read(lambda work: accounts.by_claims(work, claims))).id == account.id
    await database.write(lambda work: accounts.log_out(work, account, ADDRESS))
    with pytest.raises(TokenRevoked):
        await database.read(lambda work: accounts.by_claims(work, claims))
    with pytest.raises(InvalidToken):
        await database.read(lambda work: accounts.by_claims(work, Claims(UserId("nobody"), 1)))


async def test_a_login_whose_password_changed_meanwhile_does_not_count(database: Database) -> None:
    account = await made(database, "somebody")
    await database.write(lambda work: accounts.set_password(work, account, "other hash", actor="system"))
    with pytest.raises(InvalidCredentials):
        await database.write(lambda work: accounts.logged_in(work, account, ADDRESS))


async def test_a_key_works_until_it_expires_is_removed_or_its_account_is_disabled(database: Database) -> None:
    admin, account, key = await made(database, "admin", Role.ADMIN), await made(database, "somebody"), new_key()
    now = await database.read(lambda work: work.now)
    row = await database.write(lambda work: accounts.add_key(work, account, "laptop", key, now + 60, ADDRESS))
    assert key.startswith(row.prefix)
    found, _row = await database.read(lambda work: accounts.by_key(work, key))
    assert found.id == account.id
    await database.write(lambda work: accounts.administer(work, admin, account.id, {"disabled": True}, ADDRESS))
    with pytest.raises(AccountDisabled):
        await database.read(lambda work: accounts.by_key(work, key))
    await database.write(lambda work: accounts.remove_key(work, account, row.id, ADDRESS))
    with pytest.raises(InvalidToken):
        await database.read(lambda work: accounts.by_key(work, key))
    with pytest.raises(InvalidRequest):
        await database.write(lambda work: accounts.add_key(work, account, "old", key, now - 1, ADDRESS))


async def test_a_key_use_is_written_down_once_in_a_while(database: Database) -> None:
    account, key = await made(database, "somebody"), new_key()
    row = await database.write(lambda work: accounts.add_key(work, account, "laptop", key, None, ADDRESS))
    assert await database.read(lambda work: accounts.key_needs_touch(work, row))
    await database.write(lambda work: users.touch_key(work, row.id))
    _account, touched = await database.read(lambda work: accounts.by_key(work, key))
    assert not await database.read(lambda work: accounts.key_needs_touch(work, touched))


async def test_an_account_has_a_bounded_number_of_keys(database: Database) -> None:
    account = await made(database, "somebody")
    for _ in range(accounts.MOST_KEYS):
        await database.write(lambda work: accounts.add_key(work, account, "k", new_key(), None, ADDRESS))
    with pytest.raises(InvalidRequest):
        await database.write(lambda work: accounts.add_key(work, account, "k", new_key(), None, ADDRESS))


async def test_of_two_last_administrators_who_step_down_at_once_one_stays(database: Database) -> None:
    both = [await made(database, name, Role.ADMIN) for name in ("one", "two")]

    async def step_down(who: Users) -> Users:
        return await database.write(lambda work: accounts.administer(work, who, who.id, {"role": "user"}, ADDRESS))

    answers = await asyncio.gather(*map(step_down, both), return_exceptions=True)
    assert [type(answer) for answer in answers].count(LastAdmin) == 1
    assert len(await database.write(users.lock_admins)) == 1


async def test_disabling_ends_sessions_and_a_bound_does_not(database: Database) -> None:
    admin, account = await made(database, "admin", Role.ADMIN), await made(database, "somebody")
    bounded = await database.write(
        lambda work: accounts.administer(work, admin, account.id, {"storage_mb": 5, "klass": 1}, ADDRESS)
    )
    assert (bounded.version, bounded.storage_mb, bounded.klass) == (1, 5, 1)
    disabled = await database.write(
        lambda work: accounts.administer(work, admin, account.id, {"disabled": True}, ADDRESS)
    )
    assert disabled.version == 2
    with pytest.raises(NotFound):
        await database.write(lambda work: accounts.administer(work, admin, "nobody", {"role": "user"}, ADDRESS))


async def test_the_audit_is_part_of_the_transaction(database: Database) -> None:
    account = await made(database, "somebody")
    with pytest.raises(UsernameTaken):
        await made(database, "somebody")
    await database.write(lambda work: accounts.login_failed(work, "x" * 500, "credentials", ADDRESS))
    rows = await database.read(lambda work: audit.page(work, before=None, limit=10))
    assert [(row.action, row.actor, row.address) for row in rows] == [
        ("login.failed", "x" * 64, ADDRESS),
        ("user.registered", "somebody", ADDRESS),
    ]
    assert rows[1].target == account.id
    earlier = await database.read(lambda work: audit.page(work, before=rows[0].seq, limit=10))
    assert [row.seq for row in earlier] == [rows[1].seq]


async def test_accounts_are_listed_by_name_and_found_by_any_part(database: Database) -> None:
    for name in ("ada_x", "bob", "adaxx", "cleo"):
        await made(database, name)
    first = await database.read(lambda work: users.page(work, q="", after="", limit=2))
    rest = await database.read(lambda work: users.page(work, q="", after=first[-1].username, limit=9))
    assert sorted(row.username for row in [*first, *rest]) == ["ada_x", "adaxx", "bob", "cleo"]
    assert [row.username for row in await database.read(lambda work: users.page(work, q="_", after="", limit=9))] == [
        "ada_x"
    ]


async def test_the_first_administrator_is_made_once_and_the_password_is_its_owners_alone(
    database: Database, tmp_path: Path
) -> None:
    passwords = Passwords()
    await sessions.first_administrator(database, passwords, "Admin", "", tmp_path)
    file = tmp_path / sessions.PASSWORD_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    written = file.read_text()
    admin = await database.read(lambda work: accounts.find(work, "admin"))
    assert admin is not None
    assert admin.role == Role.ADMIN
    assert await passwords.verify(written.strip(), admin.password_hash)
    await sessions.first_administrator(database, passwords, "other", "", tmp_path)
    assert file.read_text() == written
    assert await database.read(users.count) == 1
    await passwords.close()


async def test_a_given_password_of_the_first_administrator_is_written_nowhere(
    database: Database, tmp_path: Path
) -> None:
    passwords = Passwords()
    await sessions.first_administrator(database, passwords, "admin", "given by the settings", tmp_path)
    admin = await database.read(lambda work: accounts.find(work, "admin"))
    assert admin is not None
    assert await passwords.verify("given by the settings", admin.password_hash)
    assert not (tmp_path / sessions.PASSWORD_FILE).exists()
    await passwords.close()


@given(st.text(max_size=80))
def test_a_folded_name_is_stable_or_refused(name: str) -> None:
    try:
        folded = accounts.folded(name)
    except InvalidRequest as error:
        folded = ""
        refused = [one.code for one in error.errors]
    else:
        refused = []
    assert refused == ["invalid_username"] or accounts.folded(folded) == folded
    assert unicodedata.is_normalized("NFKC", folded)
    assert " " not in folded
