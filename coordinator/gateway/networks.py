"""Which addresses the coordinator may call. Checked on the resolved address, while the socket is made.

A name is resolved by whoever owns it, and may answer differently a second later; so nothing is decided by names.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from coordinator.errors import AddressRefused

Network = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address

NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host, unspecified
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata, Alibaba
        "168.63.129.16/32",  # metadata and key service, Azure
        "192.0.0.192/32",  # metadata, Oracle
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "fd00:ec2::/32",  # metadata, Amazon
        "fd20:ce::254/128",  # metadata, Google
        "ff00::/8",
    )
)
NAT64: Final = IPv6Network("64:ff9b::/96")


class Forbidden(OSError):
    """The address lies in a network that must not be called."""


class Networks:
    """`allowed` empty: everything but the networks that are never called."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self.allowed = tuple(allowed)

    def permits(self, address: IpAddress | str) -> bool:
        """Whether an address may be called; an IPv6 address that carries an IPv4 one is judged by both."""
        inner = carried(ip_address(address))
        if any(one in network for one in inner for network in NEVER):
            return False
        return not self.allowed or any(one in network for one in inner for network in self.allowed)

    def checked(self, address: str) -> str:
        """A node's address in its one spelling, without a slash at the end. AddressRefused: it carries more than a
        path, or it is the number of a network that is never called; names are judged when they are called."""
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise AddressRefused("an address is http:// or https://, a host, a port and a path")
        if parts.query or parts.fragment:
            raise AddressRefused("an address has no query and no fragment")
        try:
            refused = not self.permits(parts.hostname.partition("%")[0])
        except ValueError:
            refused = False
        if refused:
            raise AddressRefused(address=address)
        return address.rstrip("/")

    def socket(
        self, info: tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]
    ) -> socket.socket:
        """A socket for one resolved address, as `aiohttp.TCPConnector(socket_factory=)` wants it. Raises Forbidden."""
        family, kind, protocol, _name, target = info
        host = str(target[0]).partition("%")[0]
        if not self.permits(host):
            raise Forbidden(f"{host} is in a network that is not called")
        return socket.socket(family, kind, protocol)


def carried(address: IpAddress) -> tuple[IpAddress, ...]:
    """The address and every IPv4 one that it stands for; of a mapped one the IPv4 address alone."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    inner: list[IpAddress] = [address]
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.append(address.teredo[1])
    if address in NAT64:
        inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return tuple(inner)
