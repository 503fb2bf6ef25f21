"""What a user asks of masks is what nodes are told."""

import pytest
from pydantic import ValidationError

from coordinator.domain.tasks import Options
from protocol.work import Refinement


def test_masks_are_left_alone_unless_somebody_asks() -> None:
    assert Options().refinement() == Refinement(edges=False, holes=False, smooth=False)


@pytest.mark.parametrize(
    ("option", "told"),
    [("refine_edges", "edges"), ("fill_holes", "holes"), ("smooth", "smooth"), ("decontaminate", "decontaminate")],
)
def test_each_option_is_told_by_itself(option: str, told: str) -> None:
    assert Options.model_validate({option: True}).refinement() == Refinement.model_validate({told: True})


def test_an_option_is_yes_or_no() -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"smooth": "a lot"})


def test_a_node_ignores_what_only_a_newer_coordinator_knows() -> None:
    assert Refinement.model_validate({"smooth": True, "hair": 3}) == Refinement(smooth=True)
