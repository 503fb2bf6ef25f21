"""Identifiers and random secrets: the only owner of randomness outside tokens and passwords.

An id is 26 characters of Crockford base 32 in lower case: 48 bits of milliseconds, then 80 random bits. Rows made
one after another lie beside each other in every index, and an id tells nothing that its `created_at` does not.
"""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_id() -> str:
    """A fresh opaque id; sorts by the time of its making to the millisecond."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def new_nonce() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)
