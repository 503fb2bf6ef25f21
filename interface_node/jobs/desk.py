"""Who gets a slot: accept, refuse, cancel. A repeated offer gets the first answer again."""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from interface_node.coordinator_client.answers import Refused
from interface_node.errors import AddressRefused, NodeError
from interface_node.jobs.attempt import Attempt, Reason
from interface_node.jobs.bell import Bell
from interface_node.jobs.work import Work
from protocol.base import IDENTIFIER, AttemptId
from protocol.interfaces import HeldAttempt
from protocol.states import StepKind
from protocol.work import Assignment, ImageBackground, VideoBackground

_log = structlog.get_logger(__name__)
REMEMBERED: Final = 1024


class Refusal(Exception):
    """A no, with the problem code that travels."""

    def __init__(self, status: int, code: str, detail: str, cause: NodeError | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.cause = cause


class Desk:
    """The attempts that run here, and the answers that were given. Beside the slots one light attempt fits."""

    def __init__(self, slots: int, work: Work, resolve: Callable[[str], str], bell: Bell) -> None:
        self.slots = slots
        self.attempts: dict[AttemptId, Attempt] = {}
        self.closed = False
        self._work = work
        self._resolve = resolve
        self._bell = bell
        self._answers: OrderedDict[AttemptId, Refusal | None] = OrderedDict()
        self._start: Callable[[Attempt], None] | None = None

    def start_by(self, start: Callable[[Attempt], None]) -> None:
        """Say who runs an accepted attempt."""
        self._start = start

    @property
    def free(self) -> int:
        """Slots that could take work now."""
        return 0 if self.closed else self.slots - sum(not attempt.light for attempt in self.attempts.values())

    @property
    def free_light(self) -> int:
        """1 when a joining could be taken now: it needs no accelerator, and one at a time is enough for the disk."""
        return 0 if self.closed or any(attempt.light for attempt in self.attempts.values()) else 1

    def answer(self, assignment: Assignment, *, draining: bool = False) -> None:
        """Answer an offer that the coordinator pushed; Refusal is a no, also to every repeat. A draining node takes
        nothing new, also what was on its way when it was told so."""
        known = self._answers.get(assignment.attempt_id)
        if known is not None:
            raise known
        try:
            if draining and assignment.attempt_id not in self._answers:
                raise Refusal(409, "node_busy", "the node is draining")
            self.take(assignment)
        except Refusal as refusal:
            self._remember(assignment.attempt_id, refusal)
            raise

    def take(self, assignment: Assignment) -> None:
        """Accept an offer, or raise Refusal. An attempt that was accepted before is not begun again."""
        if assignment.attempt_id in self._answers and self._answers[assignment.attempt_id] is None:
            return
        attempt = Attempt(assignment, self._slot(assignment))
        self.attempts[attempt.id] = attempt
        self._remember(attempt.id, None)
        _log.info("attempt_accepted", attempt_id=attempt.id, task_id=assignment.task_id, slot=attempt.slot)
        if self._start is None:
            raise RuntimeError("start_by was not called")
        self._start(attempt)
        self._bell.ring()

    def cancel(self, attempt_id: AttemptId, reason: Reason = "cancel") -> None:
        """Stop an attempt. One that never came is refused should its offer still be under way."""
        attempt = self.attempts.get(attempt_id)
        if attempt is not None:
            _log.info("attempt_stops", attempt_id=attempt_id, reason=reason)
            attempt.stop(reason)
        elif attempt_id not in self._answers:
            self._remember(attempt_id, Refusal(410, "gone", "it was cancelled before it came"))

    def know(self, attempt_id: AttemptId) -> None:
        """An attempt that an earlier run of this node accepted and finished."""
        self._remember(attempt_id, None)

    def close(self) -> None:
        """Take nothing new from now on."""
        self.closed = True
        self._bell.ring()

    def finished(self, attempt: Attempt) -> None:
        """The attempt gives its slot back."""
        self.attempts.pop(attempt.id, None)
        attempt.finished.set()
        self._bell.ring()

    def held(self) -> tuple[HeldAttempt, ...]:
        """As heartbeats name them."""
        return tuple(attempt.held() for attempt in self.attempts.values())

    def _slot(self, assignment: Assignment) -> int:
        if not re.fullmatch(IDENTIFIER, assignment.attempt_id):
            raise Refusal(422, "invalid_request", "attempt_id is not an identifier")
        try:
            self._check_addresses(assignment)
            self._work.check(assignment)
        except NodeError as error:
            raise Refusal(422, error.code, error.detail, error) from error
        if self.closed:
            raise Refusal(409, "node_busy", "the node takes nothing new")
        if assignment.kind == StepKind.ASSEMBLE:
            if not self.free_light:
                raise Refusal(409, "node_busy", "another video is being joined here")
            return 0
        taken = {attempt.slot for attempt in self.attempts.values() if not attempt.light}
        free = [slot for slot in range(self.slots) if slot not in taken]
        if not free:
            raise Refusal(409, "node_busy", f"all {self.slots} slots are taken")
        return free[0]

    def _check_addresses(self, assignment: Assignment) -> None:
        urls = [assignment.source.url, *assignment.upload_urls.values(), *(part.url for part in assignment.parts)]
        if isinstance(assignment.background, ImageBackground | VideoBackground):
            urls.append(assignment.background.source.url)
        if not assignment.callback_url.startswith("/"):
            raise AddressRefused("the callback is not a path of the coordinator")
        missing = sorted(set(assignment.outputs) - set(assignment.upload_urls))
        if missing:
            raise AddressRefused(f"there is no upload address for {missing[0].value}")
        try:
            for url in (assignment.callback_url, *urls):
                self._resolve(url)
        except Refused as error:
            raise AddressRefused(str(error)) from error

    def _remember(self, attempt_id: AttemptId, answer: Refusal | None) -> None:
        self._answers[attempt_id] = answer
        self._answers.move_to_end(attempt_id)
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
