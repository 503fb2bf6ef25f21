"""From an offer to the document that a node is sent."""

from coordinator.domain.tasks import Options
from coordinator.gateway.attempt_tokens import AttemptTokens
from coordinator.services.assembling import part_named
from coordinator.services.dispatching import Offer
from coordinator.services.rules import Rules
from coordinator.store.tables import Media
from protocol.base import AttemptId, StepId, TaskId
from protocol.states import Output, StepKind
from protocol.work import (
    Assignment,
    Background,
    BlurBackground,
    ColorBackground,
    Encoding,
    FrameRange,
    GradientBackground,
    ImageBackground,
    Part,
    Source,
    TransparentBackground,
    VideoBackground,
)

FILES = "/api/v1/interfaces/files"
ARTIFACTS = "/api/v1/interfaces/artifacts"
CALLBACKS = "/api/v1/interfaces/callbacks"


def assignment(offer: Offer, tokens: AttemptTokens, rules: Rules) -> Assignment:
    """Always the same document for the same attempt, so that an offer can be sent again."""
    attempt, task, step = offer.attempt, offer.task, offer.step
    return Assignment(
        attempt_id=AttemptId(attempt.id),
        task_id=TaskId(task.id),
        step_id=StepId(step.id),
        kind=StepKind(step.kind),
        source=_source(attempt.id, "source", offer.source),
        range=FrameRange.model_validate(step.plan) if step.plan else None,
        background=_background(offer),
        model=task.model,
        outputs=tuple(Output(name) for name in task.outputs),
        encoding=Encoding.model_validate(task.encoding),
        refinement=Options(**task.options).refinement(),
        parts=_parts(offer),
        upload_urls={Output(name): f"{ARTIFACTS}/{attempt.id}/{name}" for name in task.outputs},
        callback_url=f"{CALLBACKS}/{attempt.id}",
        attempt_token=tokens.issue(attempt.id),
        lease_s=rules.lease_s,
    )


def _source(attempt_id: str, what: str, media: Media) -> Source:
    url = f"{FILES}/{attempt_id}/{what}"
    return Source(url=url, etag=media.sha256, sha256=media.sha256, size=media.size)


def _parts(offer: Offer) -> tuple[Part, ...]:
    """The outputs in the task's order, of each the segments in the order of the video."""
    return tuple(
        Part(url=f"{FILES}/{offer.attempt.id}/parts/{part.step.id}/{output}", **part_named(part))
        for output in offer.task.outputs
        for part in offer.parts
        if part.artifact.output == output
    )


def _background(offer: Offer) -> Background:
    chosen = offer.task.background or {"kind": "transparent"}
    if offer.background is not None:
        source = _source(offer.attempt.id, "background", offer.background)
        if not offer.background.content_type.startswith("video/"):
            return ImageBackground(source=source, fit=chosen["fit"])
        origin = (offer.source.facts or {}).get("first_pts")
        return VideoBackground(source=source, fit=chosen["fit"], loop=chosen.get("loop", True), origin_pts=origin)
    if chosen["kind"] == "gradient":
        return GradientBackground(colors=tuple(chosen["colors"]), angle=chosen["angle"])
    if chosen["kind"] == "color":
        return ColorBackground(color=chosen["color"])
    if chosen["kind"] == "blur":
        return BlurBackground(strength=chosen["strength"])
    return TransparentBackground()
