"""Rules about being a member: joining, signs of life, clocks, draining, starting again and leaving."""

from itertools import pairwise

from protocol.interfaces import Drain
from protocol.states import Lane
from protocol.version import supported
from scripts.conformance.trial import Broken, Skipped, Trial

JUMP_S = 3600.0
DEADLINE_S = 2.0
END_S = 20.0


def handshake(trial: Trial) -> str:
    """Registered with sense, and the one that it says it is."""
    said = trial.member.register
    if not supported(said.protocol_version):
        raise Broken(f"protocol_version {said.protocol_version} is not spoken here")
    if not said.models:
        raise Broken("it registered without a model")
    if trial.address is None:
        return f"{said.slots} slots, {len(said.models)} models, pull lane"
    for _ in range(2):
        trial.identity()
    return f"{said.slots} slots, {len(said.models)} models, push lane proven"


def heartbeat(trial: Trial) -> str:
    """A beat an interval; with work one every third of the lease, which names the work."""
    kit, bounds = trial.kit, trial.bounds
    idle = len(kit.heartbeats)
    trial.hope(
        lambda: len(kit.heartbeats) >= idle + 4,
        4 * (kit.heartbeat_s + bounds.slack_s),
        f"fewer than 4 beats in 4 intervals of {kit.heartbeat_s:g} s and a little",
    )
    kit.heartbeat_s = 60.0
    job = trial.begin(trial.job(held=True))
    longest = kit.lease_s / 3 + bounds.slack_s
    trial.hope(lambda: _names(trial, job.id), longest, "a beat during work does not name the attempt")
    first = len(kit.heartbeats)
    kit.watch(kit.lease_s)
    kit.heartbeat_s, last = kit.usual_heartbeat_s, len(kit.heartbeats)
    trial.hope(lambda: len(kit.heartbeats) > last, longest, "with work it beats less than every third of the lease")
    times = [one.at for one in kit.heartbeats[first - 1 :]]
    gap = max(later - earlier for earlier, later in pairwise(times))
    if gap > longest:
        raise Broken(f"{gap:.1f} s between beats with work; lease_s / 3 is {kit.lease_s / 3:.1f} s")
    trial.finish(job)
    trial.hope(lambda: not _names(trial, job.id), 3 * kit.heartbeat_s + bounds.slack_s, "a beat names an ended attempt")
    beats = [one.message for one in kit.heartbeats if one.message.boot_id == trial.member.register.boot_id]
    if len(beats) < len(kit.heartbeats[idle:]):
        raise Broken("boot_id is not the one that registered")
    if any(later.seq <= earlier.seq for earlier, later in pairwise(beats)):
        raise Broken("seq does not rise within a boot")
    return f"{len(beats)} beats, at most {gap:.1f} s apart with work"


def _names(trial: Trial, attempt_id: str) -> bool:
    beats = trial.kit.heartbeats
    return bool(beats) and any(one.attempt_id == attempt_id for one in beats[-1].message.attempts)


def clock(trial: Trial) -> str:
    """Nodes own no clock: ours jumps, and the next messages are signed by it."""
    kit = trial.kit
    kit.ahead_s += JUMP_S
    before = len(kit.heartbeats)
    wait = 2 * kit.heartbeat_s + trial.bounds.call_s
    trial.hope(lambda: len(kit.heartbeats) > before, wait, "after 401 clock_skew it does not sign by server_time")
    return "signs by server_time"


def drain(trial: Trial) -> str:
    """Told to drain it takes nothing new and hands back what does not fit."""
    kit, bounds = trial.kit, trial.bounds
    job = trial.begin(trial.job(held=True))
    kit.drain = Drain(deadline_s=DEADLINE_S)
    trial.hope(lambda: kit.drain_told_at, kit.lease_s / 3 + bounds.call_s, "no heartbeat with work")
    told = kit.drain_told_at or 0.0
    wait = DEADLINE_S + bounds.stop_s + bounds.slack_s
    trial.hope(lambda: job.end, wait, f"nothing handed back {wait:g} s after the order")
    trial.finish(job, "released")
    if trial.address is not None:
        answer = trial.post(trial.job())
        if answer.status_code != 409:
            raise Broken(f"an offer to a draining node was answered {answer.status_code}, not 409")
    kit.watch(bounds.quiet_s)
    polls = [one for one in kit.polls if one.at > told + bounds.slack_s and one.message.free_slots]
    if polls:
        raise Broken("a draining node asks for work")
    kit.drain = None
    kit.watch(2 * kit.heartbeat_s)
    trial.completes()
    return f"released {job.end.at - told:.1f} s after the order, and took work again later" if job.end else ""


def restart(trial: Trial) -> str:
    """Killed and started again it is a new boot, and proves that it is the same node if it says so."""
    kit, program = trial.kit, trial.needs_program()
    before = trial.member
    known, boot, count = before.register.node_id, before.register.boot_id, len(kit.registrations)
    trial.begin(trial.job(held=True))
    program.kill()
    if trial.address is not None:
        kit.lane = Lane.PULL
    program.start()
    trial.hope(lambda: len(kit.registrations) > count, trial.bounds.soon_s, "it does not register after a restart")
    now = trial.member
    if now.register.boot_id == boot:
        raise Broken("boot_id is the same after a restart")
    same = now.register.node_id == known
    if same and not now.signed:
        raise Broken("it registers an old node_id without signing by its secret")
    if trial.address is not None:
        trial.identity()
        kit.lane = Lane.PUSH
        kit.watch(2 * kit.heartbeat_s)
    trial.completes()
    return "a new boot of the same node" if same else "a new boot as a new node (keep node_id and secret to stay one)"


def leave(trial: Trial) -> str:
    """SIGTERM: leaves, and ends with 0."""
    program, kit = trial.needs_program(), trial.kit
    code = program.end(END_S)
    if code is None:
        program.kill()
        raise Broken(f"it did not end {END_S:g} s after SIGTERM")
    if code != 0:
        raise Broken(f"it ended with {code} after SIGTERM")
    if not any(one.boot_id == trial.member.register.boot_id for one in kit.leaves):
        raise Broken("it ended without POST /leave")
    return "left, exit code 0"


def messages(trial: Trial) -> str:
    """Everything that it ever said was signed right and valid."""
    found = trial.kit.complaints["messages"]
    if found:
        raise Broken("; ".join(found))
    if not trial.kit.heartbeats:
        raise Skipped("nothing was said")
    return "all signed right and valid"
