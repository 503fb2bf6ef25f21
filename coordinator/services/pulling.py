"""One question of the pull lane: what a node holds is heard, and offers that it has not seen are sent again."""

from dataclasses import dataclass

from coordinator.services import dispatching, leases, registry
from coordinator.services.dispatching import Offer
from coordinator.services.leases import Heard
from coordinator.services.rules import Rules
from coordinator.store.work import Work
from protocol.interfaces import Next
from protocol.states import Lane


@dataclass(frozen=True, slots=True)
class Asked:
    """What to answer: work, what to stop or drop, and the lane that the node is in."""

    offers: tuple[Offer, ...]
    heard: Heard
    lane: str

    @property
    def answered(self) -> bool:
        """Whether there is something to say now. A node of the push lane need not wait here."""
        return bool(self.offers or self.heard.cancel or self.heard.unknown) or self.lane == Lane.PUSH


def ask(work: Work, rules: Rules, message: Next) -> Asked:
    """Take the list of a poll. BadSignature: another boot has registered since; Revoked."""
    row = registry.current(work, message.interface_id, message.boot_id)
    heard = leases.hear(work, rules, row.id, message.boot_id, message.attempts)
    registry.sign_of_life(work, rules, row.id)
    known = {item.attempt_id for item in message.attempts}
    offers = dispatching.unanswered(work, row.id, known)
    heavy = [offer for offer in offers if not offer.attempt.light][: message.free_slots]
    light = [offer for offer in offers if offer.attempt.light][: message.light_slots]
    return Asked((*light, *heavy), heard, row.lane)
