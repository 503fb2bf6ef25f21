"""Which addresses webhooks may reach: public ones, and the networks that the operator names."""

from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from typing import Final

from coordinator.gateway.networks import NAT64, NEVER, IpAddress, Network, Networks, carried

SPECIAL: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "2001::/23",  # protocol assignments, Teredo
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_PUBLIC_IPV6: Final = IPv6Network("2000::/3")


class WebhookNetworks(Networks):
    """Public addresses and those in `allowed`; what is never called is not called for being allowed."""

    def permits(self, address: IpAddress | str) -> bool:
        """Whether an address may be reached; one that stands for others is judged by each of them."""
        return all(self._reached(one) for one in carried(ip_address(address)))

    def _reached(self, address: IpAddress) -> bool:
        if any(address in network for network in NEVER):
            return False
        return _is_public(address) or any(address in network for network in self.allowed)


def _is_public(address: IpAddress) -> bool:
    if any(address in network for network in SPECIAL):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global
    return address in _PUBLIC_IPV6 or address in NAT64
