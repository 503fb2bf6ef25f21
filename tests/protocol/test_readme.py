import hashlib
import hmac
import json
import re
from pathlib import Path

from coordinator.api.routes import interfaces, node_work
from protocol import signing, version
from protocol.base import WireModel
from protocol.interfaces import Heartbeat, HeartbeatReply, Register, Registered
from protocol.reports import Callback
from protocol.work import Assignment

README = (Path(__file__).resolve().parents[2] / "protocol" / "README.md").read_text(encoding="utf-8")
MESSAGES: dict[str, type[WireModel]] = {
    "node_id": Register,
    "secret": Registered,
    "health": Heartbeat,
    "unknown_attempts": HeartbeatReply,
    "stage": Callback,
    "step_id": Assignment,
}
"""The field that tells each example of the page from the others."""


def _example() -> dict[str, str]:
    lines = README.partition("```text\n")[2].partition("```")[0].splitlines()
    parts = [re.split(r" +", line, maxsplit=1) for line in lines]
    return {part[0]: part[1] for part in parts}


def test_the_example_of_a_signature_is_right_in_every_number() -> None:
    said = _example()
    body = said["body"].encode()
    assert said["key"] == hmac.digest(said["secret"].encode(), said["direction"].encode(), "sha256").hex()
    assert said["sha256"] == hashlib.sha256(body).hexdigest()
    headers = signing.sign(
        said["secret"],
        "to-coordinator",
        message_id=said["id"],
        now=float(said["timestamp"]),
        method=said["method"],
        path=said["path"],
        body=body,
    )
    assert headers["webhook-signature"] == said["signature"]
    assert signing.identity_proof(said["secret"], said["nonce"]) == said["proof"]


def test_every_example_of_a_message_is_one_and_names_no_field_that_does_not_exist() -> None:
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
    assert len(examples) == len(MESSAGES)
    for example, (mark, kind) in zip(examples, MESSAGES.items(), strict=True):
        assert mark in example
        assert example.keys() <= kind.model_fields.keys()
        filled = example | ({"attempt_token": "a token of sixteen"} if kind is Assignment else {})
        kind.model_validate(_whole(filled))


def _whole(example: dict[str, object]) -> dict[str, object]:
    """The page shortens ids and hashes with dots; a hash must have all its digits."""
    text = re.sub(r'"(sha256)": "([0-9a-f]+)\.\.\."', lambda m: f'"sha256": "{m[2]:0<64}"', json.dumps(example))
    return dict(json.loads(text))


def test_every_route_that_a_node_calls_is_described() -> None:
    paths = {str(vars(route)["path"]) for router in (interfaces.router, node_work.router) for route in router.routes}
    described = README.replace("/files/{attempt_id}/source", "/files/{attempt_id}/{what}")
    assert [path for path in paths if path.removeprefix("/interfaces") not in described] == []


def test_the_versions_that_the_page_names_are_those_that_count() -> None:
    assert f"version {version.PROTOCOL_VERSION}." in README
    assert f"{version.OLDEST_SUPPORTED} and {version.NEWEST_SUPPORTED} today" in README
