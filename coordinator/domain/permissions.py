"""Who may do what: two roles."""

from protocol.states import Role


def may_administer(role: str) -> bool:
    """Whether an account may see and change what belongs to others and to the service."""
    return role == Role.ADMIN
