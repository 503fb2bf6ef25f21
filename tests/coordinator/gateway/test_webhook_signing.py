"""Signatures as a receiver checks them, by the library itself."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from coordinator.gateway.webhook_signing import PREFIX, SECRET_BYTES, fresh_secret, sign

BODY = '{"type":"task.completed","data":{"name":"ümlaut 视频"}}'


def test_a_receiver_verifies_what_was_signed() -> None:
    secret = fresh_secret()
    headers = sign([secret], "msg_1", time.time(), BODY)
    assert Webhook(secret).verify(BODY.encode(), headers)["type"] == "task.completed"


def test_either_of_two_secrets_verifies_while_one_replaces_the_other() -> None:
    old, new = fresh_secret(), fresh_secret()
    headers = sign([new, old], "msg_1", time.time(), BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "secret"])
def test_what_was_changed_is_not_verified(changed: str) -> None:
    secret, now = fresh_secret(), time.time()
    headers = sign([secret], "msg_1", now, BODY)
    headers |= {
        "webhook-id": {"webhook-id": "msg_2"},
        "webhook-timestamp": {"webhook-timestamp": str(int(now) - 1)},
    }.get(changed, {})
    body = BODY + " " if changed == "body" else BODY
    receiver = Webhook(fresh_secret() if changed == "secret" else secret)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(body, headers)


def test_an_old_message_is_not_verified() -> None:
    secret = fresh_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, sign([secret], "msg_1", time.time() - 301, BODY))


def test_every_secret_is_whole_base_64_of_its_own() -> None:
    made = {fresh_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(one.removeprefix(PREFIX), validate=True)) for one in made} == {SECRET_BYTES}
