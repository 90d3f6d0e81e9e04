"""The cache of embeddings: no picture is embedded twice with one network."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from renzheng._support import files
from renzheng._support.sqlite_files import SqliteFile
from renzheng.datasets.types import Acquired, Failure
from renzheng.errors import RenzhengError

_LAYOUT = 1


def default_path() -> Path:
    """Return the cache file beside the built packs, in ``$RENZHENG_CACHE`` or the user's cache."""
    return files.cache_folder() / "embeddings.sqlite3"


class Cache(SqliteFile):
    """A file of embeddings and failures by key, readable by its owner only.

    Embeddings are biometric templates: whoever may not see the pictures should not see them
    either. The keys are digests; no names are stored.

    Parameters
    ----------
    path
        The file; it and its folder are created if necessary.

    Raises
    ------
    RenzhengError
        If the file cannot be opened, or is not such a cache.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise RenzhengError(
                f"the embedding cache cannot be written: {error.strerror}",
                source=str(path),
                remedy="name another file with --cache, or use none: --no-cache",
            ) from error
        super().__init__(path, self._prepare, timeout=60)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Acquired]:
        """Return the known embeddings and failures of these keys."""
        query = "SELECT key, embedding, failure, reason FROM embeddings WHERE key IN ({})"
        return {
            key: Failure(failure, reason)
            if embedding is None
            else np.frombuffer(embedding, np.float32)
            for key, embedding, failure, reason in self._select(query, keys)
        }

    def put(self, entries: dict[bytes, Acquired]) -> None:
        """Store entries, all or none."""
        rows = [
            (key, None, entry.kind, entry.reason)
            if isinstance(entry, Failure)
            else (key, entry.astype(np.float32).tobytes(), None, None)
            for key, entry in entries.items()
        ]
        with self._explained(), self._base:
            self._base.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", rows)

    def _prepare(self) -> None:
        (layout,) = self._base.execute("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise sqlite3.DatabaseError(f"its layout is {layout}, expected {_LAYOUT}")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS embeddings "
            "(key BLOB PRIMARY KEY, embedding BLOB, failure TEXT, reason TEXT) WITHOUT ROWID"
        )
        self._base.execute(f"PRAGMA user_version = {_LAYOUT}")
        self._base.commit()

    def _failure(self, error: Exception) -> RenzhengError:
        return RenzhengError(
            f"the embedding cache cannot be used: {error}",
            source=str(self.path),
            remedy="delete it, name another file with --cache, or use none: --no-cache",
        )
