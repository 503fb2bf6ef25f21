"""The paths that middleware treats differently: what nodes send, and what carries files."""

from typing import Final

API: Final = "/api/v1"
NODES: Final = f"{API}/interfaces/"
"""Signed messages and artifact pieces of nodes."""
PAGES: Final = "/web/"
"""What the users' pages are made of; the same for everybody."""
UPLOADS: Final = f"{API}/uploads"
"""Resumable uploads."""
FILES: Final = (f"{API}/videos", f"{API}/backgrounds", f"{API}/process/", UPLOADS)
"""Routes that take a whole file or a piece of one in their body."""
