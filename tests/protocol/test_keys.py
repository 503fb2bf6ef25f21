import re

import pytest

from coordinator.settings import Settings
from interface_node.settings import NodeSettings
from protocol.keys import KEYS

PARTS_OF_OTHERS = {"PORT", "DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST", "DB_DIALECT", "DB_PORT"}
"""PORT is another name of API_PORT; DB_* become the database address."""


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_explained(name: str) -> None:
    key = KEYS[name]
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
    assert key.meaning
    assert "\n" not in key.default + key.meaning


def test_every_key_of_the_coordinator_is_a_field_of_its_settings() -> None:
    keys = {name for name, key in KEYS.items() if key.owner in {"coordinator", "both"}} - PARTS_OF_OTHERS
    assert {name.upper() for name in Settings.model_fields} == keys


def test_every_key_of_the_node_is_a_field_of_its_settings() -> None:
    keys = {name for name, key in KEYS.items() if key.owner in {"node", "both"}}
    assert {name.upper() for name in NodeSettings.model_fields} == keys
