"""What a poll of the pull lane is answered with: what it has room for, and first what an earlier one did not get."""

from collections import deque
from collections.abc import Collection

from protocol.interfaces import Next
from protocol.states import StepKind
from protocol.work import Assignment


class Handing:
    """Hands out `offers`, and remembers to which boot of a node."""

    def __init__(self, offers: deque[Assignment]) -> None:
        self._offers = offers
        self._handed: list[tuple[str, Assignment]] = []

    def to(self, message: Next, ended: Collection[str]) -> tuple[Assignment, ...]:
        """The answer to a poll; `ended` are attempts that were heard of."""
        known = {*(one.attempt_id for one in message.attempts), *ended}
        again = [offer for boot, offer in self._handed if boot == message.boot_id and offer.attempt_id not in known]
        given: list[Assignment] = []
        room = {False: message.free_slots, True: message.light_slots}
        for offer in (*again, *self._offers):
            light = offer.kind == StepKind.ASSEMBLE
            if room[light]:
                room[light] -= 1
                given.append(offer)
        for offer in given:
            if offer not in again:
                self._offers.remove(offer)
                self._handed.append((message.boot_id, offer))
        return tuple(given)
