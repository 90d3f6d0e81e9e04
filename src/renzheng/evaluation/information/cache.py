"""The cache of degraded faces: no picture goes through a degradation and a network twice."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renzheng._support import files
from renzheng._support.sqlite_files import SqliteFile
from renzheng.datasets.types import Failure
from renzheng.errors import RenzhengError
from renzheng.types import Face, Floats, Measurement

NAME = "degraded.sqlite3"  # in the folder of caches
_LAYOUT = 1


@dataclass(frozen=True, eq=False)
class DegradedFace:
    """The features of the face in a degraded picture.

    Attributes
    ----------
    embedding
        float32 (d,), unit length.
    length
        The length of the embedding before it was scaled.
    face
        The face as it was found, in pixels of the degraded picture.
    quality
        Its quality, by the names of the measures in `renzheng.faces.quality`.
    measured
        The digest of the code that measured it.
    """

    embedding: Floats
    length: float
    face: Face
    quality: Mapping[str, Measurement]
    measured: str = ""


Result = DegradedFace | Failure


def default_path() -> Path:
    """Return the cache file beside the built packs, in ``$RENZHENG_CACHE`` or the user's cache."""
    return files.cache_folder() / NAME


class DegradedCache(SqliteFile):
    """A file of degraded faces and failures by key, readable by its owner only.

    As with `renzheng.evaluation.cache.Cache`, the embeddings are biometric templates, the keys are
    digests, and no names are stored.

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
            raise self._failure(error) from error
        super().__init__(path, self._prepare, timeout=60)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Return the known results of these keys."""
        query = "SELECT key, embedding, length, found, failure, reason FROM faces WHERE key IN ({})"
        return {
            key: Failure(failure, reason)
            if embedding is None
            else _face(embedding, length, json.loads(found))
            for key, embedding, length, found, failure, reason in self._select(query, keys)
        }

    def put(self, entries: Mapping[bytes, Result]) -> None:
        """Store results, all or none."""
        rows = [
            (key, None, None, None, each.kind, each.reason)
            if isinstance(each, Failure)
            else (
                key,
                each.embedding.astype(np.float32).tobytes(),
                each.length,
                json.dumps(_plain(each)),
                None,
                None,
            )
            for key, each in entries.items()
        ]
        with self._explained(), self._base:
            self._base.executemany("INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _prepare(self) -> None:
        (layout,) = self._base.execute("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise sqlite3.DatabaseError(f"its layout is {layout}, expected {_LAYOUT}")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS faces (key BLOB PRIMARY KEY, embedding BLOB, length REAL, "
            "found TEXT, failure TEXT, reason TEXT) WITHOUT ROWID"
        )
        self._base.execute(f"PRAGMA user_version = {_LAYOUT}")
        self._base.commit()

    def _failure(self, error: Exception) -> RenzhengError:
        return RenzhengError(
            f"the cache of degraded faces cannot be used: {error}",
            source=str(self.path),
            remedy="name another file with --cache, or use none: --no-cache",
        )


def _plain(each: DegradedFace) -> list[object]:
    face = each.face
    quality = {name: [m.value, m.component] for name, m in each.quality.items()}
    return [face.box.tolist(), face.landmarks.tolist(), face.score, quality, each.measured]


def _face(embedding: bytes, length: float, found: list[object]) -> DegradedFace:
    box, landmarks, score, quality, *measured = found
    assert isinstance(quality, dict)
    return DegradedFace(
        np.frombuffer(embedding, np.float32),
        length,
        Face(np.array(box, np.float32), np.array(landmarks, np.float32), float(str(score))),
        {name: Measurement(*pair) for name, pair in quality.items()},
        *map(str, measured),
    )
