"""Who is at the other end: the peer, or what a trusted proxy says about it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


def client_address(peer: str, forwarded_for: str, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The nearest address that is no trusted proxy, read from right to left; anything else can be made up by anybody.

    `peer` is the socket's other end, `forwarded_for` the `X-Forwarded-For` header or "".
    """
    address = peer
    for word in reversed([peer] if not forwarded_for else [*forwarded_for.split(","), peer]):
        parsed = _parsed(word.strip())
        if parsed is None:
            return address
        address = str(parsed)
        if not any(parsed in network for network in trusted):
            return address
    return address


def household(address: str) -> str:
    """One household of IPv6 has 2**64 addresses and counts once."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _parsed(word: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(word.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
