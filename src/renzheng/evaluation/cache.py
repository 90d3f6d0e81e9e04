"""Caches of results by key; that of embeddings, so that no picture is embedded twice."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from renzheng._support import files
from renzheng._support.sqlite_files import SqliteFile
from renzheng.datasets.types import Acquired, Failure
from renzheng.errors import RenzhengError

_LAYOUT = 1


def default_path() -> Path:
    """Return the cache file beside the built packs, in ``$RENZHENG_CACHE`` or the user's cache."""
    return files.cache_folder() / "embeddings.sqlite3"


class ResultCache(SqliteFile):
    """A file of results or failures by key, readable by its owner only.

    A subclass names its table and columns, and turns rows into results and back.

    Parameters
    ----------
    path
        The file; it and its folder are created if necessary.

    Raises
    ------
    RenzhengError
        If the file cannot be opened, or is not such a cache.
    """

    title: ClassVar[str]  # as messages call it: "the embedding cache"
    table: ClassVar[str]
    # The columns of a result with their types; those of key and failure are in every table.
    columns: ClassVar[tuple[str, ...]]

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise RenzhengError(
                f"{self.title} cannot be written: {error.strerror}",
                source=str(path),
                remedy="name another file with --cache, or use none: --no-cache",
            ) from error
        super().__init__(path, self._prepare, timeout=60)

    def _rows(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Failure | tuple[Any, ...]]]:
        """Yield the known keys with their failure, or with the values of `columns`."""
        names = ", ".join(column.split()[0] for column in self.columns)
        query = f"SELECT key, failure, reason, {names} FROM {self.table} WHERE key IN ({{}})"
        for key, failure, reason, *values in self._select(query, keys):
            yield key, tuple(values) if failure is None else Failure(failure, reason)

    def _store(self, rows: Iterator[tuple[bytes, Failure | tuple[Any, ...]]]) -> None:
        """Store failures and values of `columns` by key, all or none."""
        blank = (None,) * len(self.columns)
        complete = (
            (key, *blank, entry.kind, entry.reason)
            if isinstance(entry, Failure)
            else (key, *entry, None, None)
            for key, entry in rows
        )
        marks = ", ".join("?" * (len(self.columns) + 3))
        with self._explained(), self._base:
            self._base.executemany(
                f"INSERT OR REPLACE INTO {self.table} VALUES ({marks})", complete
            )

    def _prepare(self) -> None:
        (layout,) = self._base.execute("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise sqlite3.DatabaseError(f"its layout is {layout}, expected {_LAYOUT}")
        self._base.execute(
            f"CREATE TABLE IF NOT EXISTS {self.table} (key BLOB PRIMARY KEY, "
            f"{', '.join(self.columns)}, failure TEXT, reason TEXT) WITHOUT ROWID"
        )
        self._base.execute(f"PRAGMA user_version = {_LAYOUT}")
        self._base.commit()

    def _failure(self, error: Exception) -> RenzhengError:
        return RenzhengError(
            f"{self.title} cannot be used: {error}",
            source=str(self.path),
            remedy="delete it, name another file with --cache, or use none: --no-cache",
        )


class Cache(ResultCache):
    """A file of embeddings and failures by key.

    Embeddings are biometric templates: whoever may not see the pictures should not see them
    either. The keys are digests; no names are stored.
    """

    title = "the embedding cache"
    table = "embeddings"
    columns = ("embedding BLOB",)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Acquired]:
        """Return the known embeddings and failures of these keys."""
        return {
            key: found if isinstance(found, Failure) else np.frombuffer(found[0], np.float32)
            for key, found in self._rows(keys)
        }

    def put(self, entries: dict[bytes, Acquired]) -> None:
        """Store entries, all or none."""
        self._store(
            (
                key,
                entry if isinstance(entry, Failure) else (entry.astype(np.float32).tobytes(),),
            )
            for key, entry in entries.items()
        )
