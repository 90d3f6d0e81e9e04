"""From a protocol's pictures to their embeddings: once each, in parallel, to be continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from renzheng import images
from renzheng._support import processes
from renzheng.datasets.types import Acquired, Failure, Indices, Picture
from renzheng.errors import InvalidInput, NoFace, RenzhengError, UnreadableImage
from renzheng.evaluation.cache import Cache
from renzheng.faces import documents
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.detection import DETECTION_REVISION
from renzheng.faces.selection import choose_face
from renzheng.models.runtime import BACKENDS
from renzheng.types import Face, FaceKind, Floats, Image, Role
from renzheng.verification import acquisition
from renzheng.verification.verifier import Verifier

Progress = Callable[[int, int], None]  # pictures done, pictures wanted

_CHUNK = 16  # pictures a task: enough to hide the queue, few enough to lose little when killed
_WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves


@dataclass(frozen=True)
class Extraction:
    """All that an embedding depends on besides the picture.

    Attributes
    ----------
    pack, detector
        The folders of the packs.
    pack_digest, detector_digest
        Of their networks (`Pack.network_digest`): a calibration changes no embedding.
    min_face_size
        As in `Verifier`.
    aligned
        The alignment template that the pictures are crops of already, so that nothing is
        detected; None to find the face.
    channel
        The document channel that the picture goes through first (`evaluation.made`), or None. It
        is then acquired in the role of a document.
    seed
        For the channel.
    alike
        As in `renzheng.faces.selection.SamePersonLimits`, in its order: a calibration has a say in
        which face of a document is chosen.
    backend
        What computes the networks: the last digits are each one's own.
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
        """The extraction that a verifier does, with `aligned`, `channel` and `seed` as given."""
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
                f"no alignment template is called {extraction.aligned!r}",
                remedy=f"there are: {', '.join(TEMPLATES)}",
            )
        if extraction.channel is not None:
            from renzheng.datasets import made

            made.check(extraction.channel)
        return extraction

    def key(self, content: bytes) -> bytes:
        """What the cache keeps a picture's embedding under."""
        settings = {**asdict(self), "detection": DETECTION_REVISION}
        for folder in ("pack", "detector"):  # where a pack lies changes nothing
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
    """Does an `Extraction`."""

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
        """The embedding of a picture's face, or why there is none."""
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

    def crop(self, content: bytes, name: str) -> Image | None:
        """What the network sees of a picture's face; None where there is none to see."""
        try:
            image = images.read(content, name=name)
            return self._verifier.align(image, self._face(image))
        except (UnreadableImage, NoFace):
            return None

    def _document(self, channel: str, content: bytes, image: Image, face: Face) -> Acquired:
        """The embedding of the portrait on the document that is made of a face."""
        from renzheng.datasets import made

        # Every picture its own scan, the same in every run.
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
            return self._found(image)
        height, width = image.shape[:2]
        if height != width:
            raise UnreadableImage(f"not an aligned crop: {width} x {height} px is not square")
        points = TEMPLATES[self._extraction.aligned].scaled(width).points
        return Face(np.array([0, 0, width, height], np.float32), points, 1.0)

    def _found(self, image: Image) -> Face:
        return choose_face(self._verifier.detect(image), (image.shape[1], image.shape[0]))


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What became of a protocol's pictures.

    Attributes
    ----------
    rows
        float32 (pictures, d), unit length; NaN where a picture gave none.
    failures
        By picture, why it gave none.
    contents
        SHA-256 of each picture's bytes, hexadecimal.
    """

    rows: Floats
    failures: dict[int, Failure]
    contents: tuple[str, ...]

    def select(self, kept: Indices) -> Embeddings:
        """Only these pictures, in this order."""
        failures = {
            new: self.failures[int(old)]
            for new, old in enumerate(kept)
            if int(old) in self.failures
        }
        return Embeddings(self.rows[kept], failures, tuple(self.contents[i] for i in kept))

    @property
    def digest(self) -> str:
        """One digest of all the pictures, in order."""
        return hashlib.sha256("".join(self.contents).encode()).hexdigest()


def acquire(
    pictures: Sequence[Picture],
    extraction: Extraction,
    *,
    cache: Cache | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed pictures; what the cache knows is not computed again.

    Parameters
    ----------
    pictures
        At least one.
    extraction
        How.
    cache
        Written every few pictures, so that an interrupted call is continued by the next.
    workers
        Processes; 1 stays in this one.
    progress
        Told how many are done.

    Raises
    ------
    RenzhengError
        If no picture at all gives an embedding, a picture's file is gone, or the workers die.
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
    for part, results in _work(tasks, pictures, extraction, workers):
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
    """A picture's bytes.

    Raises
    ------
    InvalidInput
        If its file is gone.
    """
    if isinstance(picture.source, bytes):
        return picture.source
    try:
        return picture.source.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the picture cannot be read: {error.strerror}",
            source=str(picture.source),
            remedy="mend the protocol's list, or put the picture there",
        ) from error


def _work(
    tasks: Sequence[list[int]],
    pictures: Sequence[Picture],
    extraction: Extraction,
    workers: int,
) -> Iterator[tuple[list[int], list[Acquired]]]:
    """Results task by task, in order; few pictures are held at a time."""
    return processes.map_in_order(
        tasks,
        partial(_many, extraction),
        load=lambda part: [(read_content(pictures[i]), pictures[i].name) for i in part],
        workers=workers if sum(map(len, tasks)) >= _WORTH_A_POOL else 1,
    )


def _many(
    extraction: Extraction, threads: int | None
) -> Callable[[list[tuple[bytes, str]]], list[Acquired]]:
    extractor = Extractor(extraction, threads)
    return lambda pictures: [extractor(content, name) for content, name in pictures]
