"""A gallery as one file, encrypted if wanted: to keep, to move, to read with other tools.

The file is an Arrow stream, which pandas, polars, DuckDB and others read, with its SHA-256 behind
it; an encrypted one is an Arrow stream in an age file (age-encryption.org/v1: X25519,
ChaCha20-Poly1305), which `age --decrypt` reads too.
Plain bytes of an encrypted export never touch a disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from renzheng._support import files
from renzheng.errors import InvalidInput, PackError, RenzhengError
from renzheng.gallery.entries import Added, Entry
from renzheng.gallery.gallery import Gallery

if TYPE_CHECKING:
    import pyarrow as pa

KEY_VARIABLE = "RENZHENG_GALLERY_KEY"

_LAYOUT = 1
_ABOUT = b"renzheng.gallery.export"
_AGE = b"age-encryption.org/v1\n"
_SUM = b"renzheng sha256 "  # and 64 hexadecimal digits: after the end of a plain Arrow stream
_ARMOUR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_BATCH = 1000
_MOST_KEY = 1 << 16
Progress = Callable[[int], None]  # entries so far


def new_key() -> str:
    """A new secret key in the form of ``age-keygen``."""
    return str(_age().x25519.Identity.generate())


def read_key(file: Path | None = None) -> str | None:
    """The secret key of a file, or else of the environment, or None.

    Parameters
    ----------
    file
        One line is the key (``AGE-SECRET-KEY-1...``); lines that begin with ``#`` are passed
        over. Without a file, ``$RENZHENG_GALLERY_KEY`` is asked.

    Raises
    ------
    InvalidInput
        If there is no key in it.
    """
    source = f"${KEY_VARIABLE}" if file is None else str(file)
    if file is None:
        text = os.environ.get(KEY_VARIABLE, "")
        if not text:
            return None
    else:
        text = files.read(file, _MOST_KEY).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise InvalidInput(f"one key is wanted, there are {len(keys)}", source=source)
    _identity(keys[0], source)
    return keys[0]


def recipient_of(key: str) -> str:
    """The public key (``age1...``) that belongs to a secret one."""
    return str(_identity(key, "the key").to_public())


def export_gallery(
    gallery: Gallery,
    path: Path,
    *,
    recipients: Sequence[str] = (),
    progress: Progress | None = None,
) -> int:
    """Write all entries, with their embeddings, into a file that only its owner may read.

    Parameters
    ----------
    gallery
        What is written.
    path
        The file; what was there before stays until all is written.
    recipients
        Public keys (``age1...``), each of whose owners can read it; without any the file is plain.
    progress
        Told after each thousand entries.

    Returns
    -------
    how many entries there are in it

    Raises
    ------
    InvalidInput
        If a recipient is none.
    RenzhengError
        If the file cannot be written.
    """
    keys = [_recipient(each) for each in recipients]
    count = 0

    def fill(sink: Any) -> None:
        nonlocal count
        for count in _write(gallery, sink):
            if progress:
                progress(count)

    with files.new(path) as file:
        if keys:
            with _piped(fill) as plain:
                _age().encrypt_io(plain, file, keys)
        else:
            summing = _Summing(file)
            fill(summing)
            file.write(_SUM + summing.digest)
    return count


def import_gallery(
    gallery: Gallery,
    path: Path,
    *,
    key: str | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Added:
    """Add the entries of an export.

    Parameters
    ----------
    gallery
        Where to; of the same pack.
    path
        The file.
    key
        The secret key of an encrypted one.
    replace
        As in `Gallery.add`.
    progress
        Told after each thousand entries.

    Returns
    -------
    Added
        What was added, and what was not since its id was there.

    Raises
    ------
    InvalidInput
        If it is no export, is damaged, or the key is wrong or missing. What came whole before the
        damage is kept.
    PackError
        If its embeddings are another pack's.
    """
    added: list[str] = []
    refused: list[str] = []
    try:
        with path.open("rb") as file:
            start = file.read(len(_ARMOUR))
            encrypted = start.startswith(_AGE)
            file.seek(0)
            if start == _ARMOUR:
                raise InvalidInput(
                    "the export is in age's form for mails",
                    source=str(path),
                    remedy="turn it into the binary one: age --decrypt, and import that",
                )
            if encrypted and key is None:
                raise InvalidInput(
                    "the export is encrypted",
                    source=str(path),
                    remedy=f"give its key with --key-file or in ${KEY_VARIABLE}",
                )
            identity = _identity(key, "the key") if encrypted and key is not None else None
            if not encrypted:
                _check_sum(file, path)  # before anything in it is believed
            source = _decrypted(file, identity, path) if identity else _plain(file)
            with source as plain:
                for batch in _read(plain, gallery, path):
                    done = gallery.add(batch, replace=replace)
                    added += done.ids
                    refused += done.refused
                    if progress:
                        progress(len(added) + len(refused))
    except OSError as error:
        raise InvalidInput(
            f"it cannot be read: {error.strerror or error}", source=str(path)
        ) from error
    return Added(tuple(added), tuple(refused))


def _write(gallery: Gallery, sink: Any) -> Iterator[int]:
    import pyarrow as pa

    about = {"layout": _LAYOUT, "pack": dict(gallery.pack), "dimension": gallery.dimension}
    schema = _schema(gallery.dimension).with_metadata({_ABOUT: json.dumps(about).encode()})
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


def _read(plain: BinaryIO, gallery: Gallery, path: Path) -> Iterator[list[Entry]]:
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
        except Exception as error:  # Arrow and what is in it raise nearly everything
            raise InvalidInput(
                f"the export is damaged: {error}", source=str(path), remedy="export it again"
            ) from error
        yield entries


def _check_sum(file: BinaryIO, path: Path) -> None:
    """See that a plain export is as it was written."""
    length = len(_SUM) + 64
    whole = file.seek(0, os.SEEK_END)
    file.seek(max(whole - length, 0))
    if not file.read().startswith(_SUM):
        file.seek(0)
        if file.read(4) == b"\xff\xff\xff\xff":  # as Arrow streams begin
            raise InvalidInput(
                "it is no export of a gallery, or its end is missing", source=str(path)
            )
        raise _no_export(path)
    file.seek(0)
    digest, left = hashlib.sha256(), whole - length
    while left:
        content = file.read(min(left, 1 << 20))
        if not content:
            raise InvalidInput("the file has changed while it was read", source=str(path))
        digest.update(content)
        left -= len(content)
    if file.read() != _SUM + digest.hexdigest().encode():
        raise InvalidInput(
            "the export is damaged: it is not as it was written",
            source=str(path),
            remedy="copy or export it again",
        )
    file.seek(0)


def _no_export(path: Path) -> InvalidInput:
    return InvalidInput(
        "it is no export of a gallery",
        source=str(path),
        remedy="make one: renzheng gallery export",
    )


def _check_about(schema: pa.Schema, gallery: Gallery, path: Path) -> None:
    try:
        about = json.loads((schema.metadata or {})[_ABOUT])
        layout, pack = about["layout"], about["pack"]
        digest, name = pack["network_digest"], pack["name"]
    except (KeyError, ValueError, TypeError) as error:
        raise _no_export(path) from error
    if layout != _LAYOUT:
        raise InvalidInput(
            f"the export's layout is {layout}, {_LAYOUT} is known",
            source=str(path),
            remedy="use the version of renzheng that wrote it",
        )
    if digest != gallery.pack["network_digest"]:
        raise PackError(
            f"the export holds embeddings of the pack {name} (network {digest[:12]}), the gallery "
            f"those of {gallery.pack['name']} ({gallery.pack['network_digest'][:12]}): distances "
            "between the two mean nothing",
            source=str(path),
            remedy="enrol the pictures anew",
        )


def _schema(dimension: int) -> pa.Schema:
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
        ]
    )


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
        }
        for entry in entries
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def _entry(row: dict[str, Any]) -> Entry:
    metadata = json.loads(row["metadata"])
    if not isinstance(metadata, dict) or not isinstance(row["person"], str):
        raise InvalidInput("an entry is none", source=str(row["id"]))
    return Entry(**{**row, "metadata": metadata})


class _Summing:
    """A file that knows the SHA-256 of what was written into it."""

    closed = False

    def __init__(self, file: BinaryIO):
        self._file = file
        self._sum = hashlib.sha256()

    def write(self, content: Any) -> int:
        self._sum.update(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The file's owner closes it."""

    @property
    def digest(self) -> bytes:
        return self._sum.hexdigest().encode()


