"""InsightFace's RecordIO sets (``train.rec`` with ``train.idx``), read without MXNet.

A record is a magic number, a word of length and continuation, the content, and zeros up to a
multiple of 4 bytes (dmlc-core's recordio.h). Content that holds the magic number at a multiple of
4 is cut there and told to continue. An image record begins with flag, label, id and id2; a flag
above 0 says how many labels follow in place of the one.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from renzheng.datasets.training.source import Handles, Named
from renzheng.errors import InvalidInput

_MAGIC = struct.pack("<I", 0xCED7230A)
_HEADER = struct.Struct("<IfQQ")  # flag, label, id, id2
_LENGTH = (1 << 29) - 1
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_MAX_BYTES = 1 << 28  # bytes of one record: far above any picture


class Records(Named):
    """A ``.rec`` file of pictures.

    Parameters
    ----------
    path
        The ``.rec`` file; the ``.idx`` beside it is used where there is one.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is damaged, or shows fewer than two people.
    """

    def __init__(self, path: Path):
        self._path = path
        self._handles = Handles()
        places = _index(path)
        names, people, kept = [], [], []
        # Only headers are read here: millions of pictures are indexed in a minute.
        start = places.get(0)
        identities: range | None = None
        if start is not None:
            flag, labels, rest = self._read(start, header_only=True)
            if flag > 0 and len(labels) >= 2 and not rest and all(map(math.isfinite, labels)):
                # InsightFace's first record: the numbers of the records that stand for people.
                identities = range(int(labels[0]), int(labels[1]))
        problems = []
        for key, place in sorted(places.items()):
            if identities is not None and (key == 0 or key in identities):
                continue
            _, labels, _ = self._read(place, header_only=True)
            if not labels or not math.isfinite(labels[0]):
                problems.append(f"{path.name} record {key}: its label is no number")
                continue
            names.append(f"{path.name} record {key}")
            people.append(f"{int(labels[0]):09d}")
            kept.append(place)
        super().__init__(str(path), names, people)
        self._places = kept
        self.problems = tuple(problems)

    def content(self, index: int) -> bytes:
        """Return a picture, encoded."""
        return self._read(self._places[index])[2]

    def _read(self, place: int, header_only: bool = False) -> tuple[int, tuple[float, ...], bytes]:
        try:
            file = self._handles.get(self._path)
        except OSError as error:
            raise InvalidInput(
                f"the file cannot be read: {error.strerror}", source=str(self._path)
            ) from error
        try:
            record = _record(file, place, 4096 if header_only else _MAX_BYTES)
            flag, label, _, _ = _HEADER.unpack_from(record)
            if flag == 0:
                return 0, (label,), record[_HEADER.size :]
            if flag > len(record) // 4:
                raise ValueError(f"{flag} labels in {len(record)} bytes")
            labels = struct.unpack_from(f"<{flag}f", record, _HEADER.size)
            return flag, labels, record[_HEADER.size + 4 * flag :]
        except (OSError, ValueError, struct.error) as error:
            self._handles.close()
            raise InvalidInput(
                f"the record at byte {place} is damaged: {error}", source=str(self._path)
            ) from error


def write_records(path: Path, pictures: Iterable[tuple[bytes, int]]) -> int:
    """Pack encoded pictures and their people's numbers into ``.rec`` and ``.idx``.

    Returns
    -------
    int
        The number of pictures written.

    Raises
    ------
    InvalidInput
        If a number is beyond 2**24, where the format's 32-bit floats skip whole numbers.
    """
    count = 0
    with path.open("wb") as file, path.with_suffix(".idx").open("w") as index:
        # Keys from 1 on: key 0 is where InsightFace keeps its table of people.
        for count, (code, label) in enumerate(pictures, start=1):
            if not 0 <= label < 1 << 24:
                raise InvalidInput(
                    f"the label of picture {count} is {label}, not 0 to {(1 << 24) - 1}",
                    source=str(path),
                )
            index.write(f"{count}\t{file.tell()}\n")
            _write(file, _HEADER.pack(0, float(label), count, 0) + code)
    return count


def _index(path: Path) -> dict[int, int]:
    """Return the byte at which each record begins, by key."""
    beside = path.with_suffix(".idx")
    try:
        size = path.stat().st_size
        if beside.exists():
            lines = beside.read_text(encoding="ascii").splitlines()
            pairs = [line.split() for line in lines if line.strip()]
            return {int(float(key)): int(place) for key, place in pairs}
        found: dict[int, int] = {}
        place = 0
        with path.open("rb") as file:
            while place < size:
                try:
                    _record(file, place, _MAX_BYTES)
                except ValueError as error:
                    raise ValueError(f"the record at byte {place} is damaged: {error}") from error
                found[len(found)] = place
                place = file.tell()
        return found
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be read: {error.strerror}", source=str(path)
        ) from error
    except (ValueError, OverflowError, struct.error) as error:
        where = beside if beside.exists() else path
        raise InvalidInput(f"no index of records: {error}", source=str(where)) from error


def _record(file: BinaryIO, place: int, max_bytes: int) -> bytes:
    """Return the content of the record at `place`, or at least its first `max_bytes` bytes."""
    file.seek(place)
    parts: list[bytes] = []
    while True:
        head = file.read(8)
        if len(head) < 8 or head[:4] != _MAGIC:
            raise ValueError("no record begins here")
        word = struct.unpack("<I", head[4:])[0]
        kind, length = word >> 29, word & _LENGTH
        if kind > _LAST or (kind in (_MIDDLE, _LAST)) != bool(parts):
            raise ValueError("its parts are out of order")
        wanted = min(length, max_bytes)
        body = file.read(wanted)
        if len(body) < wanted:
            raise ValueError("the file ends in it")
        parts.append(body)
        if wanted < length or kind in (_WHOLE, _LAST):
            file.seek(length - wanted + (-length % 4), os.SEEK_CUR)
            return _MAGIC.join(parts)


def _write(file: BinaryIO, content: bytes) -> None:
    parts, start, search = [], 0, 0
    while True:
        found = content.find(_MAGIC, search)
        if found < 0:
            break
        if found % 4 == 0:
            parts.append(content[start:found])
            start = search = found + 4
        else:
            search = found + 1
    parts.append(content[start:])
    for number, part in enumerate(parts):
        kind = _WHOLE
        if len(parts) > 1:
            kind = _FIRST if number == 0 else _LAST if number == len(parts) - 1 else _MIDDLE
        file.write(_MAGIC + struct.pack("<I", kind << 29 | len(part)))
        file.write(part + bytes(-len(part) % 4))
