"""`segfleet secrets`: fresh secrets for `.env.production`."""

import secrets as random
import sys

from rich.console import Console

NAMES = {
    "JWT_SECRET": "key of tokens and of stored node secrets; a new one ends every session, and every node joins anew",
    "INTERFACE_IDENTIFICATION": "the string that nodes register with: the same on every node",
    "METRICS_TOKEN": "bearer token of /api/v1/metrics off loopback",
    "ADMIN_PASSWORD": "password of the first administrator, used once, at the first start",
}


def secrets() -> None:
    """Print fresh secrets in the form of .env.production. Nothing is kept."""
    for name, meaning in NAMES.items():
        sys.stdout.write(f"# {meaning}\n{name}={random.token_urlsafe(36)}\n")
    if sys.stdout.isatty():
        Console(stderr=True).print("append them to .env.production, readable by its owner only (chmod 600)")