@contextmanager
def _plain(file: BinaryIO) -> Iterator[BinaryIO]:
    yield file


@contextmanager
def _decrypted(file: BinaryIO, identity: Any, path: Path) -> Iterator[BinaryIO]:
    age = _age()

    def fill(sink: BinaryIO) -> None:
        try:
            age.decrypt_io(file, sink, [identity])
        except BrokenPipeError:
            raise  # the reader has given up, and knows why
        except (age.DecryptError, OSError) as error:  # OSError: in the middle of the file
            raise InvalidInput(
                f"it cannot be decrypted: {error}",
                source=str(path),
                remedy="use the key that it was encrypted for; if it is, the file is damaged",
            ) from error

    with _piped(fill) as plain:
        yield plain


@contextmanager
def _piped(fill: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """What `fill` writes, to be read meanwhile; its error comes before any of the reader's."""
    reading, writing = os.pipe()
    failure: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writing, "wb") as sink:
                fill(sink)
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="gallery export", daemon=True)
    with os.fdopen(reading, "rb") as source:
        thread.start()
        try:
            yield source
            source.read(1)  # let the writer come to its end, and to its error
        except Exception:
            source.close()  # a writer that waits for a reader is told that there is none
            thread.join()
            causes = [each for each in failure if not isinstance(each, BrokenPipeError)]
            if causes:
                raise causes[0] from None
            raise
    thread.join()
    if failure:
        raise failure[0]


def _identity(key: str, source: str) -> Any:
    age = _age()
    try:
        return age.x25519.Identity.from_str(key)
    except (age.IdentityError, ValueError) as error:
        # Not what the library says: it could hold a part of the key.
        raise InvalidInput(
            "it is no secret key", source=source, remedy="it looks like AGE-SECRET-KEY-1..."
        ) from error


def _recipient(text: str) -> Any:
    age = _age()
    try:
        return age.x25519.Recipient.from_str(text)
    except (age.RecipientError, ValueError) as error:
        raise InvalidInput(
            f"{text!r} is no public key", remedy="it looks like age1...; `gallery key` prints it"
        ) from error


def _age() -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise RenzhengError(
            "encrypted exports need the package pyrage", remedy="pip install 'renzheng[gallery]'"
        ) from error
    return pyrage
