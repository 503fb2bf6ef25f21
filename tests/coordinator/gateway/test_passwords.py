import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.errors import BusyHashing, WeakPassword
from coordinator.gateway.passwords import Passwords, hash_now

PASSWORD = "correct horse battery"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords()
    yield made
    await made.close()


async def test_a_password_fits_its_own_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(PASSWORD, stored)
    assert not await passwords.verify(PASSWORD + ".", stored)
    assert stored != await passwords.hash(PASSWORD)


async def test_nobody_has_any_password(passwords: Passwords) -> None:
    assert not await passwords.verify(PASSWORD, None)
    assert not await passwords.verify(PASSWORD, "not a hash")
    assert not await passwords.verify(PASSWORD, "")


async def test_an_unknown_name_costs_what_a_known_one_costs(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    cost: dict[str, float] = {}
    for name, digest in (("known", stored), ("unknown", None), ("known", stored), ("unknown", None)):
        began = time.process_time()
        await passwords.verify("some other password", digest)
        cost[name] = min(cost.get(name, 9.0), time.process_time() - began)
    assert 0.4 < cost["known"] / cost["unknown"] < 2.5


async def test_beyond_the_queue_the_answer_is_to_come_back() -> None:
    passwords = Passwords(at_once=2, queue=3)
    asked = [asyncio.ensure_future(passwords.verify(PASSWORD, None)) for _ in range(2 + 3 + 3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, BusyHashing)]
    assert len(busy) == 3
    assert busy[0].params["retry_after_s"] > 0
    assert not await passwords.verify(PASSWORD, None)
    await passwords.close()


async def test_a_caller_who_leaves_keeps_the_place_until_the_thread_is_free() -> None:
    passwords = Passwords(at_once=1, queue=0)
    leaver = asyncio.ensure_future(passwords.verify(PASSWORD, None))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(BusyHashing):
        await passwords.verify(PASSWORD, None)
    await passwords.close()


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 257, "é" * 129, "\ud800" * 100])
def test_a_new_password_has_12_to_256_bytes(password: str) -> None:
    with pytest.raises(WeakPassword) as raised:
        hash_now(password)
    assert raised.value.params == {"least": 12, "most": 256}


@settings(max_examples=4, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=12, max_size=60))
def test_any_text_of_that_size_is_a_password(password: str) -> None:
    assert hash_now(password)
