"""What a node tells about its machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from interface_node.jobs.telemetry import Cards, disk_free_mb


@pytest.fixture
def cards() -> Iterator[Cards]:
    """The cards of this machine."""
    found = Cards()
    found.open()
    yield found
    found.close()


def test_a_machine_without_a_driver_has_no_cards(cards: Cards) -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("THIS MACHINE HAS A DRIVER: one without is not tested")
    assert cards.names() == ()
    assert cards.loads() == ()


@pytest.mark.gpu
def test_cards_are_named_and_their_load_is_within_bounds(cards: Cards) -> None:
    names, loads = cards.names(), cards.loads()
    assert [card.index for card in names] == [load.index for load in loads]
    assert all(card.vram_mb > 0 and card.name for card in names)
    assert all(load.vram_used_mb <= card.vram_mb for card, load in zip(names, loads, strict=True))


def test_free_disk_is_told_for_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    assert disk_free_mb(tmp_path / "not" / "yet") == pytest.approx(disk_free_mb(tmp_path), abs=512)
