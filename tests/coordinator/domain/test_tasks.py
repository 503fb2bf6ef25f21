"""What a user may ask for."""

from typing import Any

import pytest
from pydantic import ValidationError

from coordinator.domain.tasks import TaskCreate, TaskOptions


@pytest.mark.parametrize(
    "body",
    [
        {"image_id": "a", "video_id": "b"},
        {"image_id": "a", "at_s": 1.0},
        {"video_id": "a", "outputs": []},
        {"video_id": "a", "outputs": ["composite", "composite"]},
        {"video_id": "a", "at_s": float("nan")},
        {"video_id": "a", "at_s": -1},
        {"video_id": "a", "priority": 101},
        {"video_id": "a", "background": {"kind": "color", "color": "red"}},
        {"video_id": "a", "background": {"kind": "image"}},
        {"video_id": "a", "background": {"kind": "hologram"}},
        {"video_id": "a", "options": {"quality": "standard", "x264": "dump-yuv=/tmp/x"}},
        {"video_id": "a", "webhook_url": "file:///etc/passwd"},
        {"video_id": "a", "unknown": 1},
    ],
)
def test_a_wrong_body_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaskCreate.model_validate(body)


def test_an_output_may_be_named_once_also_when_options_change() -> None:
    with pytest.raises(ValidationError):
        TaskOptions.model_validate({"outputs": ["mask", "mask"]})


@pytest.mark.parametrize(
    ("body", "kind", "source"),
    [
        ({"video_id": "v"}, "video", "v"),
        ({"video_id": "v", "at_s": 0}, "image", "v"),
        ({"image_id": "i"}, "image", "i"),
        ({}, "video", None),
    ],
)
def test_the_source_says_whether_the_result_moves(body: dict[str, Any], kind: str, source: str | None) -> None:
    asked = TaskCreate.model_validate(body)
    assert (asked.kind, asked.source_id) == (kind, source)
