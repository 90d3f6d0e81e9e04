"""A folder of pictures in, their embeddings out."""

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
from renzheng.apps.batch import outputs, parquet
from renzheng.apps.batch import workers as working
from renzheng.apps.batch.conditions import conditions
from renzheng.apps.batch.store import Begin, Progress, Store
from renzheng.errors import InvalidInput, UnreadableImage
from renzheng.images import file_list
from renzheng.types import Floats, Role
from renzheng.verification import acquisition
from renzheng.verification.config import VerifierConfig
from renzheng.verification.verifier import Verifier

KINDS = (".parquet", ".csv")
_EVERY = 0.5  # seconds between two commits
Engine = Callable[..., Iterator[tuple[Any, Any, "Embedded"]]]


@dataclass(frozen=True, eq=False)
class Embedded:
    """What came of one picture.

    Attributes
    ----------
    digest
        SHA-256 of its file, in hexadecimal; None where it could not be read.
    embedding
        float32 (d,), unit length, as of `Verifier.embed`; None where there is no face.
    box
        float32 (4,) x1, y1, x2, y2 of the face in pixels.
    landmarks
        float32 (5, 2).
    score
        The detector's, 0 to 1.
    error
        Why there is no embedding, or None.
    """

    digest: str | None
    embedding: Floats | None = None
    box: Floats | None = None
    landmarks: Floats | None = None
    score: float | None = None
    error: str | None = None


def embed_picture(verifier: Verifier, content: bytes, name: str) -> Embedded:
    """The embedding of a picture's face, taken as a photograph. No exception for a bad picture.

    Parameters
    ----------
    verifier
        Made by `VerifierConfig.verifier` in every process.
    content
        The bytes of the picture's file.
    name
        What to call it.
    """
    digest = hashlib.sha256(content).hexdigest()
    capture = acquisition.acquire(content, Role.PHOTO, verifier.face_models, name=name)
    if capture.face is None or capture.crop is None:
        return Embedded(digest, error=capture.error)
    embedding = verifier.embed_crops(capture.crop[None])[0]
    face = capture.face
    return Embedded(digest, embedding, face.box, face.landmarks, face.score)


@dataclass(frozen=True)
class _Embedding:
    path: str

    def done(self, verifier: Verifier, content: bytes) -> Embedded:
        return embed_picture(verifier, content, self.path)

    def failed(self, error: UnreadableImage) -> Embedded:
        return Embedded(None, error=acquisition.error_message(error))


@dataclass(frozen=True)
class Embeddings:
    """What a run came to.

    Attributes
    ----------
    pictures
        How many there were.
    failed
        Path and reason of those without an embedding.
    skipped
        Entries of folders that were passed over, by reason.
    unread
        Folders that could not be read, and why.
    """

    pictures: int
    failed: tuple[tuple[str, str], ...]
    skipped: dict[str, int]
    unread: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    tell: working.Tell | None = None,
    engine: Engine = working.each,
    find: Callable[[Any], file_list.Listing] = file_list.find,
) -> Embeddings:
    """Embed the pictures of folders, and of the folders within.

    Parameters
    ----------
    sources
        Folders, and files, as `renzheng.images.file_list.find` takes them.
    output
        ``.parquet``: path, embedding, error, box, landmarks, score and digest of every picture; or
        ``.csv``: path and numbers of those that have an embedding.
    verifier
        Whose packs count.
    workers, begin, tell
        As of `verify_pairs`. The pictures of a run are those that its first start has found.
    engine
        What does the pictures: `working.each`, or another that is called likewise.
    find
        What looks for them: `renzheng.images.file_list.find`, or another likewise.

    Raises
    ------
    InvalidInput
        If there is nothing of a source's name, or as of `renzheng.apps.batch.store.Store`.
    RenzhengError
        If something cannot be written. What was done is kept.
    """
    outputs.check(output, KINDS)
    found = find(sources)
    names = [os.fsencode(path) for path in found.paths]
    settled = {
        key: value
        for key, value in conditions(verifier).items()
        if key in ("renzheng", "embedding pack", "detector", "smallest face")
    }
    settled["sources"] = json.dumps([os.path.abspath(path) for path in sources])  # noqa: PTH100
    with Store(output, settled, begin) as store:
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
    settings: VerifierConfig,
    store: Store,
    workers: int,
    tell: working.Tell | None,
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
        for _, _, one in engine(steps, settings, workers):
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
    }
    blob = None if one.embedding is None else np.asarray(one.embedding, "<f4").tobytes()
    return json.dumps(content), blob


def _rows(store: Store) -> Iterator[Embedded]:
    for content, blob in store.rows():
        found = json.loads(content)
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
        )


def _csv_rows(paths: Sequence[bytes], store: Store) -> Iterator[list[Any]]:
    for path, one in zip(paths, _rows(store), strict=True):
        if one.embedding is not None:
            # nine digits bring a float32 back bit for bit
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
    }

    def rows() -> Iterator[list[Any]]:
        for path, one in zip(paths, _rows(store), strict=True):
            yield [
                # Parquet's texts are UTF-8; a name of other bytes is written with escapes.
                path.decode("utf-8", "backslashreplace"),
                one.embedding,
                one.error,
                one.box,
                None if one.landmarks is None else one.landmarks.tolist(),
                one.score,
                one.digest,
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
