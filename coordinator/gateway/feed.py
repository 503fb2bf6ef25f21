"""News inside one process: whoever listens hears what was committed, on the event loop's thread, in order."""

import logging
from collections.abc import Callable, Hashable, Sequence

log = logging.getLogger(__name__)
Ear = Callable[[Hashable], None]


class Feed:
    """A list of listeners; one that fails costs the others nothing."""

    def __init__(self) -> None:
        self._ears: list[Ear] = []

    def listen(self, ear: Ear) -> Callable[[], None]:
        """Hear everything from now on; call the answer to stop."""
        self._ears.append(ear)
        return lambda: self._ears.remove(ear)

    def publish(self, news: Sequence[Hashable]) -> None:
        """Tell everybody."""
        for item in news:
            for ear in tuple(self._ears):
                try:
                    ear(item)
                except Exception:
                    log.exception("listener_failed")
