"""The store of what was computed from pictures, so that a killed search can go on."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng import images
from renzheng._support import files
from renzheng._support.sqlite_files import SqliteFile, is_foreign
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.images import similarity
from renzheng.images.duplicates.hash_search import Words
from renzheng.images.duplicates.results import Link
from renzheng.images.similarity import LocalFeatures, regions

# What is kept of a picture depends on these; entries with another revision are computed anew.
REVISION = f"1.{similarity.REVISION}.{regions.MAX_FEATURES}"
# The links of a pair depend on these as well; a number, since there are many pairs.
_RULE = zlib.crc32(
    f"3 {regions.MIN_INLIERS} {regions.MIN_SHARE} {regions.DENSE_INLIERS} "
    f"{regions.MIN_DENSITY}".encode()
)

_LAYOUT = 1
_APPLICATION = int.from_bytes(b"rzdp", "big")  # the application_id, which tells SQLite files apart
_NAME = "pictures.sqlite3"

_TABLES = (
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER,"
    " digest BLOB) WITHOUT ROWID",
    "CREATE TABLE pictures (id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB UNIQUE,"
    " revision TEXT, width INTEGER, height INTEGER, informative INTEGER, word_count INTEGER,"
    " whole BLOB, views BLOB)",
    "CREATE TABLE features (id INTEGER PRIMARY KEY, points BLOB, frames BLOB, descriptors BLOB)",
    "CREATE TABLE links (one INTEGER, other INTEGER, rule INTEGER, inliers INTEGER, share REAL,"
    " mirrored INTEGER, shown REAL, filled REAL, agreement REAL,"
    " changed_side REAL, PRIMARY KEY (one, other)) WITHOUT ROWID",
)

Stamp = tuple[int, int, int]  # size in bytes, and mtime and ctime in nanoseconds


def default_path() -> Path:
    """Return the store's place beside the built packs, in the platform's cache folder.

    ``$RENZHENG_CACHE`` overrides that folder.
    """
    return files.cache_folder() / _NAME


@dataclass(frozen=True, eq=False)
class Entry:
    """Everything that is computed from a picture.

    Attributes
    ----------
    width, height
        Size of the picture in pixels.
    informative, whole, views
        As in `renzheng.images.similarity.Fingerprint`: bool, uint64 (k, w), uint64 (m, w).
    features
        The local features.
    """

    width: int
    height: int
    informative: bool
    whole: Words
    views: Words
    features: LocalFeatures


@dataclass(frozen=True, eq=False)
class Known:
    """The part of an `Entry` that the search always needs: all but the local features."""

    number: int  # the picture's, in the store
    width: int
    height: int
    informative: bool
    whole: Words
    views: Words


class Store(SqliteFile):
    """A file of what was computed from pictures, by the digest of their bytes.

    Only its owner may read it.

    Parameters
    ----------
    path
        The file; it and its folder are made as needed. None keeps everything in a temporary file
        that goes with the process.

    Raises
    ------
    RenzhengError
        If the file cannot be opened, is something else, or has another version's layout.

    Notes
    -----
    It holds paths and hashes, with which anyone who has a picture can find out whether it was
    here. Two processes may use one store at a time: what either commits is right by itself.
    """

    def __init__(self, path: Path | None):
        self.path = path
        if path is not None:
            _check_place(path)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                files.keep_private(path)
            except OSError as error:
                raise RenzhengError(
                    f"the store cannot be written: {error.strerror}",
                    source=str(path),
                    remedy="name another with --store, or do without: --no-store",
                ) from error
        super().__init__(path, self._prepare, timeout=120)

    # --- files and pictures ----------------------------------------------------------------

    def stamps(self, paths: Sequence[bytes]) -> dict[bytes, tuple[Stamp, bytes]]:
        """Return the stamps and digests that these files had when they were read."""
        query = "SELECT path, size, modified, changed, digest FROM files WHERE path IN ({})"
        return {
            path: ((size, modified, changed), digest)
            for path, size, modified, changed, digest in self._select(query, paths)
        }

    def has(self, digests: Sequence[bytes]) -> set[bytes]:
        """Return which of these pictures are known under the present revision."""
        query = f"SELECT digest FROM pictures WHERE revision = '{REVISION}' AND digest IN ({{}})"
        return {digest for (digest,) in self._select(query, digests)}

    def known(self, digests: Sequence[bytes]) -> dict[bytes, Known]:
        """Return what is known of these pictures under the present revision, by digest."""
        query = (
            "SELECT digest, id, width, height, informative, word_count, whole, views FROM pictures "
            f"WHERE revision = '{REVISION}' AND digest IN ({{}})"
        )
        found = {}
        with self._explained():
            for digest, number, width, height, informative, words, whole, views in self._select(
                query, digests
            ):
                found[digest] = Known(
                    number,
                    width,
                    height,
                    bool(informative),
                    _array(whole, np.uint64, words),
                    _array(views, np.uint64, words),
                )
        return found

    def put(self, files: dict[bytes, tuple[Stamp, bytes]], entries: dict[bytes, Entry]) -> None:
        """Keep the stamps and digests of files, and entries by digest: all or nothing."""
        with self._explained(), self._base:
            # No other process writes between the look and the entry.
            self._base.execute("BEGIN IMMEDIATE")
            for digest, entry in entries.items():
                if self.has([digest]):  # another process was faster, and its number is in use
                    continue
                old = self._base.execute("SELECT id FROM pictures WHERE digest = ?", (digest,))
                for (number,) in old.fetchall():
                    self._base.execute("DELETE FROM features WHERE id = ?", (number,))
                cursor = self._base.execute(
                    "INSERT OR REPLACE INTO pictures (digest, revision, width, height, informative,"
                    " word_count, whole, views) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(digest, REVISION, entry.width, entry.height, int(entry.informative)),
                        *(entry.whole.shape[1], entry.whole.tobytes(), entry.views.tobytes()),
                    ),
                )
                features = entry.features
                self._base.execute(
                    "INSERT INTO features VALUES (?, ?, ?, ?)",
                    (
                        *(cursor.lastrowid, features.points.tobytes()),
                        *(features.frames.tobytes(), features.descriptors.tobytes()),
                    ),
                )
            self._base.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                [(path, *stamp, digest) for path, (stamp, digest) in files.items()],
            )

    def features(self, one: Known) -> LocalFeatures:
        """Return the local features of a picture."""
        with self._explained():
            row = self._base.execute(
                "SELECT points, frames, descriptors FROM features WHERE id = ?", (one.number,)
            ).fetchone()
            if row is None:
                raise sqlite3.DatabaseError("a picture's features are missing")
            points, frames, descriptors = row
            return LocalFeatures(
                _array(points, np.float32, 2),
                _array(descriptors, np.uint8, 128),
                _array(frames, np.float32, 2),
                (one.width, one.height),
            )

    # --- links -----------------------------------------------------------------------------

    def links(self, one: Known, others: Sequence[Known]) -> dict[int, Link | None]:
        """Return the known links of a picture to others, by their numbers.

        None says that the two are unrelated. The distance of the hashes is not kept.
        """
        query = (
            "SELECT other, inliers, share, mirrored, shown, filled, agreement, changed_side "
            f"FROM links WHERE one = {one.number} AND rule = {_RULE} AND other IN ({{}})"
        )
        return {
            other: None if share is None else Link(None, inliers, share, bool(mirrored), *rest)
            for other, inliers, share, mirrored, *rest in self._select(
                query, [other.number for other in others]
            )
        }

    def put_links(self, found: Iterable[tuple[int, int, Link | None]]) -> None:
        """Keep links, each with the numbers of its two pictures: all or none."""
        rows = []
        for one, other, link in found:
            values: tuple[float | None, ...] = (None,) * 7
            if link is not None:
                values = (link.inliers, link.share, int(link.mirrored), link.shown, link.filled,
                          link.agreement, link.changed_side)  # fmt: skip
            rows.append((one, other, _RULE, *values))
        with self._explained(), self._base:
            self._base.executemany(
                "INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

    # --- SQLite ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Make the tables, or check that they are there."""
        (owner,) = self._base.execute("PRAGMA application_id").fetchone()
        (layout,) = self._base.execute("PRAGMA user_version").fetchone()
        if (owner, layout) == (_APPLICATION, _LAYOUT):
            return
        with self._base:
            self._base.execute("BEGIN IMMEDIATE")  # another process may be doing the same
            (owner,) = self._base.execute("PRAGMA application_id").fetchone()
            (layout,) = self._base.execute("PRAGMA user_version").fetchone()
            if owner == _APPLICATION and layout != _LAYOUT:
                raise sqlite3.DatabaseError(f"its layout is {layout}, {_LAYOUT} is known")
            if owner != _APPLICATION:
                if layout or self._base.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise InvalidInput(
                        "this is a database of something else, and stays as it is",
                        source=str(self.path),
                        remedy="name another file with --store, or do without: --no-store",
                    )
                for table in _TABLES:
                    self._base.execute(table)
                self._base.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._base.execute(f"PRAGMA user_version = {_LAYOUT}")

    def _failure(self, error: Exception) -> RenzhengError:
        return RenzhengError(
            f"the store cannot be used: {error}",
            source=None if self.path is None else str(self.path),
            remedy="check that there is space on the disk; if the store is damaged, delete it; "
            "or name another with --store, or do without: --no-store",
        )


def _check_place(path: Path) -> None:
    """Check that the store would not overwrite a picture or any other file."""
    if path.suffix.lower() in images.SUFFIXES or is_foreign(path):
        raise InvalidInput(
            "this is not a store but something else, and stays as it is",
            source=str(path),
            remedy="name another file with --store, or do without: --no-store",
        )


def _array(blob: bytes, kind: Any, width: int) -> npt.NDArray[Any]:
    try:
        return np.frombuffer(blob, kind).reshape(-1, width)
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"a row is damaged: {error}") from error
