"""What a signed body becomes once its signature is right."""

import json
import logging

import pytest

from coordinator.api import node_auth
from coordinator.api.node_auth import Signed
from coordinator.errors import BadSignature, BrokenJson, InvalidRequest
from protocol.base import InterfaceId
from protocol.interfaces import Heartbeat, Leave, Register
from tests.coordinator.api.joined import description


def test_fields_that_only_a_newer_node_knows_are_noted_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(description(from_the_future=1, **{"evil\n\u202ename": 2})).encode()
    with caplog.at_level(logging.INFO):
        node_auth.note_unknown(node_auth.parsed(Register, body), body)
    (record,) = caplog.records
    assert record.message == "unknown_fields"
    assert vars(record)["fields"] == ["evil name", "from_the_future"]


def test_nothing_is_noted_about_a_node_of_our_own_version(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(description()).encode()
    with caplog.at_level(logging.INFO):
        node_auth.note_unknown(node_auth.parsed(Register, body), body)
    assert caplog.records == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"interface_id": "\xff"}'])
def test_a_body_that_is_no_json_is_told_apart_from_one_that_is_wrong(body: bytes) -> None:
    with pytest.raises(BrokenJson):
        node_auth.parsed(Leave, body)


def test_every_wrong_place_is_named_as_a_pointer_and_nothing_that_was_sent_comes_back() -> None:
    body = {"interface_id": "i", "boot_id": "b", "seq": -1, "gpus": [{"index": 0, "util": "secret"}]}
    with pytest.raises(InvalidRequest) as refused:
        node_auth.parsed(Heartbeat, json.dumps(body).encode())
    assert [error.pointer for error in refused.value.errors] == ["/seq", "/gpus/0/util", "/gpus/0/vram_used_mb"]
    assert "secret" not in str(refused.value.errors)


def test_a_message_must_speak_of_the_node_that_signed_it() -> None:
    body = json.dumps({"interface_id": "another", "boot_id": "b"}).encode()
    with pytest.raises(BadSignature):
        node_auth.own(Leave, Signed(InterfaceId("one"), body))
    assert node_auth.own(Leave, Signed(InterfaceId("another"), body)).boot_id == "b"


def test_the_description_of_a_body_needs_nothing_outside_itself() -> None:
    schema = node_auth.body_of(Register)["requestBody"]["content"]["application/json"]["schema"]
    assert "$ref" not in json.dumps(schema)
    assert schema["properties"]["models"]["items"]["properties"]["warm"]["type"] == "boolean"
