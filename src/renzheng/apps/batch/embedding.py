"""Folders of pictures in, a file of their embeddings out."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng._support import files
from renzheng._support.notation import from_json
from renzheng.apps.batch import outputs, parquet
from renzheng.apps.batch.conditions import conditions
from renzheng.apps.batch.store import Begin, Progress, Store
from renzheng.apps.batch.workers import Tell, map_steps
from renzheng.errors import InvalidInput, UnreadableImage
from renzheng.images import file_list
from renzheng.types import Floats, Role
from renzheng.verification import acquisition
from renzheng.verification.config import VerifierConfig
from renzheng.verification.extraction import features_of
from renzheng.verification.verifier import Verifier

KINDS = (".parquet", ".csv")
_EVERY = 0.5  # seconds between two commits
Engine = Callable[..., Iterator[tuple[Any, Any, "Embedded"]]]


@dataclass(frozen=True, eq=False)
class Embedded:
    """The result of one picture.

    Attributes
    ----------
    digest
        SHA-256 of its file, in hexadecimal; None where it could not be read.
    embedding
        float32 (d,), unit length, as `Verifier.embed` returns it; None where there is no face.
    box
        float32 (4,), x1, y1, x2, y2 of the face in pixels.
    landmarks
        float32 (5, 2), the face's landmarks in pixels.
    score
        The detector's score, 0 to 1.
    error
        Why there is no embedding, or None.
    strength
        How much of a face the embedding holds, see `renzheng.verification.information`.
    """

    digest: str | None
    embedding: Floats | None = None
    box: Floats | None = None
    landmarks: Floats | None = None
    score: float | None = None
    error: str | None = None
    strength: float | None = None


def embed_picture(verifier: Verifier, content: bytes, name: str) -> Embedded:
    """Embed the face of a picture in the role of a photograph. A bad picture raises no exception.

    Parameters
    ----------
    verifier
        The verifier, which `VerifierConfig.verifier` makes in every process.
    content
        The bytes of the picture's file.
    name
        The name of the picture.
    """
    digest = hashlib.sha256(content).hexdigest()
    capture = acquisition.acquire(content, Role.PHOTO, verifier.face_models, name=name)
    if capture.face is None or capture.crop is None:
        return Embedded(digest, error=capture.error)
    (found,) = features_of([capture], verifier.face_models.embedder)
    assert found is not None  # there is a crop
    face = capture.face
    return Embedded(
        digest, found.embedding, face.box, face.landmarks, face.score, strength=found.strength
    )


@dataclass(frozen=True)
class _Embedding:
    path: str

    def done(self, verifier: Verifier, content: bytes) -> Embedded:
        return embed_picture(verifier, content, self.path)

    def failed(self, error: UnreadableImage) -> Embedded:
        return Embedded(None, error=acquisition.error_message(error))


@dataclass(frozen=True)
class Embeddings:
    """The results of a run in numbers.

    Attributes
    ----------
    pictures
        The number of pictures.
    failed
        Path and reason of each picture without an embedding.
    skipped
        The number of files that were skipped, by reason.
    unread
        Path and reason of each folder that could not be read.
    """

    pictures: int
    failed: tuple[tuple[str, str], ...]
    skipped: dict[str, int]
    unread: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "pictures": self.pictures,
            "embedded": self.pictures - len(self.failed),
            "failures": dict(Counter(reason for _, reason in self.failed).most_common()),
            "failed": [{"path": path, "error": reason} for path, reason in self.failed],
            "skipped": self.skipped,
            "unread": [{"path": path, "error": reason} for path, reason in self.unread],
        }


def embed_pictures(
    sources: Sequence[Path | str],
    output: Path,
    verifier: Verifier,
    *,
    workers: int = 1,
    begin: Begin = Begin.NEW,
    tell: Tell | None = None,
    engine: Engine = map_steps,
    find: Callable[[Any], file_list.Listing] = file_list.find,
) -> Embeddings:
    """Embed the pictures of folders and of their subfolders.

    Parameters
    ----------
    sources
        Folders, and files, as `renzheng.images.file_list.find` takes them.
    output
        ``.parquet``: path, embedding, error, box, landmarks, score, digest and strength of every
        picture; or
        ``.csv``: path and numbers of those that have an embedding.
    verifier
        The verifier whose packs find and embed the faces.
    workers, begin, tell
        As in `verify_pairs`. The pictures of a run are those that its first start found.
    engine
        The function that does the pictures: `renzheng.apps.batch.workers.map_steps`, or another
        with its parameters.
    find
        The function that lists the pictures: `renzheng.images.file_list.find`, or another with
        its parameters.

    Raises
    ------
    InvalidInput
        If a source does not exist, or as `renzheng.apps.batch.store.Store` does.
    RenzhengError
        If something cannot be written. Finished pictures are kept.
    """
    outputs.check(output, KINDS)
    found = find(sources)
    names = [os.fsencode(path) for path in found.paths]
    fixed = {
        key: value
        for key, value in conditions(verifier).items()
        if key in ("renzheng", "embedding pack", "detector", "smallest face")
    }
    fixed["sources"] = json.dumps([os.path.abspath(path) for path in sources])  # noqa: PTH100
    with Store(output, fixed, begin) as store:
        paths = store.listing(names)
        if not paths:
            store.finish()
            raise InvalidInput("there are no pictures", source=", ".join(map(str, sources)))
        _run(paths, VerifierConfig.of(verifier), store, workers, tell, engine)
        failed = tuple(
            (os.fsdecode(path), one.error)
            for path, one in zip(paths, _rows(store), strict=True)
            if one.error is not None
        )
        if output.suffix.lower() == ".csv":
            outputs.write_csv(output, _csv_rows(paths, store))
        else:
            _write_parquet(output, paths, store, verifier)
        store.finish()
    unread = tuple((str(one.path), one.reason) for one in found.unread)
    return Embeddings(len(paths), failed, found.skipped, unread)


def _run(
    paths: Sequence[bytes],
    config: VerifierConfig,
    store: Store,
    workers: int,
    tell: Tell | None,
    engine: Engine,
) -> None:
    done = store.done
    new, committed = Progress(), time.monotonic()

    def report() -> None:
        if tell:
            tell("pictures", done, len(paths))

    report()
    steps = (_Embedding(os.fsdecode(path)) for path in paths[done:])
    try:
        for _, _, one in engine(steps, config, workers):
            new.rows.append((done, *_encoded(one)))
            done += 1
            if time.monotonic() - committed >= _EVERY:
                store.write(new)
                new, committed = Progress(), time.monotonic()
            report()
    finally:
        if new.rows:
            store.write(new)


def _encoded(one: Embedded) -> tuple[str, bytes | None]:
    content = {
        "digest": one.digest,
        "box": None if one.box is None else one.box.tolist(),
        "landmarks": None if one.landmarks is None else one.landmarks.tolist(),
        "score": one.score,
        "error": one.error,
        "strength": one.strength,
    }
    blob = None if one.embedding is None else np.asarray(one.embedding, "<f4").tobytes()
    return json.dumps(content), blob


def _rows(store: Store) -> Iterator[Embedded]:
    for content, blob in store.rows():
        found = from_json(content)
        arrays = {
            name: None if found[name] is None else np.array(found[name], np.float32)
            for name in ("box", "landmarks")
        }
        yield Embedded(
            found["digest"],
            None if blob is None else np.frombuffer(blob, "<f4"),
            arrays["box"],
            arrays["landmarks"],
            found["score"],
            found["error"],
            found["strength"],
        )


def _csv_rows(paths: Sequence[bytes], store: Store) -> Iterator[list[Any]]:
    for path, one in zip(paths, _rows(store), strict=True):
        if one.embedding is not None:
            # nine digits restore a float32 bit for bit
            yield [os.fsdecode(path), *(f"{v:.9g}" for v in one.embedding)]


def _write_parquet(output: Path, paths: Sequence[bytes], store: Store, verifier: Verifier) -> None:
    arrow = parquet.require()
    dimension = verifier.pack.setting("embedding", "dimension")
    number = arrow.float32()
    columns = {
        "path": arrow.string(),
        "embedding": arrow.list_(number, dimension),
        "error": arrow.string(),
        "box": arrow.list_(number, 4),
        "landmarks": arrow.list_(arrow.list_(number, 2), 5),
        "score": arrow.float64(),
        "digest": arrow.string(),
        "strength": arrow.float64(),
    }

    def rows() -> Iterator[list[Any]]:
        for path, one in zip(paths, _rows(store), strict=True):
            yield [
                # Parquet's texts are UTF-8; other bytes in a name are written as escapes.
                path.decode("utf-8", "backslashreplace"),
                one.embedding,
                one.error,
                one.box,
                None if one.landmarks is None else one.landmarks.tolist(),
                one.score,
                one.digest,
                one.strength,
            ]

    metadata = {
        "renzheng.pack": verifier.pack.name,
        "renzheng.pack_version": verifier.pack.version,
        "renzheng.pack_digest": verifier.pack.digest,
        "renzheng.detector": verifier.detector_pack.name,
        "renzheng.detector_digest": verifier.detector_pack.digest,
        "renzheng.min_face_size": str(verifier.min_face_size),
        "renzheng.backend": verifier.backend,
    }
    with files.new(output) as file:
        parquet.write(file, columns, rows(), metadata)
