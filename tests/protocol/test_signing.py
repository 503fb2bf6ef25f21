import base64
import hashlib
import hmac

from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.signing import TOLERANCE_S, Direction, identity_proof, sign, verify

SECRETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
DIRECTIONS: st.SearchStrategy[Direction] = st.sampled_from(["to-node", "to-coordinator"])
TIMES = st.floats(0, 2**33)
IDS = st.text("abc-123", min_size=1, max_size=20)
SKEWS = st.floats(-TOLERANCE_S + 1, TOLERANCE_S - 1)
FACTS = st.sampled_from(["secret", "direction", "method", "path", "body", "id", "time"])
PATHS = st.text("/abc?=&%", min_size=1, max_size=30)
METHODS = st.sampled_from(["GET", "POST", "DELETE"])


@given(
    SECRETS,
    DIRECTIONS,
    IDS,
    TIMES,
    METHODS,
    PATHS,
    st.binary(max_size=100),
    st.floats(-TOLERANCE_S + 1, TOLERANCE_S - 1),
)
def test_what_is_signed_is_good_within_the_tolerance(
    secret: str, direction: Direction, message_id: str, now: float, method: str, path: str, body: bytes, skew: float
) -> None:
    headers = sign(secret, direction, message_id=message_id, now=now, method=method, path=path, body=body)
    assert verify(secret, direction, headers, now=now + skew, method=method, path=path, body=body) == "ok"


@given(
    st.sampled_from(["secret", "direction", "method", "path", "body", "id", "time"]),
    SECRETS,
    SECRETS,
    TIMES,
    PATHS,
    PATHS,
)
def test_one_changed_fact_breaks_it(
    changed: str, secret: str, other: str, now: float, path: str, other_path: str
) -> None:
    assume(secret != other and path != other_path)
    headers = sign(secret, "to-node", message_id="m", now=now, method="POST", path=path, body=b"body")
    headers |= {"id": {"webhook-id": "n"}, "time": {"webhook-timestamp": str(int(now) + 1)}}.get(changed, {})
    verdict = verify(
        other if changed == "secret" else secret,
        "to-coordinator" if changed == "direction" else "to-node",
        headers,
        now=now,
        method="DELETE" if changed == "method" else "POST",
        path=other_path if changed == "path" else path,
        body=b"other" if changed == "body" else b"body",
    )
    assert verdict == "bad_signature"


@given(st.integers(0, 2**33), st.integers(TOLERANCE_S + 1, 10**6), st.booleans())
def test_a_clock_far_away_is_told_apart_from_a_wrong_signature(now: int, skew: int, behind: bool) -> None:
    assume(now > skew)
    headers = sign("secret", "to-node", message_id="m", now=now, method="GET", path="/x", body=b"")
    at = now - skew if behind else now + skew
    assert verify("secret", "to-node", headers, now=at, method="GET", path="/x", body=b"") == "clock_skew"
    assert verify("wrong", "to-node", headers, now=at, method="GET", path="/x", body=b"") == "bad_signature"


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=30)))
def test_no_made_up_header_is_good_or_breaks_the_check(headers: dict[str, str]) -> None:
    assert verify("secret", "to-node", headers, now=0, method="GET", path="/", body=b"") in {"missing", "bad_signature"}


@given(SECRETS, SECRETS)
def test_a_second_signature_in_the_header_counts_while_keys_change(old: str, new: str) -> None:
    signed = sign(old, "to-node", message_id="m", now=7, method="GET", path="/x", body=b"")
    fresh = sign(new, "to-node", message_id="m", now=7, method="GET", path="/x", body=b"")
    both = signed | {"webhook-signature": f"{signed['webhook-signature']} {fresh['webhook-signature']}"}
    assert verify(new, "to-node", both, now=7, method="GET", path="/x", body=b"") == "ok"


def test_the_form_is_that_of_standard_webhooks() -> None:
    headers = sign("secret", "to-coordinator", message_id="m", now=1.9, method="POST", path="/a?b", body=b"{}")
    key = hmac.digest(b"secret", b"to-coordinator", "sha256")
    payload = f"POST /a?b\n{hashlib.sha256(b'{}').hexdigest()}"
    expected = base64.b64encode(hmac.digest(key, f"m.1.{payload}".encode(), "sha256")).decode()
    assert headers == {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": f"v1,{expected}"}


@given(SECRETS, SECRETS, st.text("0123456789abcdef", min_size=32, max_size=32))
def test_an_identity_is_proved_by_the_secret_alone(secret: str, other: str, nonce: str) -> None:
    assume(secret != other)
    assert identity_proof(secret, nonce) == identity_proof(secret, nonce)
    assert identity_proof(secret, nonce) != identity_proof(other, nonce)
