"""Ways to damage a file that its reader may not foresee. Pure: bytes and chance in, bytes out."""

import random
from collections.abc import Callable, Sequence
from typing import Final

Mutation = Callable[[bytearray, random.Random], bytearray]
_HEAD: Final = 1024
_EXTREMES: Final = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0)
_BOXES: Final = (
    b"moov", b"trak", b"mdia", b"stbl", b"stts", b"ctts", b"stsz", b"stco", b"stsc", b"elst", b"tkhd", b"moof", b"trun"
)  # fmt: skip


def flip_bits(data: bytearray, chance: random.Random) -> bytearray:
    """Some bits anywhere."""
    for _ in range(chance.choice((1, 4, 32, 256))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def spoil_header(data: bytearray, chance: random.Random) -> bytearray:
    """Some bytes of the first or last kilobyte, where indexes lie."""
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(min(len(data), _HEAD))
        data[at if chance.random() < 0.6 else -1 - at] = chance.randrange(256)
    return data


def cut(data: bytearray, chance: random.Random) -> bytearray:
    """The end is missing."""
    return data[: chance.randrange(len(data)) or 1]


def huge_number(data: bytearray, chance: random.Random) -> bytearray:
    """Four bytes become a size, count or time that is extreme."""
    for _ in range(chance.choice((1, 2, 5))):
        at = _place(data, chance)
        data[at : at + 4] = chance.choice(_EXTREMES).to_bytes(4, chance.choice(("big", "little")))
    return data


def swap(data: bytearray, chance: random.Random) -> bytearray:
    """Two stretches, as packets that change places."""
    size = chance.choice((16, 188, 500))
    if len(data) < 3 * size:
        return data
    one, two = sorted(chance.sample(range(len(data) - size), 2))
    if two - one >= size:
        data[one : one + size], data[two : two + size] = data[two : two + size], data[one : one + size]
    return data


def repeat(data: bytearray, chance: random.Random) -> bytearray:
    """A stretch comes twice, or many times."""
    at, size = chance.randrange(len(data)), chance.choice((1, 8, 188, 1000))
    return data[:at] + data[at : at + size] * chance.choice((2, 3, 40)) + data[at + size :]


def drop(data: bytearray, chance: random.Random) -> bytearray:
    """A stretch is missing."""
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 4, 188, 1000))]
    return data or bytearray(b"\0")


def zeros(data: bytearray, chance: random.Random) -> bytearray:
    """A stretch is zero, as a disk leaves it after a power cut."""
    at = chance.randrange(len(data))
    data[at : at + 200] = bytes(len(data[at : at + 200]))
    return data


def splice_boxes(data: bytearray, chance: random.Random) -> bytearray:
    """A box of an mp4 under another one's name, or inside another."""
    found = [at for name in _BOXES if (at := data.find(name)) > 4]
    if not found:
        return spoil_header(data, chance)
    at = chance.choice(found)
    if chance.random() < 0.5:
        data[at : at + 4] = chance.choice(_BOXES)
        return data
    size = min(int.from_bytes(data[at - 4 : at]), 4000)
    into = chance.choice(found)
    return data[: into + 4] + data[at - 4 : at - 4 + size] + data[into + 4 :]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bits, spoil_header, cut, huge_number, huge_number, swap, repeat, drop, zeros, splice_boxes
)  # fmt: skip


def mutated(seeds: Sequence[bytes], index: int, chance: random.Random) -> bytes:
    """`seeds[index]`, damaged in one to three ways, or with another file's end."""
    data = bytearray(seeds[index])
    if chance.random() < 0.08:
        other = chance.choice(seeds)
        data = data[: chance.randrange(1, len(data))] + other[chance.randrange(len(other)) :]
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = chance.choice(MUTATIONS)(data, chance)
        data = data or bytearray(b"\0")
    return bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Where numbers are likely: behind the name of a box, or near the beginning."""
    names = [at for name in _BOXES if (at := data.find(name)) > 0]
    if names and chance.random() < 0.7:
        return min(chance.choice(names) - 4 + 4 * chance.randrange(12), len(data) - 1)
    return chance.randrange(min(len(data), _HEAD))
