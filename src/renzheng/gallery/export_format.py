"""The form of an export: an Arrow stream of entries, a plain one with its SHA-256 behind it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput
from renzheng.gallery import pack
from renzheng.gallery.entries import Entry
from renzheng.gallery.gallery import Gallery

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = 2
_LAYOUTS = (1, LAYOUT)  # that are read: the first has no strengths
ABOUT = b"renzheng.gallery.export"  # key of the schema's metadata
SUM = b"renzheng sha256 "  # followed by 64 hexadecimal digits, behind a plain Arrow stream
_BATCH = 1000


def write_entries(gallery: Gallery, sink: Any) -> Iterator[int]:
    """Write a gallery's entries as an Arrow stream; yield how many there are so far."""
    import pyarrow as pa

    about = {
        "layout": LAYOUT,
        "pack": dict(gallery.pack),
        "detector": gallery.detector,
        "dimension": gallery.dimension,
    }
    schema = schema_of(gallery.dimension).with_metadata({ABOUT: json.dumps(about).encode()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    count = 0
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        batch: list[Entry] = []
        for entry in gallery.entries():
            batch.append(entry)
            if len(batch) == _BATCH:
                writer.write_batch(_to_batch(batch, schema))
                count += len(batch)
                batch = []
                yield count
        if batch:
            writer.write_batch(_to_batch(batch, schema))
            count += len(batch)
    yield count


def read_entries(plain: BinaryIO, gallery: Gallery, path: Path) -> Iterator[list[Entry]]:
    """Yield the entries of an Arrow stream, some at a time.

    Parameters
    ----------
    plain
        The stream.
    gallery
        The gallery whose pack the entries must have.
    path
        The export's name, for messages.

    Raises
    ------
    InvalidInput
        If it is no export, or is damaged.
    PackError
        If its embeddings are another pack's.
    """
    import pyarrow as pa

    try:
        reader = pa.ipc.open_stream(pa.PythonFile(plain, mode="r"))
    except (pa.ArrowInvalid, OSError) as error:
        raise _no_export(path) from error
    _check_about(reader.schema, gallery, path)
    while True:
        try:
            batch = reader.read_next_batch()
            batch.validate(full=True)
            entries = [_entry(row) for row in batch.to_pylist()]
        except StopIteration:
            return
        except Exception as error:  # Arrow and its contents raise nearly everything
            raise InvalidInput(
                f"the export is damaged: {error}", source=str(path), remedy="export it again"
            ) from error
        yield entries


def schema_of(dimension: int) -> pa.Schema:
    """Return the schema of an export's entries, with embeddings of this dimension."""
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("person", pa.string()),
            ("metadata", pa.string()),  # JSON
            ("source", pa.string()),
            ("picture", pa.string()),
            ("enrolled", pa.timestamp("ms", "UTC")),
            ("embedding", pa.list_(pa.float32(), dimension)),
            ("strength", pa.float64()),  # null where it is unknown
        ]
    )


class SummingFile:
    """A file for writing that computes the SHA-256 of its content.

    Parameters
    ----------
    file
        The file that is written to; its owner closes it.
    """

    closed = False

    def __init__(self, file: BinaryIO):
        self._file = file
        self._sum = hashlib.sha256()

    def write(self, content: Any) -> int:
        """Write content, and add it to the sum."""
        self._sum.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()

    def close(self) -> None:
        """Do nothing: the file's owner closes it."""

    def write_sum(self) -> None:
        """Write the sum behind the content."""
        self._file.write(SUM + self._sum.hexdigest().encode())


def check_sum(file: BinaryIO, path: Path) -> None:
    """Check that a plain export is as it was written, and go back to its start.

    Raises
    ------
    InvalidInput
        If it is no export, or has changed.
    """
    length = len(SUM) + 64
    whole = file.seek(0, os.SEEK_END)
    file.seek(max(whole - length, 0))
    if not file.read().startswith(SUM):
        file.seek(0)
        if file.read(4) == b"\xff\xff\xff\xff":  # the start of every Arrow stream
            raise InvalidInput(
                "this is no export of a gallery, or its end is missing", source=str(path)
            )
        raise _no_export(path)
    file.seek(0)
    digest, left = hashlib.sha256(), whole - length
    while left:
        content = file.read(min(left, 1 << 20))
        if not content:
            raise InvalidInput("the file changed while it was read", source=str(path))
        digest.update(content)
        left -= len(content)
    if file.read() != SUM + digest.hexdigest().encode():
        raise InvalidInput(
            "the export is damaged: it is not as it was written",
            source=str(path),
            remedy="copy or export it again",
        )
    file.seek(0)


def _no_export(path: Path) -> InvalidInput:
    return InvalidInput(
        "this is no export of a gallery",
        source=str(path),
        remedy="make one: renzheng gallery export",
    )


def _check_about(schema: pa.Schema, gallery: Gallery, path: Path) -> None:
    try:
        about = from_json((schema.metadata or {})[ABOUT])
        layout = about["layout"]
        digest, name = about["pack"]["network_digest"], about["pack"]["name"]
    except (KeyError, ValueError, TypeError) as error:
        raise _no_export(path) from error
    if layout not in _LAYOUTS:
        raise InvalidInput(
            f"the export has layout {layout}; this version of renzheng reads "
            f"layouts up to {LAYOUT}",
            source=str(path),
            remedy="use the version of renzheng that wrote it",
        )
    pack.check_export(gallery.pack, name, digest, str(path))
    pack.check_detector(gallery.detector, about.get("detector"), str(path))


def _to_batch(entries: Sequence[Entry], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    rows = [
        {
            "id": entry.id,
            "person": entry.person,
            "metadata": json.dumps(dict(entry.metadata), ensure_ascii=False),
            "source": entry.source,
            "picture": entry.picture,
            "enrolled": entry.enrolled,
            "embedding": entry.embedding,
            "strength": entry.strength,
        }
        for entry in entries
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def _entry(row: dict[str, Any]) -> Entry:
    metadata = from_json(row["metadata"])
    if not isinstance(metadata, dict) or not isinstance(row["person"], str):
        raise InvalidInput("this is not an entry", source=str(row["id"]))
    return Entry(**{**row, "metadata": metadata})
