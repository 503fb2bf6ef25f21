"""Accounts, sessions, keys and audit rows as JSON."""

from typing import Any

from coordinator.clock import rfc3339
from coordinator.services.sessions import PageSession, Session
from coordinator.store.tables import ApiKeys, Audit, Users


def account(row: Users) -> dict[str, Any]:
    """What an account may know of itself; `class` is for administrators."""
    return {
        "id": row.id,
        "username": row.username,
        "email": row.email,
        "role": row.role,
        "created_at": rfc3339(row.created_at),
        "last_login_at": rfc3339(row.last_login_at),
    }


def administered(row: Users) -> dict[str, Any]:
    """An account as administrators see it."""
    return {
        **account(row),
        "disabled": bool(row.disabled),
        "class": row.klass,
        "storage_mb": row.storage_mb,
        "max_waiting": row.max_waiting,
    }


def session(fresh: Session) -> dict[str, Any]:
    """The answer to a login."""
    return {"access_token": fresh.token, "token_type": "bearer", "expires_in": fresh.life_s}


def page(found: PageSession) -> dict[str, Any]:
    """The page's session: who, and what every unsafe request must carry. The cookie's value is not in it."""
    return {"user": account(found.account), "csrf_token": found.csrf, "expires_at": rfc3339(found.expires_at)}


def key(row: ApiKeys) -> dict[str, Any]:
    """An API key without the key."""
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "created_at": rfc3339(row.created_at),
        "last_used_at": rfc3339(row.last_used_at),
        "expires_at": rfc3339(row.expires_at),
    }


def audit(row: Audit, target_name: str | None) -> dict[str, Any]:
    """Who did what to whom; `target_name` is the account's, or what the row itself says."""
    return {
        "seq": row.seq,
        "at": rfc3339(row.at),
        "actor_id": row.actor_id,
        "actor": row.actor,
        "action": row.action,
        "target": row.target,
        "target_name": target_name or row.data.get("name"),
        "address": row.address,
        "data": row.data,
    }
