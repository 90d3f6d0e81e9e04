"""Weight files of an ONNX network, found without importing onnx, which takes longer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

_KEY = b"location"  # a tensor's key for the file of its values
_BYTES = 2  # the wire type of texts and messages

# By message, the fields that lead to tensors with values in files (onnx.proto).
_GRAPH = {1: "node", 5: "tensor", 15: "sparse"}
_WAYS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": _GRAPH,
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_MAX_DEPTH = 100  # as protobuf's own readers


def weights(network: bytes) -> list[str] | None:
    """Return the names of the files that hold a network's weights.

    Parameters
    ----------
    network
        The content of an ONNX file.

    Returns
    -------
    list of str or None
        In order, each once. None if the names cannot be told, because the content is not ONNX in
        the form that its writers give it.
    """
    try:
        names = set(_names(memoryview(network), "model", 0))
    except (ValueError, IndexError):
        return None
    return sorted(os.fsdecode(name) for name in names)


def _names(message: memoryview, kind: str, depth: int) -> Iterator[bytes]:
    """Yield the names in a message. Parts in which the key does not stand are not looked into."""
    content = message.tobytes()
    if _KEY not in content:
        return
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == "entry":
        yield from _named(message)
        return
    ways = _WAYS[kind]
    for field, value in _fields(message):
        if field in ways:
            yield from _names(value, ways[field], depth + 1)


def _named(entry: memoryview) -> Iterator[bytes]:
    """Yield the values of an entry whose key is the one of files."""
    fields = [(field, value.tobytes()) for field, value in _fields(entry)]
    if (1, _KEY) in fields:
        yield from (value for field, value in fields if field == 2)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the fields of a message that are texts or messages, with their numbers."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _number(message, place)
        wire = tag & 7
        if wire == 0:
            _, place = _number(message, place)
            continue
        if wire == _BYTES:
            length, place = _number(message, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("a group, which ONNX has none of")
        if place + length > end:
            raise ValueError("it ends early")
        if wire == _BYTES:
            yield tag >> 3, message[place : place + length]
        place += length


def _number(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number of variable length, and the place behind it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")
