"""Nodes own no clock: the coordinator says what time it is."""

import time


class ServerClock:
    """The coordinator's time: what it last said plus the monotonic time since."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return time.monotonic() + self._offset

    def set(self, server_time: float) -> None:
        """Follow what the coordinator said just now."""
        self._offset = server_time - time.monotonic()
