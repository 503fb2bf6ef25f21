"""The connections between replicas, as the operating system sees them."""

import os
import socket
import sys

import psutil
import pytest
from sqlalchemy import make_url

from coordinator.store.notices import Notices


def _options(port: int) -> list[tuple[int, ...]]:
    """Of this process's connections to a port: keepalive, idle, interval, count, user timeout."""
    found = []
    for known in psutil.Process().net_connections("tcp"):
        if known.status == psutil.CONN_ESTABLISHED and known.raddr.port == port:
            with socket.socket(fileno=os.dup(known.fd)) as seen:
                tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
                said = (seen.getsockopt(socket.IPPROTO_TCP, option) for option in tcp)
                found.append((seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *said))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="other systems name these options differently")
async def test_a_connection_to_a_server_that_is_gone_without_a_word_does_not_stay_open(
    shared_postgres_url: str,
) -> None:
    port = make_url(shared_postgres_url).port or 5432
    async with Notices(shared_postgres_url).speaking() as say:
        await say("hello")
        assert (1, 20, 5, 3, 20_000) in _options(port)
