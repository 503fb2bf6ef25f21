"""Secrets at rest."""

from coordinator.gateway.node_secrets import NodeSecrets


def test_what_is_sealed_opens_in_another_process_with_the_same_key() -> None:
    sealed = NodeSecrets("one key of this installation").seal("the node's secret")
    assert NodeSecrets("one key of this installation").open(sealed) == "the node's secret"


def test_a_sealed_secret_shows_nothing_and_never_looks_the_same_twice() -> None:
    box = NodeSecrets("one key of this installation")
    first, second = box.seal("the node's secret"), box.seal("the node's secret")
    assert first != second
    assert "secret" not in first


def test_a_secret_sealed_under_another_key_is_none() -> None:
    sealed = NodeSecrets("the key before").seal("the node's secret")
    assert NodeSecrets("the key after").open(sealed) is None


def test_a_damaged_secret_is_none() -> None:
    assert NodeSecrets("one key of this installation").open("not sealed at all") is None
