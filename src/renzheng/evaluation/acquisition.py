"""The embeddings of a protocol's pictures, computed once each, in parallel, and resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from renzheng import images
from renzheng._support import processes
from renzheng.datasets.types import Acquired, Failure, Indices, Picture, Problem
from renzheng.errors import InvalidInput, NoFace, RenzhengError, UnreadableImage
from renzheng.evaluation.cache import Cache
from renzheng.faces import documents
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.detection import DETECTION_REVISION
from renzheng.faces.selection import choose_face
from renzheng.models.runtime import BACKENDS, batch_size, shared
from renzheng.types import Face, FaceKind, Floats, Image, Role
from renzheng.verification import acquisition
from renzheng.verification.verifier import Verifier

Progress = Callable[[int, int], None]  # pictures done, pictures wanted

_CHUNK = 16  # pictures a task: enough to hide the queue, few enough to lose little when killed
_MIN_FOR_POOL = 48  # pictures; with fewer, starting processes takes longer than it saves


@dataclass(frozen=True)
class Extraction:
    """Everything that an embedding depends on besides the picture.

    Attributes
    ----------
    pack, detector
        The folders of the packs.
    pack_digest, detector_digest
        The digests of their networks (`Pack.network_digest`): a calibration changes no embedding.
    min_face_size
        As in `Verifier`.
    aligned
        The alignment template that the pictures are already crops of, so that nothing is
        detected; None to find the face.
    channel
        The document channel that the picture goes through first (`renzheng.datasets.made`), or
        None. The result is acquired in the role of a document.
    seed
        Seed of the channel.
    alike
        The distances of `renzheng.faces.selection.SamePersonLimits`, in its order: the calibration
        influences which face of a document is chosen.
    backend
        The library that computes the networks: the last digits differ between backends.
    """

    pack: str
    detector: str
    pack_digest: str
    detector_digest: str
    min_face_size: int = 40
    aligned: str | None = None
    channel: str | None = None
    seed: int = 0
    alike: tuple[float, float, float] | None = None
    backend: str = BACKENDS[0]

    @classmethod
    def of(cls, verifier: Verifier, **more: object) -> Extraction:
        """Return the extraction of a verifier, with `aligned`, `channel` and `seed` as given."""
        alike = acquisition.same_person_limits(verifier.face_models)
        extraction = cls(
            alike=None if alike is None else (alike.copy, alike.ghost, alike.possible),
            pack=str(verifier.pack.folder),
            detector=str(verifier.detector_pack.folder),
            pack_digest=verifier.pack.network_digest,
            detector_digest=verifier.detector_pack.network_digest,
            min_face_size=verifier.min_face_size,
            backend=verifier.backend,
            **more,  # type: ignore[arg-type]
        )
        if extraction.aligned is not None and extraction.aligned not in TEMPLATES:
            raise InvalidInput(
                f"unknown alignment template {extraction.aligned!r}",
                remedy=f"use one of {', '.join(TEMPLATES)}",
            )
        if extraction.channel is not None:
            from renzheng.datasets import made

            made.check(extraction.channel)
        return extraction

    def key(self, content: bytes) -> bytes:
        """Return the key of a picture's embedding in the cache."""
        settings = {**asdict(self), "detection": DETECTION_REVISION}
        for folder in ("pack", "detector"):  # the place of a pack changes nothing
            del settings[folder]
        if self.backend == BACKENDS[0]:
            del settings["backend"]
        if self.channel is None:
            del settings["seed"], settings["alike"]
        else:
            from renzheng.datasets import made

            settings["channel"] = [*made.key(self.channel), documents.SEARCH_REVISION]
        text = json.dumps(settings, sort_keys=True).encode()
        return hashlib.sha256(hashlib.sha256(content).digest() + text).digest()


