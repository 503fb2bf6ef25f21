"""Which addresses webhooks reach: public ones, and those that the operator names."""

from ipaddress import ip_network

import pytest

from coordinator.gateway.webhook_networks import WebhookNetworks

PUBLIC = WebhookNetworks()
OWN = WebhookNetworks([ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
ALL = WebhookNetworks([ip_network("0.0.0.0/0"), ip_network("::/0")])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "::1",
        "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::7", "fc00::1",
        "100.64.0.1", "100.127.255.254",
        "169.254.169.254", "fe80::1",
        "224.0.0.1", "239.1.1.1", "ff02::1",
        "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "240.0.0.1",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "4000::1",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2600::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_what_is_public_is_reached(address: str) -> None:
    assert PUBLIC.permits(address)


def test_networks_of_ones_own_are_reached_beside_public_addresses() -> None:
    reached = ["127.0.0.1", "10.9.9.9", "::ffff:10.9.9.9", "fd12::7", "8.8.8.8"]
    refused = ["192.168.1.1", "172.16.0.1", "100.64.0.1", "::1"]
    assert [OWN.permits(one) for one in reached + refused] == [True] * len(reached) + [False] * len(refused)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "::"])
def test_link_local_and_metadata_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    assert ALL.permits("192.168.1.1")
    assert not ALL.permits(address)
