import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import InvalidToken, TokenExpired
from coordinator.gateway.tokens import SHOWN, Tokens, is_key, key_digest, new_key

LIFE_S = 3600
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100)


@given(SECRETS, st.integers(1, 2**31), st.floats(0, 2**33), st.floats(0, LIFE_S - 1))
def test_a_token_says_who_and_which_version_while_it_lives(secret: str, version: int, now: float, later: float) -> None:
    tokens = Tokens(secret, LIFE_S)
    assert tokens.read(tokens.issue("somebody", version, now), now + later) == ("somebody", version)


def test_a_token_ends_when_it_says() -> None:
    tokens = Tokens("secret", LIFE_S)
    token = tokens.issue("somebody", 1, 1000.7)
    assert tokens.read(token, 1000 + LIFE_S - 0.01)
    with pytest.raises(TokenExpired):
        tokens.read(token, 1000 + LIFE_S)


def test_the_secret_is_the_key_as_other_programs_use_it() -> None:
    token = Tokens("x" * 32, LIFE_S).issue("somebody", 1, 1)
    claims = jwt.decode(token, "x" * 32, ["HS256"], options={"verify_exp": False})
    assert claims == {"sub": "somebody", "ver": 1, "iat": 1, "exp": 1 + LIFE_S}


@given(SECRETS, SECRETS)
def test_a_token_of_another_secret_is_not_ours(mine: str, other: str) -> None:
    token = Tokens(other, LIFE_S).issue("somebody", 1, 0)
    if mine != other:
        with pytest.raises(InvalidToken):
            Tokens(mine, LIFE_S).read(token, 0)
    assert Tokens(other, LIFE_S).read(token, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sub": None},
        {"sub": 7},
        {"ver": None},
        {"ver": True},
        {"ver": "1"},
        {"exp": "soon"},
        {"exp": True},
        {"iat": None},
    ],
)
def test_a_claim_that_is_missing_or_of_another_kind_is_refused(wrong: dict[str, object]) -> None:
    claims = {"sub": "somebody", "ver": 1, "iat": 0, "exp": 2**40, **wrong}
    given_claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(given_claims, b"secret".ljust(64, b"\0"), "HS256")
    with pytest.raises(InvalidToken):
        Tokens("secret", LIFE_S).read(token, 0)


@given(st.text(max_size=100))
def test_no_text_is_a_token_or_breaks_the_check(text: str) -> None:
    with pytest.raises(InvalidToken):
        Tokens("secret", LIFE_S).read(text, 0)


def test_a_key_is_long_random_and_kept_as_a_digest() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    for key in keys:
        assert is_key(key)
        assert len(key) > 40
        assert key[SHOWN:] not in key_digest(key)
        assert len(key_digest(key)) == 64
    assert not is_key("eyJ.a.b")
