import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.logs import HIDDEN, without_secrets

ROOT = Path(__file__).resolve().parents[2]
ADMIN_PASSWORD = "administrator of this test"
PASSWORD = "a password of this test"
LOGGER = logging.getLogger(__name__)


@contextmanager
def running(home: Path, port: int) -> Iterator[httpx.Client]:
    """`python -m coordinator`, whose log goes to a file in `home`."""
    environment = {
        **os.environ, "SEGFLEET_HOME": str(home), "API_PORT": str(port), "LOG_FILE": str(home / "logs" / "log.json"),
        "ADMIN_PASSWORD": ADMIN_PASSWORD, "PYTHONPATH": str(ROOT), "LOG_LEVEL": "DEBUG",
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "coordinator"], cwd=home, env=environment)
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", transport=transport, timeout=30) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_request_is_one_line_with_its_ids_and_no_line_holds_a_secret(tmp_path: Path, free_port: int) -> None:
    with running(tmp_path, free_port) as client:
        client.post("/auth/register", json={"username": "somebody", "password": PASSWORD})
        token = client.post("/auth/login", json={"username": "somebody", "password": PASSWORD}).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}", "X-Request-ID": "request-of-this-test"}
        key = client.post("/auth/keys", json={"name": "laptop"}, headers=bearer).json()
        client.get("/videos/nothing?sig=signature-of-a-link&token=also-secret", headers=bearer)
        client.delete(f"/auth/keys/{key['id']}", headers=bearer)
        client.post("/auth/login", content=f'{{"password": "{PASSWORD}", '.encode())
        client.post("/auth/login", json={"username": "somebody", "password": PASSWORD, "x": 1})
    text = (tmp_path / "logs" / "log.json").read_text()
    for secret in (PASSWORD, ADMIN_PASSWORD, token, key["key"], "signature-of-a-link", "also-secret"):
        assert secret not in text
    lines = [json.loads(line) for line in text.splitlines()]
    removed = next(line for line in lines if line.get("method") == "DELETE")
    assert removed["event"] == "request"
    assert removed["request_id"] == "request-of-this-test"
    assert removed["key_id"] == key["id"]
    assert removed["status"] == 204
    assert removed["account_id"]
    assert all(line["level"] and line["time"] for line in lines)


def test_fields_named_for_secrets_are_hidden() -> None:
    event = {"event": "x", "password": "p", "attempt_token": "t", "params": {"api_key": "k", "name": "n"}, "token": ""}
    hidden = {"password": HIDDEN, "attempt_token": HIDDEN, "params": {"api_key": HIDDEN, "name": "n"}}
    assert without_secrets(LOGGER, "info", event) == event | hidden


@pytest.mark.parametrize(
    "text",
    [
        "Bearer {}", "GET /videos/x?exp=1&sig={}", "eyJhbGciOiJIUzI1NiJ9.{}.xyz", "sfk_{}",
        "cannot connect to postgresql+psycopg://user:{}@host/name", "Traceback ...\n  token = 'eyJhIjoxfQ.{}.c'",
    ],
)  # fmt: skip
def test_secrets_in_text_are_hidden(text: str) -> None:
    secret = secrets.token_urlsafe(24)
    shown = without_secrets(LOGGER, "info", {"event": text.format(secret)})
    assert secret not in str(shown)


@given(st.text())
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    for mark in ("eyJ", "sfk_", "sig=", "Bearer ", "://"):
        text = text.replace(mark, "")
    assert without_secrets(LOGGER, "info", {"event": text}) == {"event": text}
