"""Which files of weights an ONNX network names, read without onnx: importing that takes longer."""

from __future__ import annotations

import os

_LOCATION = b"\n\x08location\x12"  # in ONNX's encoding: a tensor's key for where its values lie


def weights(network: bytes) -> list[str] | None:
    """The names of the files that hold weights of a network, as it writes them.

    Parameters
    ----------
    network
        An ONNX file's content.

    Returns
    -------
    list of str or None
        In order, each once. None where it cannot be told: where the word stands in the file for
        something else as well.
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
