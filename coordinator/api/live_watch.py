"""What happens to sockets by the clock: silence is broken, the silent, the slow and the expired are closed.

If it dies: `run` logs whatever happens and goes on; until then sockets only end by themselves.
"""

import asyncio
import logging
from typing import Final

from coordinator.api import live_identity, live_messages
from coordinator.api.live_audience import Bounds
from coordinator.api.live_feed import Hub, end
from coordinator.api.live_reader import Reader
from coordinator.clock import monotonic
from coordinator.errors import AccountError, StorageUnavailable
from coordinator.services.context import Context
from protocol.live import Close

log = logging.getLogger(__name__)
SILENT: Final = "silent"


class Watch:
    """Looks at every open socket, and more rarely at the rights behind it; `Bounds` says when."""

    def __init__(self, here: Context, hub: Hub) -> None:
        self._here = here
        self._audience = hub.audience
        self._rights_at = monotonic()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._audience.bounds.tick_s)
            try:
                await self.tick(monotonic())
            except StorageUnavailable:
                log.warning("live_rights_unread")
            except Exception:
                log.exception("live_watch_failed")

    async def tick(self, now: float) -> None:
        """At `now` (monotonic seconds)."""
        for reader in tuple(self._audience.open):
            attend(reader, now, self._audience.bounds)
        if now - self._rights_at >= self._audience.bounds.rights_s:
            self._rights_at = now
            await self.look_at_rights()

    async def look_at_rights(self) -> None:
        """Close the sockets of ended sessions."""
        readers = set(self._audience.open)
        for reader in readers:
            try:
                reader.identity.refuse_expired(self._here)
            except AccountError as error:
                reader.end(Close.UNAUTHORIZED, error.code)
        identities = [reader.identity for reader in readers]
        if identities:
            end(readers, await self._here.database.read(lambda work: live_identity.look(work, identities)))


def attend(reader: Reader, now: float, bounds: Bounds) -> None:
    """Let one socket live, break its silence, or end it."""
    if reader.busy_since is not None:
        if now - reader.busy_since > bounds.send_s:
            reader.drop()
    elif now - reader.heard_at > bounds.idle_s:
        reader.end(Close.SILENT, SILENT)
    elif now - reader.said_at > bounds.ping_s:
        reader.said_at = now
        reader.owe(live_messages.PING)