class Extractor:
    """Computes the embeddings of pictures.

    Parameters
    ----------
    extraction
        Everything that they depend on besides the picture.
    threads
        Threads of a network call; None lets the runtime decide.
    """

    def __init__(self, extraction: Extraction, threads: int | None = None):
        self._extraction = extraction
        self._verifier = Verifier(
            extraction.pack,
            detector=extraction.detector,
            min_face_size=extraction.min_face_size,
            threads=threads,
            backend=extraction.backend,
        )

    def __call__(self, content: bytes, name: str) -> Acquired:
        """Compute the embedding of a picture's face, or say why there is none."""
        try:
            image = images.read(content, name=name)
            face = self._face(image)
            if self._extraction.channel is not None:
                return self._document(self._extraction.channel, content, image, face)
            return self._verifier.embed(image, face)
        except UnreadableImage as error:
            return Failure("unreadable", error.reason)
        except NoFace as error:
            return Failure("no_face", error.reason)

    def together(self, pictures: Sequence[tuple[bytes, str]]) -> list[Acquired]:
        """Compute the embeddings of several pictures in batches that fill an accelerator."""
        found = [self._crop(content, name) for content, name in pictures]
        crops = [each for each in found if not isinstance(each, Failure)]
        rows = iter(self._verifier.embed_crops(np.stack(crops)) if crops else ())
        return [each if isinstance(each, Failure) else next(rows) for each in found]

    def _crop(self, content: bytes, name: str) -> Image | Failure:
        try:
            image = images.read(content, name=name)
            return self._verifier.align(image, self._face(image))
        except UnreadableImage as error:
            return Failure("unreadable", error.reason)
        except NoFace as error:
            return Failure("no_face", error.reason)

    def crop(self, content: bytes, name: str) -> Image | None:
        """Cut out a picture's face as the network sees it; None if no face is found."""
        found = self._crop(content, name)
        return None if isinstance(found, Failure) else found

    def _document(self, channel: str, content: bytes, image: Image, face: Face) -> Acquired:
        """Compute the embedding of the portrait on the document that is made from a face."""
        from renzheng.datasets import made

        # A scan of its own for every picture, the same in every run.
        digest = hashlib.sha256(content).digest()
        seed = self._extraction.seed + int.from_bytes(digest[:4], "little")
        capture = self._verifier.acquire(made.make(channel, image, face, seed), Role.DOCUMENT)
        if capture.crop is None:
            return Failure("no_face", capture.error or "no face was found")
        if capture.choice is not None and capture.choice.of(FaceKind.RIVAL):
            return Failure("several_faces", "portraits of several people were found")
        if capture.embedding is not None:
            return capture.embedding
        embedding: Floats = self._verifier.embed_crops(capture.crop[None])[0]
        return embedding

    def _face(self, image: Image) -> Face:
        if self._extraction.aligned is None:
            return choose_face(self._verifier.detect(image), (image.shape[1], image.shape[0]))
        height, width = image.shape[:2]
        if height != width:
            raise UnreadableImage(f"not an aligned crop: {width} x {height} px is not square")
        points = TEMPLATES[self._extraction.aligned].scaled(width).points
        return Face(np.array([0, 0, width, height], np.float32), points, 1.0)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The embeddings of a protocol's pictures.

    Attributes
    ----------
    rows
        float32 (pictures, d), unit length; NaN where a picture gave no embedding.
    failures
        By index of the picture, the reason why it gave none.
    contents
        SHA-256 of each picture's bytes, hexadecimal.
    """

    rows: Floats
    failures: dict[int, Failure]
    contents: tuple[str, ...]

    def select(self, kept: Indices) -> Embeddings:
        """Return the embeddings of these pictures only, in this order."""
        failures = {
            new: self.failures[int(old)]
            for new, old in enumerate(kept)
            if int(old) in self.failures
        }
        return Embeddings(self.rows[kept], failures, tuple(self.contents[i] for i in kept))

    @property
    def acquired(self) -> npt.NDArray[np.bool_]:
        """bool (pictures,): whether each picture gave an embedding."""
        return np.isfinite(self.rows[:, 0])

    def problems(self, pictures: Sequence[Picture]) -> list[Problem]:
        """Return the failures as problems of the pictures."""
        return [Problem(pictures[i].name, f.reason) for i, f in sorted(self.failures.items())]

    @property
    def digest(self) -> str:
        """The digest of all the pictures' bytes, in order."""
        return hashlib.sha256("".join(self.contents).encode()).hexdigest()


