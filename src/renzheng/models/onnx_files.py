"""Weight files of an ONNX network, found without importing onnx, which takes longer."""

from __future__ import annotations

import os

_LOCATION = b"\n\x08location\x12"  # in ONNX's encoding: a tensor's key for the file of its values


def weights(network: bytes) -> list[str] | None:
    """Return the names of the files that hold a network's weights.

    Parameters
    ----------
    network
        The content of an ONNX file.

    Returns
    -------
    list of str or None
        In order, each once. None if the names cannot be told, because the key's text stands in the
        file for something else as well.
    """
    pieces = network.split(_LOCATION)[1:]
    if network.count(b"location") != len(pieces):
        return None
    names = set()
    for piece in pieces:
        length = piece[0] if piece else 0
        name = piece[1 : 1 + length]
        if not 0 < length < 0x80 or len(name) != length:  # longer lengths take two bytes
            return None
        names.add(os.fsdecode(name))
    return sorted(names)
