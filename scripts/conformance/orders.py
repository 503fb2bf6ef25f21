"""Rules about what a coordinator tells a node: whose word counts, how often, and when to stop."""

import time
import uuid
from collections.abc import Callable

from protocol import signing
from scripts.conformance.job import Job
from scripts.conformance.trial import Broken, Trial

OLD_S = 600.0


def signatures(trial: Trial) -> str:
    """A call that is not signed for this route, now, by this coordinator, changes nothing."""
    trial.needs_push()
    offered = trial.job()
    tries = _refused(trial, "POST", "/process", offered.assignment.model_dump_json().encode())
    trial.never(lambda: offered.reports, trial.bounds.quiet_s, "an offer that was refused was begun")
    running = trial.begin(trial.job(held=True))
    tries += _refused(trial, "DELETE", f"/process/{running.id}", b"")
    trial.never(lambda: running.ends, trial.bounds.quiet_s, "a refused DELETE stopped the attempt")
    count = len(running.reports)
    trial.hope(
        lambda: len(running.reports) > count, trial.bounds.call_s, "after a refused DELETE the attempt is silent"
    )
    trial.finish(running)
    return f"{tries} forged calls refused"


def _refused(trial: Trial, method: str, path: str, body: bytes) -> int:
    answers = _forged(trial, method, path, body)
    for name, status in answers:
        if status != 401:
            raise Broken(f"{method} /process {name} was answered {status}, not 401")
    return len(answers)


def _forged(trial: Trial, method: str, path: str, body: bytes) -> list[tuple[str, int]]:
    owner = {signing.INTERFACE_HEADER: trial.member.interface_id}
    other = f"/process/{uuid.uuid4().hex}"
    return [
        ("without a signature", trial.bare(method, path, body, owner).status_code),
        ("with another secret", trial.call(method, path, body, secret="no secret of yours").status_code),  # noqa: S106 - wrong on purpose
        ("signed for another route", trial.call(method, path, body, signed_path=other).status_code),
        ("signed for the other direction", trial.call(method, path, body, direction="to-coordinator").status_code),
        ("signed ten minutes ago", trial.call(method, path, body, ago_s=OLD_S).status_code),
    ]


def idempotency(trial: Trial) -> str:
    """The same offer again gets the same answer and is not begun again."""
    if trial.address is None:
        return _offered_again(trial)
    job = trial.begin(trial.job(held=True))
    trial.accepted(trial.post(job), job)
    trial.finish(job)
    ended = time.monotonic()
    reads = job.reads
    trial.accepted(trial.post(job), job)
    late = ended + trial.bounds.slack_s
    trial.never(
        lambda: job.reads > reads or [one for one in job.reports if one.at > late],
        trial.bounds.quiet_s,
        "an offer that was repeated after its end was begun again",
    )
    if len(job.ends) != 1:
        raise Broken("an offer that came twice ended twice")
    return "three offers, one run"


def _offered_again(trial: Trial) -> str:
    """The pull lane: the answer with the offer is lost, and the offer comes again."""
    trial.kit.lost["offer"] = 1
    trial.completes()
    return "an offer whose first answer was lost, one run"


def busy(trial: Trial) -> str:
    """No more work than slots."""
    slots = trial.member.register.slots
    held = [trial.begin(trial.job(held=True)) for _ in range(slots)]
    if trial.address is None:
        return _asks_for_no_more(trial, held)
    extra = trial.job()
    for _ in range(2):
        answer = trial.post(extra)
        if answer.status_code != 409:
            raise Broken(f"an offer beyond {slots} slots was answered {answer.status_code}, not 409")
    trial.finish(held[0])
    trial.never(lambda: extra.reports, trial.bounds.slack_s, "an offer that was refused was begun later")
    trial.completes()
    for job in held:
        trial.finish(job)
    return f"409 beyond {slots} slots"


def _asks_for_no_more(trial: Trial, held: list[Job]) -> str:
    kit, full = trial.kit, time.monotonic() + trial.bounds.slack_s
    kit.watch(trial.bounds.slack_s + trial.bounds.quiet_s)
    asked = [one for one in kit.polls if one.at > full and one.message.free_slots > 0]
    if asked:
        raise Broken(f"with all {len(held)} slots taken it asks for more work")
    for job in held:
        trial.finish(job)
    return f"asks for nothing while {len(held)} slots are taken"


def cancel(trial: Trial) -> str:
    """By call, by the answer to a callback and by the answer to a heartbeat: stopped within three seconds."""
    ways: dict[str, Callable[[Job], None]] = {
        "a callback's answer": _by_callback,
        "a heartbeat's answer": _by_heartbeat,
    }
    if trial.address is not None:
        ways["DELETE"] = lambda job: _by_call(trial, job)
    slowest = 0.0
    for name, order in ways.items():
        job = trial.begin(trial.job(held=True))
        order(job)
        trial.hope(lambda: job.told_at, trial.kit.lease_s / 3 + trial.bounds.call_s, f"{name} did not reach it")  # noqa: B023 - waited for here
        trial.hope(lambda: job.end, trial.bounds.stop_s + trial.bounds.slack_s, f"by {name}: not stopped within 3 s")  # noqa: B023 - as above
        end = trial.finish(job, "cancelled")
        slowest = max(slowest, end.at - (job.told_at or end.at))
    if trial.address is not None:
        _overtaken(trial)
    trial.completes()
    return f"{len(ways)} ways, at most {slowest:.1f} s"


def _by_callback(job: Job) -> None:
    job.cancelled = True


def _by_heartbeat(job: Job) -> None:
    job.cancelled_by_heartbeat = True


def _by_call(trial: Trial, job: Job) -> None:
    answer = trial.call("DELETE", f"/process/{job.id}")
    job.tell()
    if answer.status_code != 204:
        raise Broken(f"DELETE /process was answered {answer.status_code}, not 204")


def _overtaken(trial: Trial) -> None:
    """A cancel that is there before its offer."""
    late = trial.job()
    _by_call(trial, late)
    answer = trial.post(late)
    if answer.status_code != 410:
        raise Broken(f"an offer that came after its own DELETE was answered {answer.status_code}, not 410")


def stale(trial: Trial) -> str:
    """An attempt that is over is dropped without a word, by 410 and by `unknown_attempts`."""
    for words, order in (("410", _gone), ("unknown_attempts", _unknown)):
        job = trial.begin(trial.job(held=True))
        order(job)
        wait = trial.kit.lease_s / 3 + trial.bounds.call_s
        trial.hope(lambda: job.told_at, wait, f"{words} did not reach it")  # noqa: B023 - waited for here
        silent = (job.told_at or 0.0) + trial.bounds.stop_s
        trial.kit.watch(trial.bounds.stop_s + trial.bounds.quiet_s)
        if [one for one in job.refused if one.at > silent]:
            raise Broken(f"after {words} it goes on to report the attempt")
        beats = [one for one in trial.kit.heartbeats if one.at > silent]
        if any(held.attempt_id == job.id for one in beats for held in one.message.attempts):
            raise Broken(f"after {words} its heartbeats go on to name the attempt")
    trial.completes()
    return "dropped in both ways, the slot is free again"


def _gone(job: Job) -> None:
    job.gone = True


def _unknown(job: Job) -> None:
    job.unknown = True
