"""One pass over a collection: each picture is read once, and what the search needs is kept."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from renzheng import images
from renzheng._support import files, processes
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.images import similarity
from renzheng.images.duplicates.results import Item
from renzheng.images.duplicates.store import Entry, Known, Stamp, Store
from renzheng.images.file_list import Listing, Unread

Progress = Callable[[str, int, int], None]  # the step, number of pictures done, number in all

_PART = 512  # files that are looked up in the store at a time
_EVERY = 0.25  # seconds between two commits, which is what a killed run loses
_WORTH_A_POOL = 64  # pictures; with fewer, starting processes takes longer than it saves


@dataclass(eq=False)
class Survey:
    """The result of a pass over a collection.

    Attributes
    ----------
    items
        Every file that was read as a picture.
    known
        The known pictures by digest.
    unread
        Files that could not be read, with the reason.
    computed
        Number of pictures that were not in the store.
    stamps
        The sizes and times of the files when they were read.
    """

    items: list[Item] = field(default_factory=list)
    known: dict[bytes, Known] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    computed: int = 0
    stamps: dict[Path, Stamp | None] = field(default_factory=dict)

    def altered(self, path: Path) -> bool:
        """Return whether a file is gone, or is no longer the one that was read."""
        return self.stamps.get(path) is None or _stamp(path) != self.stamps[path]


@dataclass(frozen=True)
class _Read:
    """A file as it was read."""

    path: Path
    stamp: Stamp
    digest: bytes
    content: bytes = field(repr=False)


def survey(
    listing: Listing, store: Store, *, workers: int = 1, progress: Progress | None = None
) -> Survey:
    """Read the pictures that are not known yet.

    Parameters
    ----------
    listing
        The files.
    store
        The store of earlier results. It is written continually, so that the next call continues an
        interrupted one. A file with the same size and times as before is not read again; a picture
        whose bytes are known is not computed again, wherever it lies.
    workers
        Number of processes; 1 stays in this one.
    progress
        Called with the number of pictures done.

    Raises
    ------
    RenzhengError
        If the store cannot be written, or the workers die.
    """
    found = Survey()
    waiting = _Waiting(store)
    digests: dict[Path, bytes] = {}
    new: list[Path] = []
    for start in range(0, len(listing.paths), _PART):
        part = listing.paths[start : start + _PART]
        for path, digest in zip(part, _as_before(part, store), strict=True):
            if digest is None:
                new.append(path)
            else:
                digests[path] = digest
                found.stamps[path] = _stamp(path)
    done = len(digests)

    def tell() -> None:
        if progress:
            progress("reading", done, len(listing.paths))

    def read() -> Iterator[_Read]:
        """Yield the files whose pictures must be computed; the others are handled on the way."""
        nonlocal done
        underway: set[bytes] = set()
        for path in new:
            try:
                one = _read(path)
            except InvalidInput as error:
                found.unread.append(Unread(path, error.reason))
                done += 1
                continue
            digests[path] = one.digest
            found.stamps[path] = one.stamp
            if one.digest in underway or store.has([one.digest]):
                waiting.add(one)
                done += 1
            else:
                underway.add(one.digest)
                yield one

    tell()
    try:
        for one, result in _work(read(), workers if len(new) >= _WORTH_A_POOL else 1):
            if isinstance(result, str):
                found.unread.append(Unread(one.path, result))
                waiting.failed[one.digest] = result
            else:
                waiting.add(one, result)
                found.computed += 1
            done += 1
            tell()
    finally:
        waiting.flush()
    tell()
    found.known = store.known(list(dict.fromkeys(digests.values())))
    reported = {unread.path for unread in found.unread}
    for path in listing.paths:
        if path not in digests or path in reported:
            continue
        known = found.known.get(digests[path])
        if known is None:
            reason = waiting.failed.get(digests[path], "the file changed while it was read")
            found.unread.append(Unread(path, reason))
            continue
        try:
            found.items.append(_item(path, digests[path], known, path in listing.links))
        except OSError as error:
            found.unread.append(Unread(path, _gone(error)))
    return found


class _Waiting:
    """Results that wait to be written to the store."""

    def __init__(self, store: Store) -> None:
        self.failed: dict[bytes, str] = {}
        self._store = store
        self._files: dict[bytes, tuple[Stamp, bytes]] = {}
        self._entries: dict[bytes, Entry] = {}
        self._last = time.monotonic()

    def add(self, one: _Read, entry: Entry | None = None) -> None:
        self._files[_key(one.path)] = one.stamp, one.digest
        if entry is not None:
            self._entries[one.digest] = entry
        if time.monotonic() - self._last >= _EVERY or len(self._entries) >= _PART:
            self.flush()

    def flush(self) -> None:
        if self._files:
            self._store.put(self._files, self._entries)
        self._files, self._entries, self._last = {}, {}, time.monotonic()


def _as_before(part: tuple[Path, ...], store: Store) -> list[bytes | None]:
    """Return the digest of every file that has not been touched since it was read, else None."""
    stamps = store.stamps([_key(path) for path in part])
    present = store.has([digest for _, digest in stamps.values()])
    found: list[bytes | None] = []
    for path in part:
        before = stamps.get(_key(path))
        same = before is not None and before[1] in present and before[0] == _stamp(path)
        found.append(before[1] if before is not None and same else None)
    return found


def _key(path: Path) -> bytes:
    return os.path.abspath(os.fsencode(path))  # noqa: PTH100 - bytes; links are kept


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(path: Path) -> _Read:
    # Taken before the bytes, so that a file that is written meanwhile is read again next time.
    stamp = _stamp(path)
    if stamp is None:
        try:
            path.stat()
        except OSError as error:
            raise InvalidInput(_gone(error), source=str(path)) from error
    content = files.read(path, images.DEFAULT_LIMITS.max_bytes)
    return _Read(path, stamp or (0, 0, 0), hashlib.sha256(content).digest(), content)


def _gone(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone: it was there when the folder was listed"
    return f"the file cannot be read: {error.strerror}"


def _item(path: Path, digest: bytes, known: Known, link: bool) -> Item:
    status = path.stat()
    return Item(
        path,
        digest,
        status.st_size,
        known.width,
        known.height,
        status.st_mtime_ns,
        (status.st_dev, status.st_ino),
        link,
    )


# --- computing -----------------------------------------------------------------------------


def compute(content: bytes, name: str) -> Entry | str:
    """Compute what the store keeps of a picture, or return why it cannot be read."""
    try:
        image = images.read(content, name=name)
    except RenzhengError as error:
        return error.reason
    height, width = image.shape[:2]
    print_ = similarity.fingerprint(image)
    return Entry(
        width,
        height,
        print_.informative,
        print_.whole,
        print_.views,
        similarity.local_features(image),
    )


def _work(tasks: Iterator[_Read], workers: int) -> Iterator[tuple[_Read, Entry | str]]:
    return processes.map_in_order(
        tasks, _computer, load=lambda one: (one.content, str(one.path)), workers=workers
    )


def _computer(threads: int | None) -> Callable[[tuple[bytes, str]], Entry | str]:
    return lambda read: compute(*read)
