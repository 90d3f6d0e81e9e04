"""Protocols in InsightFace's ``.bin`` form (lfw.bin, cfp_fp.bin, agedb_30.bin ...).

Such a file is a pickle of two lists: the pictures as JPEG or PNG bytes, two a pair, and whether
each pair is of one person. A pickle can run any code when it is loaded, so this one is read by an
unpickler that knows no names but stand-ins of its own.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from renzheng._support import files
from renzheng.datasets.types import Pairs, Picture, people_of_pairs
from renzheng.errors import InvalidInput

_FOLDS = 10
_MAX_BYTES = 4 << 30  # the field's sets have 50 to 200 MB


class _Array:
    """A stand-in for numpy's arrays and numbers that keeps their bytes and computes nothing."""

    def __init__(self, *parts: Any) -> None:
        self.content = next((p for p in parts if isinstance(p, bytes)), b"")

    def __setstate__(self, state: Any) -> None:
        # numpy's (version, shape, dtype, Fortran order, bytes); a dtype's holds no bytes.
        parts = state if isinstance(state, tuple) else ()
        self.content = next((p for p in parts if isinstance(p, bytes)), b"")


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Return bytes, which pickles of protocol 2 write as text in Latin 1."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes in an unknown encoding")
    return text.encode("latin1")


# The module is numpy.core or numpy._core by version. A plain function stands for each callable.
_STAND_INS = {
    ("multiarray", "_reconstruct"): _Array,
    ("multiarray", "scalar"): _Array,
    ("numeric", "_frombuffer"): _Array,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _Array,
    ("_codecs", "encode"): _encode,
}


# The C unpickler obeys a memo index of 2**32 with an allocation of that size; Python's does not.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        key = (module.rpartition(".")[2], name)
        if key not in _STAND_INS or module.partition(".")[0] not in ("numpy", "_codecs"):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no picture needs")
        return _STAND_INS[key]


def read(path: Path) -> Pairs:
    """Read an InsightFace set.

    Raises
    ------
    InvalidInput
        If the file cannot be read or holds anything but two such lists. Nothing in it is executed.
    """
    content = files.read(path, _MAX_BYTES)
    try:
        pictures, same = _Reader(io.BytesIO(content), encoding="bytes").load()
        codes = [_bytes(picture) for picture in pictures]
        labels = [_flag(label) for label in same]
        if not labels or len(codes) != 2 * len(labels):
            raise ValueError(f"{len(codes)} pictures for {len(labels)} pairs")
    # A hostile pickle can raise anything at all on its way.
    except Exception as error:
        raise InvalidInput(
            f"not a set in InsightFace's form: {error}",
            source=str(path),
            remedy="give a pickle of a list of encoded pictures and a list of labels",
        ) from error
    # A picture comes up in several pairs: equal bytes are one picture.
    index: dict[bytes, int] = {}
    sides = np.array([index.setdefault(code, len(index)) for code in codes], np.intp)
    reference, probe = sides[0::2], sides[1::2]
    genuine = np.array(labels, bool)
    return Pairs(
        name=path.name,
        pictures=[Picture(f"{path.name} picture {i}", code) for i, code in enumerate(index)],
        person=people_of_pairs(len(index), reference, probe, genuine),
        reference=reference,
        probe=probe,
        same=genuine,
        where=np.array([f"{path.name} pair {k}" for k in range(len(genuine))]),
        folds=np.arange(len(genuine)) * _FOLDS // len(genuine) if len(genuine) >= 20 else None,
    )


def _bytes(picture: Any) -> bytes:
    content = picture.content if isinstance(picture, _Array) else picture
    if not isinstance(content, bytes) or not content:
        raise ValueError("a picture is not encoded bytes")
    return content


def _flag(label: Any) -> bool:
    if isinstance(label, _Array):
        label = any(label.content)
    if not isinstance(label, (bool, int)):
        raise ValueError("a label is not true or false")
    return bool(label)
