"""The names in an ONNX file, read without its weights: what is not looked at is skipped and never loaded.

ONNX is a protobuf: fields that are each a key (number and kind) and a value. Field numbers are those of `onnx.proto`.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

GRAPH: Final = 7
"""In a model."""
INITIALIZER, INPUT, OUTPUT = 5, 11, 12
"""In a graph."""
NAME: Final = 1
"""In an input or output."""
DATA_LOCATION, EXTERNAL = 14, 1
"""In a tensor, and what it says when the numbers lie in another file."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT: Final = 10


class NotAModelError(Exception):
    """The file is no ONNX model, or breaks off."""


class Outline(NamedTuple):
    """What a graph takes and gives, and whether some of its weights lie in other files."""

    inputs: frozenset[str]
    outputs: frozenset[str]
    external: bool


class _Field(NamedTuple):
    """A field: of bytes, where they are; of a number, which."""

    number: int
    begin: int
    end: int
    value: int


def read(path: Path) -> Outline:
    """What the file at `path` says; NotAModelError."""
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise NotAModelError("the file is empty") from error
        with data:
            return _model(data)


def _model(data: mmap.mmap) -> Outline:
    inputs, outputs, external, found = set[str](), set[str](), False, False
    for graph in _fields(data, 0, len(data)):
        if graph.number != GRAPH:
            continue
        found = True  # a second one is merged with the first, as protobuf has it
        for field in _fields(data, graph.begin, graph.end):
            if field.number == INPUT:
                inputs.add(_name(data, field))
            elif field.number == OUTPUT:
                outputs.add(_name(data, field))
            elif field.number == INITIALIZER:
                external = external or _lies_elsewhere(data, field)
    if not found:
        raise NotAModelError("no graph")
    return Outline(frozenset(inputs), frozenset(outputs), external)


def _name(data: mmap.mmap, value: _Field) -> str:
    found = next((field for field in _fields(data, value.begin, value.end) if field.number == NAME), None)
    return data[found.begin : found.end].decode("utf-8", "replace") if found else ""


def _lies_elsewhere(data: mmap.mmap, tensor: _Field) -> bool:
    fields = _fields(data, tensor.begin, tensor.end)
    return any(field.number == DATA_LOCATION and field.value == EXTERNAL for field in fields)


def _fields(data: mmap.mmap, place: int, end: int) -> Iterator[_Field]:
    while place < end:
        key, place = _varint(data, place, end)
        number, kind = key >> 3, key & 7
        begin, value = place, 0
        if kind == VARINT:
            value, place = _varint(data, place, end)
        elif kind == BYTES:
            length, begin = _varint(data, place, end)
            place = begin + length
        elif kind in (FIXED64, FIXED32):
            place += 8 if kind == FIXED64 else 4
        else:
            raise NotAModelError(f"a field of kind {kind}")
        if place > end:
            raise NotAModelError("the file breaks off")
        yield _Field(number, begin, place, value)


def _varint(data: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    """The number at `place`, and where it ends."""
    number = 0
    for index, byte in enumerate(data[place : min(place + LONGEST_VARINT, end)]):
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number, place + index + 1
    raise NotAModelError("a number without an end")
