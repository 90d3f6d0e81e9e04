"""State dicts in torch's files, read without torch and without running anything in them.

A torch file is a pickle that describes tensors, with their numbers outside it. The older form
(before torch 1.6) is four pickles in a row (magic number, version, machine, tensors), then the list
of storage keys and each storage's count and numbers. The newer one is an uncompressed zip archive.
A pickle can run any code when it is loaded, so it is read by an unpickler that knows no names but
stand-ins of its own.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError
from renzheng.models.converters import sources

Tensors = dict[str, npt.NDArray[Any]]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read(path: Path) -> Tensors:
    """Read a state dict.

    Parameters
    ----------
    path
        A file that ``torch.save(module.state_dict(), path)`` wrote.

    Returns
    -------
    dict
        Float32 or int64 arrays by name, in the file's order; read-only.

    Raises
    ------
    PackError
        If the file cannot be read, is damaged, or holds anything but such tensors. Nothing in it
        is executed.
    """
    content = sources.read(path)
    try:
        described, storages = (_zip if content[:2] == b"PK" else _legacy)(content)
        if not isinstance(described, dict):
            raise ValueError("it holds no state dict")
        return {_name(name): _array(tensor, storages) for name, tensor in described.items()}
    # A hostile pickle can raise anything at all on its way.
    except Exception as error:
        raise PackError(f"not a torch state dict: {error}", source=str(path)) from error


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


class _Dict(dict[Any, Any]):
    """A stand-in for OrderedDict that drops its attributes (module versions)."""

    def __setstate__(self, state: Any) -> None:
        pass


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """Stand in for torch._utils._rebuild_tensor_v2."""
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("a tensor in another form")
    step = 1
    for side, stride in zip(reversed(shape), reversed(strides), strict=True):
        if side > 1 and stride != step:
            raise ValueError("a tensor that does not lie in one piece")
        step *= side
    return _Tensor(storage, offset, tuple(shape))


# A storage type is a word here, which a pickle cannot call.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


# Python's unpickler: the one in C obeys a memo index of 2**32 with an allocation of that size.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> _Storage:
        word, kind, key, _, count, *view = pid
        known = kind in ("<f4", "<i8") and isinstance(key, str) and type(count) is int
        if word != "storage" or not known or count < 0 or any(view):
            raise pickle.UnpicklingError("a storage in another form")
        return _Storage(key, kind, count)


def _legacy(content: bytes) -> tuple[Any, Mapping[_Storage, bytes]]:
    stream = io.BytesIO(content)

    def load() -> Any:
        return _Reader(stream, encoding="utf-8").load()

    if load() != _MAGIC or load() != _VERSION or not load()["little_endian"]:
        raise ValueError("it does not begin as torch's files do")
    described = load()
    wanted = {s.key: s for s in _storages(described)}
    found = {}
    for key in load():
        storage = wanted[key]
        if stream.read(8) != storage.count.to_bytes(8, "little"):
            raise ValueError("a storage of another size")
        found[storage] = stream.read(_size(storage))
    if stream.read(1):
        raise ValueError("it goes on too long")
    return described, found


def _zip(content: bytes) -> tuple[Any, Mapping[_Storage, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}

        def take(name: str) -> bytes:
            entry = entries[name]
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(content):
                raise ValueError(f"{name} is compressed")
            return archive.read(entry)

        if "byteorder" in entries and take("byteorder") != b"little":
            raise ValueError("its numbers are not little-endian")
        described = _Reader(io.BytesIO(take("data.pkl")), encoding="utf-8").load()
        wanted = set(_storages(described))
        if sum(map(_size, wanted)) > len(content):
            raise ValueError("it ends early")
        return described, {storage: take(f"data/{storage.key}") for storage in wanted}


def _storages(described: Any) -> list[_Storage]:
    return [t.storage for t in described.values() if isinstance(t, _Tensor)]


def _size(storage: _Storage) -> int:
    return storage.count * np.dtype(storage.kind).itemsize


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError("a tensor without a name")
    return name


def _array(tensor: Any, storages: Mapping[_Storage, bytes]) -> npt.NDArray[Any]:
    if not isinstance(tensor, _Tensor):
        raise ValueError("it holds something that is no tensor")
    raw = storages[tensor.storage]
    count = math.prod(tensor.shape)
    if len(raw) != _size(tensor.storage) or tensor.offset + count > tensor.storage.count:
        raise ValueError("it ends early")
    values: npt.NDArray[Any] = np.frombuffer(raw, tensor.storage.kind)
    return values[tensor.offset : tensor.offset + count].reshape(tensor.shape)
