"""Ports of this machine: is one free, and which one is."""

import errno
import socket

from scripts.refusal import Refusal


def listener(host: str, port: int) -> socket.socket:
    """A bound socket, as a server of ours would get it. OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family)


def require_free(host: str, port: int, *ways: str) -> int:
    """`port`, or a free one for 0; `ways` are the options and keys that choose it. Refusal: nobody can listen there."""
    how = " or ".join(ways)
    try:
        with listener(host, port) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(
                f"Port {port} is taken by another program; stop that one, or choose another port ({how})."
            ) from error
        if error.errno == errno.EACCES:
            raise Refusal(f"Port {port} is for root alone; choose one above 1023 ({how}).") from error
        raise Refusal(f"Nobody can listen on {host} port {port}: {error.strerror or error} ({how}).") from error


def on_this_machine(host: str, port: int) -> str:
    """The address by which programs of this machine reach a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host).strip("[]")
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
