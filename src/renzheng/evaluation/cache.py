"""Embeddings that were computed before, so that nothing is computed twice."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from renzheng._support import files
from renzheng.datasets.types import Acquired, Failure
from renzheng.errors import RenzhengError

_LAYOUT = 1
_MOST_VARIABLES = 500  # in one SQL statement; SQLite's own limit was 999 for long


def default_path() -> Path:
    """Beside the built packs; ``$RENZHENG_CACHE`` overrides the platform's cache folder."""
    return files.cache_folder() / "embeddings.sqlite3"


class Cache:
    """A file of embeddings and failures by key, readable by its owner only.

    Embeddings are biometric templates: whoever may not see the pictures should not see them
    either. The keys are digests, no names are kept.

    Parameters
    ----------
    path
        The file; it and its folder are made as needed.

    Raises
    ------
    RenzhengError
        If the file cannot be opened, or is something else.
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
                remedy="name another with --cache, or do without: --no-cache",
            ) from error
        with self._explained():
            self._base = sqlite3.connect(path, timeout=60)
            (layout,) = self._base.execute("PRAGMA user_version").fetchone()
            if layout not in (0, _LAYOUT):
                raise sqlite3.DatabaseError(f"its layout is {layout}, {_LAYOUT} is known")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS embeddings "
                "(key BLOB PRIMARY KEY, embedding BLOB, failure TEXT, reason TEXT) WITHOUT ROWID"
            )
            self._base.execute(f"PRAGMA user_version = {_LAYOUT}")
            self._base.commit()

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Acquired]:
        """What is known of these keys."""
        found: dict[bytes, Acquired] = {}
        with self._explained():
            for start in range(0, len(keys), _MOST_VARIABLES):
                part = keys[start : start + _MOST_VARIABLES]
                marks = ",".join("?" * len(part))
                for key, embedding, failure, reason in self._base.execute(
                    "SELECT key, embedding, failure, reason FROM embeddings "
                    f"WHERE key IN ({marks})",
                    part,
                ):
                    found[key] = (
                        Failure(failure, reason)
                        if embedding is None
                        else np.frombuffer(embedding, np.float32)
                    )
        return found

    def put(self, entries: dict[bytes, Acquired]) -> None:
        """Keep these, all or none."""
        rows = [
            (key, None, entry.kind, entry.reason)
            if isinstance(entry, Failure)
            else (key, entry.astype(np.float32).tobytes(), None, None)
            for key, entry in entries.items()
        ]
        with self._explained(), self._base:
            self._base.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RenzhengError(
                f"the embedding cache cannot be used: {error}",
                source=str(self.path),
                remedy="delete it, name another with --cache, or do without: --no-cache",
            ) from error
