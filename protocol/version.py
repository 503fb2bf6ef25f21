"""Protocol versions: a range check at registration, never an equality check."""

PROTOCOL_VERSION = 1
OLDEST_SUPPORTED = 1
NEWEST_SUPPORTED = 2
"""One version ahead is accepted: unknown fields are ignored on both sides, so a newer node still understands us."""


def supported(version: int) -> bool:
    """Whether a peer that speaks `version` can work with this one."""
    return OLDEST_SUPPORTED <= version <= NEWEST_SUPPORTED
