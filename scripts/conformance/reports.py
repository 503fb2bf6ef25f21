"""Rules about what a node says of its work: results, callbacks, pieces, and what waits while nobody listens."""

import hashlib
from itertools import pairwise

from scripts.conformance.job import Job, frames_in
from scripts.conformance.trial import Broken, Trial

LONGEST_S = 2.5
MOST_A_SECOND = 4
DEAF = 2


def work(trial: Trial) -> str:
    """One attempt from its offer to its verified bytes."""
    job = trial.completes()
    _whole(trial, job)
    return f"{trial.clips.range.frames} frames in, {trial.clips.range.frames} frames out"


def _whole(trial: Trial, job: Job) -> None:
    """Broken unless the artifact is what the end says, and a video of as many frames as planned."""
    end = trial.finish(job).callback
    _nothing_wrong(trial, "callbacks")
    if {one.output for one in end.artifacts} != set(job.assignment.outputs):
        raise Broken("the completed callback does not name exactly the outputs that were asked for")
    for made in end.artifacts:
        data = bytes(job.artifacts.get(made.output, b""))
        if (len(data), hashlib.sha256(data).hexdigest()) != (made.size, made.sha256):
            raise Broken(f"{made.output}: size or sha256 are not those of the uploaded bytes")
        planned = trial.clips.range.frames
        if made.frames != planned or frames_in(data) != planned:
            raise Broken(f"{made.output}: {made.frames} frames said, {frames_in(data)} found, {planned} planned")


def _nothing_wrong(trial: Trial, about: str) -> None:
    found = trial.kit.complaints[about]
    if found:
        raise Broken("; ".join(found))


def callbacks(trial: Trial) -> str:
    """About one a second with rising numbers; one end, said until it is heard, then silence."""
    kit, bounds = trial.kit, trial.bounds
    job = trial.begin(trial.job(held=True))
    kit.watch(bounds.held_s)
    times = [one.at for one in job.reports]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if not gaps or max(gaps) > LONGEST_S + bounds.slack_s:
        raise Broken(f"{len(times)} callbacks in {bounds.held_s:g} s of work; about one a second is the rule")
    if len(times) > MOST_A_SECOND * bounds.held_s:
        raise Broken(f"{len(times)} callbacks in {bounds.held_s:g} s; about one a second is the rule")
    job.deaf = DEAF
    trial.finish(job)
    kit.watch(bounds.quiet_s + bounds.slack_s)
    if len(job.ends) != DEAF + 1 or len({(one.callback.kind, one.callback.artifacts) for one in job.ends}) != 1:
        raise Broken("the end must be said again, unchanged, until it is acknowledged, and not after that")
    _nothing_wrong(trial, "callbacks")
    return f"at most {max(gaps):.1f} s apart, the end said {DEAF + 1} times for {DEAF} lost answers"


def pieces(trial: Trial) -> str:
    """An upload goes on where the coordinator stands, after half a piece and after a lost answer."""
    job = trial.job(held=True)
    job.short_piece = True
    trial.begin(job)
    with trial.kit.changed:
        trial.kit.pages["received"] = 1
        trial.kit.lost["piece"] = 2
    _whole(trial, job)
    _nothing_wrong(trial, "pieces")
    return "went on after half a piece and two lost answers"


def wrong_answers(trial: Trial) -> str:
    """A proxy's page is no answer: neither a yes nor a no."""
    kit = trial.kit
    job = trial.begin(trial.job(held=True))
    with kit.changed:
        kit.pages.update(callback=2, heartbeat=1, next=1)
        kit.odd_pages.update(callback=1, heartbeat=1, next=1)
    wait = kit.lease_s + trial.bounds.call_s
    trial.hope(lambda: not kit.pages["callback"] and not kit.odd_pages["callback"], wait, "it stopped to report")
    _whole(trial, job)
    other = trial.job()
    with kit.changed:
        kit.pages.update(source=1, piece=1)
        kit.odd_pages.update(piece=1)
    trial.begin(other)
    _whole(trial, other)
    return "pages instead of answers cost nothing"


def outbox(trial: Trial) -> str:
    """The coordinator is away when an attempt ends, for longer than a lease; the end arrives afterwards."""
    kit = trial.kit
    job = trial.job(held=True)
    job.away_at_the_end = True
    trial.begin(job)
    job.held = False
    trial.hope(lambda: kit.away, trial.bounds.soon_s, "the result was not uploaded")
    kit.watch(kit.lease_s + trial.bounds.slack_s)
    kit.away = False
    wait = kit.lease_s / 3 + trial.bounds.call_s
    trial.hope(lambda: job.end, wait, f"the end did not arrive {wait:.0f} s after the coordinator came back")
    _whole(trial, job)
    return "the end arrived when the coordinator was back"
