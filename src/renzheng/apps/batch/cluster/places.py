"""Tables and pictures in object stores, through the file systems of pyarrow or fsspec."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from renzheng import images
from renzheng._support import csv_tables
from renzheng.apps.batch import pairs, parquet
from renzheng.apps.batch.pairs import NAMES, Pairs, Picture
from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.images import file_list

# Stores of the user's own. Nothing is fetched from web addresses: a table from somebody else must
# not make this machine send requests.
_NATIVE = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
_FSSPEC = ("az", "adl", "oss", "dbfs", "webhdfs")
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)
_TABLES = (".csv", ".parquet")


def is_stored(path: str) -> bool:
    """Return whether this is an address in an object store rather than a path."""
    found = _URL.fullmatch(path)
    return found is not None and found[1].lower() in (*_NATIVE, *_FSSPEC)


def read(path: str, max_bytes: int = images.DEFAULT_LIMITS.max_bytes) -> bytes:
    """Read the bytes of a picture from a file or an object.

    Parameters
    ----------
    path
        A path, or an address. Credentials, region and end point come from the environment or the
        machine, as pyarrow finds them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).
    max_bytes
        The largest size of an object.

    Raises
    ------
    UnreadableImage
        If there is no such file or object, or it is too large.
    """
    if not is_stored(path):
        return images.read_bytes(path)
    import pyarrow.fs

    name = images.printable(path)
    try:
        system, place = _at(path)
        found = system.get_file_info(place)
        if found.type != pyarrow.fs.FileType.File:
            raise UnreadableImage(
                "there is no such object", source=name, remedy="check the address"
            )
        if found.size is not None and found.size > max_bytes:
            raise UnreadableImage(f"it is larger than {max_bytes >> 20} MiB", source=name)
        with system.open_input_file(place) as file:
            content = bytes(file.read(max_bytes + 1))
    except (OSError, RenzhengError, pyarrow.ArrowException) as error:
        if isinstance(error, UnreadableImage):
            raise
        raise UnreadableImage(_reason(error), source=name) from error
    if len(content) > max_bytes:
        raise UnreadableImage(f"it is larger than {max_bytes >> 20} MiB", source=name)
    return content


def find(sources: Sequence[Path | str]) -> file_list.Listing:
    """Find pictures as `renzheng.images.file_list.find` does, in stores too.

    Raises
    ------
    InvalidInput
        If a folder cannot be listed.
    """
    import pyarrow.fs

    stored = [str(each) for each in sources if is_stored(str(each))]
    found = file_list.find([Path(each) for each in sources if not is_stored(str(each))])
    addresses: set[str] = set()
    skipped = Counter(found.skipped)
    for folder in stored:
        scheme = folder.partition("://")[0]
        try:
            system, place = _at(folder.rstrip("/"))
            entries = system.get_file_info(pyarrow.fs.FileSelector(place, recursive=True))
        except (OSError, pyarrow.ArrowException) as error:
            raise InvalidInput(_reason(error), source=folder, remedy="check the address") from error
        for each in entries:
            if each.type == pyarrow.fs.FileType.File:
                if f".{each.extension.lower()}" in file_list.SUFFIXES:
                    addresses.add(f"{scheme}://{each.path}")
                else:
                    skipped[file_list.OTHER] += 1
    # Addresses stay texts, since a path would lose a slash, but are listed like paths.
    paths = (*found.paths, *sorted(addresses))
    return replace(found, paths=paths, skipped=dict(skipped))  # type: ignore[arg-type]


def write(source: Path, address: str) -> None:
    """Copy a file into a store; the object appears once it is complete.

    Raises
    ------
    RenzhengError
        If it cannot be written.
    """
    import pyarrow

    try:
        system, place = _at(address)
        with source.open("rb") as file, system.open_output_stream(place) as out:
            while piece := file.read(8 << 20):
                out.write(piece)
    except (OSError, pyarrow.ArrowException) as error:
        raise RenzhengError(
            f"the object cannot be written: {_reason(error)}", source=address
        ) from error


def _at(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it, taken literally."""
    found = _URL.fullmatch(address)
    assert found is not None
    system, base = _system(found[1].lower(), found[2])
    return system, f"{base.rstrip('/')}/{found[3]}" if found[3] else base


@lru_cache(maxsize=64)
def _system(scheme: str, place: str) -> tuple[Any, str]:
    parquet.require()
    import pyarrow.fs

    if scheme in _NATIVE:
        found: tuple[Any, str] = pyarrow.fs.FileSystem.from_uri(f"{scheme}://{place}/")
        return found
    try:
        import fsspec

        system = fsspec.filesystem(scheme)
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"{scheme}:// cannot be reached: {error}",
            remedy="install what fsspec needs for it",
        ) from error
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(system)), place


@dataclass(frozen=True, eq=False)
class StoredPairs(Pairs):
    """A table whose pictures may lie in stores.

    Attributes
    ----------
    base
        The address that relative paths start from; empty where they start from a folder.
    """

    base: str = ""

    def pictures(self, row: int, roles: tuple[str, str]) -> tuple[Picture, Picture]:
        """Return the two pictures of a row."""
        one, other = (
            self._picture(self.rows[row][k], role)
            for k, role in zip((self.reference, self.probe), roles, strict=True)
        )
        return one, other

    def _picture(self, cell: str, role: str) -> Picture:
        name = cell.strip()
        if is_stored(name):
            return Picture(name, role, name)
        if self.base and name and not name.startswith("/") and not _URL.match(name):
            return Picture(f"{self.base}/{name.removeprefix('./')}", role, name)
        return pairs.picture(cell, role, self.root)


def read_pairs(
    address: str | Path, names: tuple[str, str] = NAMES, root: str | Path | None = None
) -> StoredPairs:
    """Read a table of pairs from a file or a store.

    Parameters
    ----------
    address
        The path or address of the table.
    names
        The columns of the reference and of the probe, as in `renzheng.apps.batch.pairs.read`.
    root
        The folder or address that relative paths start from; by default the table's.

    Raises
    ------
    InvalidInput
        As `renzheng.apps.batch.pairs.read` does.
    """
    address = str(address)
    base = str(root) if root is not None and is_stored(str(root)) else ""
    folder = None if root is None or base else Path(root)
    if is_stored(address):
        if root is None:
            base = address.rpartition("/")[0]
        with _local_copy(address) as path:
            try:
                table = pairs.read(path, names, folder or Path("/"))
            except InvalidInput as error:
                raise InvalidInput(error.reason, source=address, remedy=error.remedy) from error
    else:
        table = pairs.read(Path(address), names, folder)
    if base:
        table = replace(table, root=Path(base))
    facts = {name: getattr(table, name) for name in table.__dataclass_fields__}
    return StoredPairs(**facts, base=base.rstrip("/"))


@contextmanager
def _local_copy(address: str) -> Iterator[Path]:
    """Copy a table from a store into a temporary file."""
    suffix = Path(address).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="renzheng-") as folder:
        path = Path(folder) / f"table{suffix if suffix in _TABLES else '.csv'}"
        try:
            path.write_bytes(read(address, csv_tables.MAX_BYTES))
        except UnreadableImage as error:
            raise InvalidInput(error.reason, source=address, remedy=error.remedy) from error
        yield path


def _reason(error: BaseException) -> str:
    # The part from "Detail:" on is pyarrow's own codes.
    text = " ".join(str(error).split()).partition(". Detail:")[0]
    return text or type(error).__name__
