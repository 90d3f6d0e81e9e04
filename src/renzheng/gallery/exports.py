"""A gallery as one file, encrypted if wanted: to keep, to move, to read with other tools.

The file is an Arrow stream, which pandas, polars, DuckDB and others read, with its SHA-256 behind
it; an encrypted one is an Arrow stream in an age file (age-encryption.org/v1: X25519,
ChaCha20-Poly1305), which `age --decrypt` reads too.
Plain bytes of an encrypted export never touch a disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from renzheng._support import files
from renzheng.errors import InvalidInput
from renzheng.gallery import keys
from renzheng.gallery.entries import Added
from renzheng.gallery.export_format import SummingFile, check_sum, read_entries, write_entries
from renzheng.gallery.gallery import Gallery

_AGE = b"age-encryption.org/v1\n"
_ARMOUR = b"-----BEGIN AGE ENCRYPTED FILE-----"
Progress = Callable[[int], None]  # entries so far


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
        The gallery.
    path
        The file; what was there before stays until all is written.
    recipients
        Public keys (``age1...``); the owner of each can read the file. Without any it is plain.
    progress
        Called after each thousand entries.

    Returns
    -------
    the number of entries in the file

    Raises
    ------
    InvalidInput
        If a recipient is no public key.
    RenzhengError
        If the file cannot be written.
    """
    public_keys = [keys.recipient(each) for each in recipients]
    count = 0

    def fill(sink: Any) -> None:
        nonlocal count
        for count in write_entries(gallery, sink):
            if progress:
                progress(count)

    with files.new(path) as file:
        if public_keys:
            with _piped(fill) as plain:
                keys.age().encrypt_io(plain, file, public_keys)
        else:
            summing = SummingFile(file)
            fill(summing)
            summing.write_sum()
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
        The gallery to add to, of the same pack.
    path
        The file.
    key
        The secret key of an encrypted file.
    replace
        As in `Gallery.add`.
    progress
        Called after each thousand entries.

    Returns
    -------
    Added
        The ids that were added, and those that were not since the gallery held them.

    Raises
    ------
    InvalidInput
        If the file is no export, is damaged, or the key is wrong or missing. Entries before the
        damage are kept.
    PackError
        If its embeddings are another pack's.
    """
    added: list[str] = []
    refused: list[str] = []
    try:
        with path.open("rb") as file, _opened(file, path, key) as plain:
            for batch in read_entries(plain, gallery, path):
                done = gallery.add(batch, replace=replace)
                added += done.ids
                refused += done.refused
                if progress:
                    progress(len(added) + len(refused))
    except OSError as error:
        raise InvalidInput(
            f"the file cannot be read: {error.strerror or error}", source=str(path)
        ) from error
    return Added(tuple(added), tuple(refused))


def _opened(file: BinaryIO, path: Path, key: str | None) -> AbstractContextManager[BinaryIO]:
    """Return the Arrow stream of an export, checked or decrypted."""
    start = file.read(len(_ARMOUR))
    file.seek(0)
    if start == _ARMOUR:
        raise InvalidInput(
            "the export is in age's text form for mails",
            source=str(path),
            remedy="decrypt it with age --decrypt, and import the result",
        )
    if not start.startswith(_AGE):
        check_sum(file, path)  # before its content is trusted
        return nullcontext(file)
    if key is None:
        raise InvalidInput(
            "the export is encrypted",
            source=str(path),
            remedy=f"give its key with --key-file or in ${keys.KEY_VARIABLE}",
        )
    return _decrypted(file, keys.identity(key, "the key"), path)


@contextmanager
def _decrypted(file: BinaryIO, identity: Any, path: Path) -> Iterator[BinaryIO]:
    age = keys.age()

    def fill(sink: BinaryIO) -> None:
        try:
            age.decrypt_io(file, sink, [identity])
        except BrokenPipeError:
            raise  # the reader has given up, and knows why
        except (age.DecryptError, OSError) as error:  # OSError: in the middle of the file
            raise InvalidInput(
                f"the export cannot be decrypted: {error}",
                source=str(path),
                remedy="use the key that it was encrypted for; with that key, the file is damaged",
            ) from error

    with _piped(fill) as plain:
        yield plain


@contextmanager
def _piped(fill: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Yield what `fill` writes while it writes; its error takes precedence over the reader's."""
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
            source.close()  # a writer that waits for a reader learns that there is none
            thread.join()
            causes = [each for each in failure if not isinstance(each, BrokenPipeError)]
            if causes:
                raise causes[0] from None
            raise
    thread.join()
    if failure:
        raise failure[0]
