"""The faces of degraded pictures, computed once each, in parallel, and resumable."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as cache_forever
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from renzheng import images
from renzheng._support import processes
from renzheng.datasets.degradations import captures
from renzheng.datasets.types import Failure, Picture
from renzheng.errors import NoFace, RenzhengError, UnreadableImage
from renzheng.evaluation.acquisition import read_content
from renzheng.evaluation.information.cache import DegradedCache, DegradedFace, Result
from renzheng.faces import alignment, quality
from renzheng.faces.detection import DETECTION_REVISION
from renzheng.faces.selection import choose_person
from renzheng.models.runtime import BACKENDS
from renzheng.types import Face, Floats, Image, Measurement, Role
from renzheng.verification.config import VerifierConfig
from renzheng.verification.information import strength_of
from renzheng.verification.verifier import Verifier

CLEAN = "clean"  # the picture as it is
Progress = Callable[[int, int], None]  # degraded pictures done, degraded pictures wanted

_MIN_FOR_POOL = 2  # pictures; one takes seconds with all degradations


@dataclass(frozen=True, eq=False)
class DegradedFaces:
    """The features of the faces of some pictures after each of several degradations.

    Attributes
    ----------
    names
        The names of the degradations; the first is `CLEAN`.
    embeddings
        float32 (names, pictures, d), unit length; NaN where no face was acquired.
    strengths
        float64 (names, pictures): see `renzheng.verification.information`; NaN likewise.
    """

    names: tuple[str, ...]
    embeddings: Floats
    strengths: npt.NDArray[np.float64]

    @property
    def acquired(self) -> npt.NDArray[np.bool_]:
        """bool (names, pictures): whether a face was acquired."""
        return np.isfinite(self.strengths)

    def of(self, k: int) -> tuple[Floats, npt.NDArray[np.float64]]:
        """Return the embeddings and strengths after one degradation, by its index."""
        return self.embeddings[k], self.strengths[k]

    def select(self, pictures: npt.NDArray[np.generic]) -> DegradedFaces:
        """Return the features of the chosen pictures, a mask or indices."""
        return replace(
            self,
            embeddings=self.embeddings[:, pictures],
            strengths=self.strengths[:, pictures],
        )


def acquire_degraded(
    pictures: Sequence[Picture],
    verifier: Verifier,
    names: Sequence[str],
    *,
    seed: int = 0,
    cache: DegradedCache | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> DegradedFaces:
    """Put pictures through degradations, and acquire their faces in the role of a photograph.

    A face that is wider than `captures.MAX_FACE_WIDTH` is reduced first. No degraded picture is
    searched for faces that lie on their side.

    Parameters
    ----------
    pictures
        The pictures, at least one; the face that each is about is degraded.
    verifier
        The networks.
    names
        Names of `renzheng.datasets.degradations.captures`; `CLEAN` is added.
    seed
        Seed of the degradations.
    cache
        The known results. It is written after every picture, so that the next call continues an
        interrupted one.
    workers
        The number of processes; 1 stays in this one.
    progress
        Called with the number of degraded pictures done.

    Raises
    ------
    InvalidInput
        If a degradation is unknown.
    RenzhengError
        If no picture at all gives a face, a picture cannot be read, or a worker dies.
    """
    wanted = (CLEAN, *(captures.get(n).name for n in dict.fromkeys(names) if n != CLEAN))
    settings = _settings(verifier, seed)
    contents = [hashlib.sha256(read_content(picture)).digest() for picture in pictures]
    keys = [[_key(settings, content, name) for name in wanted] for content in contents]
    known = _known(cache, keys)
    tasks = []
    for i, row in enumerate(keys):
        lacking = {
            name: known.get(key)
            for name, key in zip(wanted, row, strict=True)
            if not _is_complete(known.get(key))
        }
        if lacking:
            tasks.append((i, lacking))
    whole = len(pictures) * len(wanted)
    done = whole - sum(len(lacking) for _, lacking in tasks)
    if progress:
        progress(done, whole)

    def load(task: tuple[int, dict[str, Result | None]]) -> _Payload:
        picture = pictures[task[0]]
        return read_content(picture), picture.name, seed, task[1]

    results = processes.map_in_order(
        tasks,
        partial(_make_worker, VerifierConfig.of(verifier)),
        load=load,
        workers=workers if len(tasks) >= _MIN_FOR_POOL else 1,
        here=partial(_degraded, verifier),
    )
    for (i, lacking), found in results:
        fresh = {keys[i][wanted.index(name)]: each for name, each in found.items()}
        known.update(fresh)
        if cache:
            cache.put(fresh)
        done += len(lacking)
        if progress:
            progress(done, whole)
    return _gathered(wanted, [[known[key] for key in row] for row in keys], pictures)


def _settings(verifier: Verifier, seed: int) -> dict[str, object]:
    """Return all that a degraded face depends on besides the picture and the degradation."""
    return {
        "pack": verifier.pack.network_digest,
        "detector": verifier.detector_pack.network_digest,
        "detection": DETECTION_REVISION,
        "min_face_size": verifier.min_face_size,
        "max_face_width": captures.MAX_FACE_WIDTH,
        "seed": seed,
        **({} if verifier.backend == BACKENDS[0] else {"backend": verifier.backend}),
    }


def _key(settings: dict[str, object], content: bytes, name: str) -> bytes:
    said = {**settings, "degradation": name}
    if name != CLEAN:
        said["revision"] = captures.REVISION
    return hashlib.sha256(content + json.dumps(said, sort_keys=True).encode()).digest()


def _known(cache: DegradedCache | None, keys: Sequence[Sequence[bytes]]) -> dict[bytes, Result]:
    return {} if cache is None else cache.get([key for row in keys for key in row])


def _is_complete(result: Result | None) -> bool:
    """Return whether a result is there, with the quality as it is measured by now."""
    if result is None or isinstance(result, Failure):
        return result is not None
    return result.measured == _measuring()


@cache_forever
def _measuring() -> str:
    """Return the digest of the code that measures quality.

    Strengths depend on it, and it changes more often than networks do; measuring anew takes a
    fifth of the time of embedding anew.
    """
    files = sorted(Path(quality.__file__).parent.glob("*.*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


# The picture's bytes and name, the seed, and by degradation what is known of its result already.
_Payload = tuple[bytes, str, int, dict[str, Result | None]]


def _make_worker(
    config: VerifierConfig, threads: int | None
) -> Callable[[_Payload], dict[str, Result]]:
    return partial(_degraded, config.verifier(threads))


def _degraded(verifier: Verifier, payload: _Payload) -> dict[str, Result]:
    """Degrade one picture in the ways asked for, and acquire the faces."""
    content, name, seed, asked = payload
    try:
        image = images.read(content, name=name)
        image, face = captures.at_scale(image, _found(image, verifier)[0])
    except (UnreadableImage, NoFace) as error:
        kind = "no_face" if isinstance(error, NoFace) else "unreadable"
        return dict.fromkeys(asked, Failure(kind, error.reason))
    results: dict[str, Result] = {}
    fresh: dict[str, tuple[Image, Face, Sequence[Face]]] = {}
    for degradation, known in asked.items():
        picture = image
        if degradation != CLEAN:
            chance = (seed, zlib.crc32(content), zlib.crc32(degradation.encode()))
            loss = captures.get(degradation)
            picture = loss(image, face, np.random.default_rng(chance))
        if isinstance(known, DegradedFace):  # a measure of quality is new
            measured = _measured(picture, known.face, (known.face,), verifier)
            results[degradation] = replace(known, quality=measured, measured=_measuring())
            continue
        try:
            fresh[degradation] = (picture, *_found(picture, verifier))
        except NoFace as error:
            results[degradation] = Failure("no_face", error.reason)
    if fresh:
        template = verifier.face_models.template
        crops = [
            alignment.align(image, face.landmarks, template) for image, face, _ in fresh.values()
        ]
        embedded = verifier.face_models.embedder.embed_with_lengths(np.stack(crops))
        for row, length, (degradation, found) in zip(*embedded, fresh.items(), strict=True):
            measured = _measured(*found, verifier)
            results[degradation] = DegradedFace(
                row, float(length), found[1], measured, _measuring()
            )
    return results


def _found(image: Image, verifier: Verifier) -> tuple[Face, Sequence[Face]]:
    """Return the face that a picture is about, and all its faces."""
    faces = verifier.face_models.detect(image)
    return choose_person(faces, (image.shape[1], image.shape[0]), Role.PHOTO).face, faces


def _measured(
    image: Image, face: Face, faces: Sequence[Face], verifier: Verifier
) -> Mapping[str, Measurement]:
    return quality.measure(image, face, verifier.face_models.view, faces)


def _gathered(
    names: tuple[str, ...], results: Sequence[Sequence[Result]], pictures: Sequence[Picture]
) -> DegradedFaces:
    """Arrange results by picture and degradation as arrays by degradation and picture."""
    faces = [
        (k, i, each)
        for i, row in enumerate(results)
        for k, each in enumerate(row)
        if isinstance(each, DegradedFace)
    ]
    if not faces:
        first = results[0][0]
        assert isinstance(first, Failure)
        raise RenzhengError(
            f"none of the {len(pictures)} pictures gives a face; the first: {first.reason}",
            source=pictures[0].name,
        )
    shape = len(names), len(pictures)
    embeddings = np.full((*shape, len(faces[0][2].embedding)), np.nan, np.float32)
    strengths = np.full(shape, np.nan)
    for k, i, each in faces:
        embeddings[k, i] = each.embedding
        strengths[k, i] = strength_of(each.length, each.quality)
    return DegradedFaces(names, embeddings, strengths)
