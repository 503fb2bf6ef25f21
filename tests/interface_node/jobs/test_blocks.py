"""Blocks of a file on disk: what a crash may cost, and what it never may."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interface_node.jobs.block_reader import MOST_BLOCKS, Window
from interface_node.jobs.blocks import BLOCK_BYTES, SAVE_BYTES, BlockFile

DATA = os.urandom(5 * BLOCK_BYTES + 1000)


def blocks(home: Path, size: int = len(DATA)) -> BlockFile:
    """An open file of blocks."""
    found = BlockFile(home / "source", size)
    found.open()
    return found


def put(file: BlockFile, *indexes: int) -> None:
    """Bring these blocks."""
    for index in indexes:
        file.write(index, DATA[index * BLOCK_BYTES :][: file.length(index)])


def there(file: BlockFile) -> list[int]:
    """The blocks that count."""
    return [index for index in range(file.count) if file.has(index)]


def saved(home: Path, *indexes: int) -> None:
    """Bring blocks in a run that ended as it should."""
    file = blocks(home)
    put(file, *indexes)
    file.save()
    file.close()


def test_blocks_are_read_where_they_belong_and_the_last_one_is_short(tmp_path: Path) -> None:
    file = blocks(tmp_path)
    put(file, 5, 2)
    assert file.read(2 * BLOCK_BYTES + 7, 10 * BLOCK_BYTES) == DATA[2 * BLOCK_BYTES + 7 : 3 * BLOCK_BYTES]
    assert file.read(5 * BLOCK_BYTES, BLOCK_BYTES) == DATA[5 * BLOCK_BYTES :]
    assert (file.held, file.complete) == (BLOCK_BYTES + 1000, False)
    assert file.missing(2, 6) == 3
    put(file, 0, 1, 3, 4)
    assert (file.held, file.complete, file.missing(0, 6)) == (len(DATA), True, None)


def test_a_block_of_another_length_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="block 0 has 262144 bytes, not 5"):
        blocks(tmp_path).write(0, b"short")


def test_blocks_stay_over_a_restart(tmp_path: Path) -> None:
    saved(tmp_path, 1, 4)
    again = blocks(tmp_path)
    assert there(again) == [1, 4]
    assert again.read(4 * BLOCK_BYTES, 100) == DATA[4 * BLOCK_BYTES :][:100]


def test_a_kill_costs_only_what_came_since_the_map_was_saved(tmp_path: Path) -> None:
    count = SAVE_BYTES // BLOCK_BYTES
    killed = blocks(tmp_path, (count + 3) * BLOCK_BYTES)
    for index in range(count + 2):
        killed.write(index, bytes(BLOCK_BYTES))
    assert there(blocks(tmp_path, killed.size)) == list(range(count))


def cut_data(home: Path) -> None:
    os.truncate(home / "source.sparse", 4 * BLOCK_BYTES + 5)


def lose_data(home: Path) -> None:
    (home / "source.sparse").unlink()


def lose_map(home: Path) -> None:
    (home / "source.blocks").unlink()


def tear_map(home: Path) -> None:
    path = home / "source.blocks"
    path.write_bytes(path.read_bytes()[:-7])


def spoil_map(home: Path) -> None:
    path = home / "source.blocks"
    path.write_bytes(path.read_bytes().replace(b"\0\1", b"\1\1", 1))


@pytest.mark.parametrize("harm", [cut_data, lose_data, lose_map, tear_map, spoil_map])
def test_what_cannot_be_trusted_is_fetched_again(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    saved(tmp_path, 1, 4)
    harm(tmp_path)
    again = blocks(tmp_path)
    assert there(again) == []
    put(again, 1)
    again.save()
    assert there(blocks(tmp_path)) == [1]


def test_a_map_of_a_file_of_another_size_counts_for_nothing(tmp_path: Path) -> None:
    saved(tmp_path, 1, 4)
    assert there(blocks(tmp_path, len(DATA) - 1)) == []


def test_reading_ahead_grows_with_what_was_read_in_a_row_and_begins_small_elsewhere() -> None:
    window, asked = Window(), set[int]()
    for index in range(200):
        asked |= set(window.moved(index))
        assert set(range(index + 1)) <= asked
        assert max(asked) <= index + min(max(index + 1, 2), MOST_BLOCKS)
    assert max(asked) - 200 >= MOST_BLOCKS // 2 - 1
    assert window.moved(1000) == range(1000, 1002)
    assert window.moved(5) == range(5, 7)


def test_the_same_blocks_are_asked_for_once() -> None:
    window = Window()
    asked = [index for step in range(50) for index in window.moved(step)]
    assert asked == list(range(len(asked)))