def acquire(
    pictures: Sequence[Picture],
    extraction: Extraction,
    *,
    cache: Cache | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed pictures, except those whose embeddings the cache already holds.

    Parameters
    ----------
    pictures
        At least one.
    extraction
        Everything that the embeddings depend on besides the pictures.
    cache
        The known embeddings. It is written every few pictures, so that the next call continues an
        interrupted one.
    workers
        The number of processes; 1 stays in this one.
    progress
        Called with the number of pictures done.

    Raises
    ------
    RenzhengError
        If no picture at all gives an embedding, a picture cannot be read, or a worker dies.
    """
    keys, contents = [], []
    for picture in pictures:
        content = read_content(picture)
        keys.append(extraction.key(content))
        contents.append(hashlib.sha256(content).hexdigest())
    known = cache.get(keys) if cache else {}
    missing = {k: i for i, k in reversed(list(enumerate(keys))) if k not in known}
    wanted = sorted(missing.values())
    done = len(pictures) - len(wanted)
    if progress:
        progress(done, len(pictures))
    tasks = [wanted[i : i + _CHUNK] for i in range(0, len(wanted), _CHUNK)]
    for part, results in _extracted(tasks, pictures, extraction, workers):
        fresh = {keys[i]: result for i, result in zip(part, results, strict=True)}
        known.update(fresh)
        if cache:
            cache.put(fresh)
        done += len(part)
        if progress:
            progress(done, len(pictures))
    failures: dict[int, Failure] = {}
    found: dict[int, Floats] = {}
    for i, key in enumerate(keys):
        result = known[key]
        if isinstance(result, Failure):
            failures[i] = result
        else:
            found[i] = result
    if not found:
        raise RenzhengError(
            f"none of the {len(pictures)} pictures gives an embedding; the first: "
            f"{failures[0].reason}",
            source=pictures[0].name,
        )
    dimension = len(next(iter(found.values())))
    rows = np.full((len(pictures), dimension), np.nan, np.float32)
    for i, row in found.items():
        rows[i] = row
    return Embeddings(rows, failures, tuple(contents))


def read_content(picture: Picture) -> bytes:
    """Read a picture's bytes.

    Raises
    ------
    InvalidInput
        If its file cannot be read.
    """
    if isinstance(picture.source, bytes):
        return picture.source
    try:
        return picture.source.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the picture cannot be read: {error.strerror}",
            source=str(picture.source),
            remedy="correct the protocol's list, or put the picture there",
        ) from error


def _extracted(
    tasks: Sequence[list[int]],
    pictures: Sequence[Picture],
    extraction: Extraction,
    workers: int,
) -> Iterator[tuple[list[int], list[Acquired]]]:
    """Yield the results task by task, in order, with few pictures in memory at a time."""
    with shared.networks(extraction.backend):
        yield from processes.map_in_order(
            tasks,
            partial(_make_worker, extraction),
            load=lambda part: [(read_content(pictures[i]), pictures[i].name) for i in part],
            workers=workers if sum(map(len, tasks)) >= _MIN_FOR_POOL else 1,
        )


def _make_worker(
    extraction: Extraction, threads: int | None
) -> Callable[[list[tuple[bytes, str]]], list[Acquired]]:
    extractor = Extractor(extraction, threads)
    if batch_size(extraction.backend) is not None and extraction.channel is None:
        return extractor.together
    return lambda pictures: [extractor(content, name) for content, name in pictures]
