"""The cache of degraded faces: no picture goes through a degradation and a network twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renzheng._support import files
from renzheng._support.notation import from_json
from renzheng.datasets.types import Failure
from renzheng.evaluation.cache import ResultCache
from renzheng.types import Face, Floats, Measurement

NAME = "degraded.sqlite3"  # in the folder of caches


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


class DegradedCache(ResultCache):
    """A file of degraded faces and failures by key.

    As with `renzheng.evaluation.cache.Cache`, the embeddings are biometric templates, the keys are
    digests, and no names are stored.
    """

    title = "the cache of degraded faces"
    table = "faces"
    columns = ("embedding BLOB", "length REAL", "found TEXT")

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Result]:
        """Return the known results of these keys."""
        return {
            key: found
            if isinstance(found, Failure)
            else _face(found[0], found[1], from_json(found[2]))
            for key, found in self._rows(keys)
        }

    def put(self, entries: Mapping[bytes, Result]) -> None:
        """Store results, all or none."""
        self._store(
            (
                key,
                each
                if isinstance(each, Failure)
                else (
                    each.embedding.astype(np.float32).tobytes(),
                    each.length,
                    json.dumps(_plain(each)),
                ),
            )
            for key, each in entries.items()
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
