"""Uploads as JSON."""

from typing import Any

from coordinator.clock import rfc3339
from coordinator.gateway.links import Links
from coordinator.store.tables import Media

DAY_S = 86_400


def media(row: Media, links: Links, upload_days: float, now: float) -> dict[str, Any]:
    """`width` and `height` are in storage orientation, `rotation` is counter-clockwise; `expires_at` moves on with
    every use."""
    facts = row.facts
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "size": row.size,
        "width": row.width,
        "height": row.height,
        "frames": row.frames,
        "duration": row.duration,
        "fps": row.fps,
        "rotation": facts.get("rotation", 0),
        "has_audio": facts.get("has_audio", False),
        "codec": facts.get("codec"),
        "container": facts.get("container"),
        "content_type": row.content_type,
        "sha256": row.sha256,
        "url": links.media(row.kind, row.id, now),
        "thumbnail_url": links.thumbnail(row.kind, row.id, now) if row.has_thumbnail else None,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.last_used_at + upload_days * DAY_S),
    }
