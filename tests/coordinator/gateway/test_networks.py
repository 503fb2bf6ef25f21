"""Which addresses are called: judged by their numbers, whatever form they come in."""

import socket
from ipaddress import ip_network

import pytest

from coordinator.errors import AddressRefused
from coordinator.gateway.networks import Forbidden, Networks

ANYWHERE = Networks()


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_link_local_metadata_multicast_and_unspecified_are_never_called(address: str) -> None:
    assert not ANYWHERE.permits(address)
    assert not Networks([ip_network("0.0.0.0/0"), ip_network("::/0")]).permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.9", "fd12::1", "8.8.8.8", "2600::1"])
def test_loopback_private_and_public_addresses_are_called_by_default(address: str) -> None:
    assert ANYWHERE.permits(address)


def test_a_list_of_networks_leaves_out_everything_else() -> None:
    networks = Networks([ip_network("10.0.0.0/8"), ip_network("fd12::/16")])
    assert [networks.permits(a) for a in ("10.9.9.9", "::ffff:10.9.9.9", "fd12::7")] == [True, True, True]
    assert [networks.permits(a) for a in ("127.0.0.1", "11.0.0.1", "::1")] == [False, False, False]


def test_no_socket_is_made_for_an_address_that_is_not_called() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    with pytest.raises(Forbidden):
        ANYWHERE.socket(info)


def test_an_address_is_kept_in_one_spelling() -> None:
    assert ANYWHERE.checked("https://gpu.example.org:8443/node/") == "https://gpu.example.org:8443/node"


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]:6002",
        "http://user:password@10.0.0.1",
        "http://10.0.0.1/?x=1",
        "http://10.0.0.1/#x",
        "ftp://10.0.0.1",
        "http:///path",
    ],
)
def test_an_address_with_more_than_a_path_or_in_a_forbidden_network_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        ANYWHERE.checked(address)
