"""The pipeline: the one place that knows the order of the steps."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from os import PathLike
from typing import Any, TypeVar

import numpy as np

from renzheng import alignment, images, packs, quality
from renzheng.comparison import Calibration, Policy
from renzheng.comparison import compare as compare_embeddings
from renzheng.detection import Detector
from renzheng.embedding import Embedder
from renzheng.errors import InvalidInput, NoFace, PackError, UnreadableImage
from renzheng.packs import Pack
from renzheng.runtime import Network
from renzheng.types import (
    Capture,
    Comparison,
    Decision,
    Face,
    Finding,
    Floats,
    Image,
    Measurement,
    Verification,
)

DEFAULT_PACK = "dlib-resnet"
DEFAULT_DETECTOR = "mtcnn"

A = TypeVar("A")
B = TypeVar("B")

_RIVAL_AREA = 0.25  # a second face of a quarter of the chosen one's area could be meant too
_LOW_SCORE = 0.9
_DARK = 10  # component: 98 % of the face in the dark; worth saying, and no minimum
# Shares of the crop that lie in the picture: below the first a warning, below the second no match,
# since repeated edges look alike. Where the default pack promises FMR 1e-4, adults of UTKFace, cut
# alike on both sides, showed 2.4e-3 at 0.8 to 0.9, 4e-3 to 6e-3 at 0.7 to 0.8, 1.7e-2 to 4.5e-2
# at 0.55 to 0.7 and 1.8e-1 below 0.5.
_CUT_CLOSE, _CUT_TOO_CLOSE = 0.9, 0.8

# Whose components below their minimum are reported, as what.
_PROBLEMS = {
    "head_pose_yaw": ("turned_face", "the head is turned to the side"),
    "head_pose_pitch": ("lowered_face", "the head looks down or up"),
    "head_pose_roll": ("tilted_face", "the head is tilted"),
    "sharpness": ("blurred_face", "the face is blurred"),
    "over_exposure_prevention": ("bright_face", "the face is burnt out"),
    "dynamic_range": ("flat_face", "the face has next to no contrast"),
    "compression_artifacts": ("compressed_face", "the picture is compressed too much"),
}


def choose_face(faces: Sequence[Face], size: tuple[int, int]) -> Face:
    """The face that the picture is about: large and near the middle.

    Parameters
    ----------
    faces
        At least one.
    size
        Width and height of the picture.

    Returns
    -------
    Face
        The one with the greatest area minus twice the squared distance of its centre from the
        picture's centre: FaceNet's rule for pictures of one person with bystanders.

    Raises
    ------
    NoFace
        If `faces` is empty.
    """
    if not faces:
        raise NoFace("no face was found")
    centre = np.asarray(size, np.float64) / 2

    def weight(face: Face) -> float:
        offset = (face.box[:2] + face.box[2:]) / 2 - centre
        return face.width * face.height - 2 * float(offset @ offset)

    return max(faces, key=weight)


class Verifier:
    """Compares two pictures; holds the networks, so make one and keep it.

    Safe to share between threads: every call works on its own arrays, and the same pictures give
    the same bits whichever thread asks.

    Parameters
    ----------
    pack
        The embedding pack: a name, a folder, or a loaded `Pack`.
    detector
        The detection pack, likewise.
    policy
        When a comparison is a match; the default accepts a false match rate of 1e-4.
    min_face_size
        Faces smaller than this many pixels are not looked for. The default is twice MTCNN's:
        below it fewer than about 16 pixels lie between the eyes, which no comparison should rest
        on, and looking for them takes most of the time.
    threads
        Threads per network call; by default the runtime decides.

    Raises
    ------
    PackError
        If a pack is missing, damaged or of the wrong kind.
    """

    def __init__(
        self,
        pack: str | PathLike[str] | Pack = DEFAULT_PACK,
        *,
        detector: str | PathLike[str] | Pack = DEFAULT_DETECTOR,
        policy: Policy | None = None,
        min_face_size: int = 40,
        threads: int | None = None,
    ):
        self.policy = policy or Policy()
        self.min_face_size = min_face_size
        # Digests and networks are prepared outside Python's lock, so both packs at a time.
        (self.pack, self._embedder), (self.detector_pack, self._detector) = _both(
            lambda: _embedder(pack, threads),
            lambda: _detector(detector, threads, min_face_size),
        )
        self._template = _template(self.pack)
        self.calibration = (
            Calibration.load(self.pack.file("calibration.json"))
            if "calibration.json" in self.pack.manifest["files"]
            else None
        )

    def with_policy(self, policy: Policy) -> Verifier:
        """This verifier under another policy; the networks are shared."""
        other = copy.copy(self)
        other.policy = policy
        return other

    def detect(self, picture: Any) -> list[Face]:
        """All faces of a picture, the largest first.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        """
        return self._detector.detect(images.read(picture))

    def align(self, picture: Any, face: Face | None = None) -> Image:
        """The aligned crop that the embedding network sees.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        face
            Which face; by default the one that the picture is about.

        Returns
        -------
        uint8 (size, size, 3) RGB

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        NoFace
            If no face is found.
        """
        image = images.read(picture)
        if face is None:
            face = self._find(image, images.describe(picture))[1]
        return alignment.align(image, face.landmarks, self._template)

    def quality(self, picture: Any, face: Face | None = None) -> dict[str, Measurement]:
        """Every measure of `renzheng.quality` of a picture's face, by name.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        face
            Which face; by default the one that the picture is about.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        NoFace
            If no face is found and none is given.
        """
        image = images.read(picture)
        faces: Sequence[Face] = (face,) if face is not None else ()
        if face is None:
            faces, face = self._find(image, images.describe(picture))
        return quality.measure(image, face, self._template, faces)

    def embed(self, picture: Any, face: Face | None = None) -> Floats:
        """The embedding of a picture's face: float32 (d,), unit length.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        NoFace
            If no face is found.
        """
        embedding: Floats = self.embed_crops(self.align(picture, face)[None])[0]
        return embedding

    def embed_crops(self, crops: Image) -> Floats:
        """Embeddings of crops that are aligned already.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB, aligned to the pack's template.

        Returns
        -------
        float32 (n, d), rows of unit length
        """
        return self._embedder.embed(crops)

    def compare(self, reference: Floats, probe: Floats) -> Comparison:
        """Compare two embeddings of this verifier's pack."""
        return compare_embeddings(reference, probe, self.calibration)

    def verify(self, reference: Any, probe: Any) -> Verification:
        """Are the two pictures of the same person?

        A picture that cannot be read or shows no face gives the decision ``not_comparable`` and
        says why: a failure to acquire is a result, not an exception.

        Parameters
        ----------
        reference
            The picture on record: the document. Anything that `renzheng.images.read` takes.
        probe
            The picture to check: the live face.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or not as far down as the policy asks.
        """
        self._check_policy()
        clock = _Clock()
        with clock("total"):
            captures = _both(
                lambda: self._capture(reference, "reference", clock),
                lambda: self._capture(probe, "probe", clock),
            )
            crops = [capture.crop for capture in captures if capture.crop is not None]
            comparison = None
            if len(crops) == len(captures):
                with clock("embed"):
                    first, second = self.embed_crops(np.stack(crops))
                comparison = self.compare(first, second)
        if comparison is None:
            decision = Decision.NOT_COMPARABLE
            reason = "; ".join(
                f"{side}: {capture.error}"
                for side, capture in zip(("reference", "probe"), captures, strict=True)
                if capture.error
            )
        else:
            decision, reason = self.policy.decide(comparison)
            shown = min(capture.quality["crop_inside"].value for capture in captures)
            if decision is Decision.MATCH and shown < _CUT_TOO_CLOSE:
                decision = Decision.INCONCLUSIVE
                reason = (
                    f"near enough for a match, but only {shown:.0%} of what the network looks at "
                    "is in the picture, and its false match rate does not hold for that"
                )
        findings = [
            finding
            for side, capture in zip(("reference", "probe"), captures, strict=True)
            for finding in _findings(side, capture, self.policy)
        ]
        return Verification(
            decision=decision,
            reason=reason,
            comparison=comparison,
            policy=self.policy.to_dict(),
            pack={
                "name": self.pack.name,
                "version": self.pack.version,
                "digest": self.pack.digest,
                "detector": self.detector_pack.name,
                "detector_version": self.detector_pack.version,
                "detector_digest": self.detector_pack.digest,
            },
            reference=captures[0],
            probe=captures[1],
            findings=tuple(findings),
            timings_ms=clock.milliseconds,
        )

    def _check_policy(self) -> None:
        if self.calibration is None:
            raise InvalidInput(
                f"the pack {self.pack.name} has no calibration, so no policy can be applied",
                remedy="use compare() for the bare distance",
            )
        self.calibration.threshold_at(self.policy.max_fmr)

    def _find(self, image: Image, name: str) -> tuple[list[Face], Face]:
        faces = self._detector.detect(image)
        if not faces:
            raise NoFace(
                "no face was found",
                source=name,
                remedy="use an upright, sharp picture in which the whole face is visible",
            )
        return faces, choose_face(faces, (image.shape[1], image.shape[0]))

    def _capture(self, picture: Any, side: str, clock: _Clock) -> Capture:
        name = images.describe(picture)
        try:
            with clock(f"{side}_read"):
                image = images.read(picture)
        except UnreadableImage as error:
            return Capture(source=name, error=_without_source(error))
        try:
            with clock(f"{side}_detect"):
                faces, face = self._find(image, name)
        except NoFace as error:
            return Capture(source=name, image=image, error=_without_source(error))
        with clock(f"{side}_align"):
            crop = alignment.align(image, face.landmarks, self._template)
            measures = quality.measure(image, face, self._template, faces)
        return Capture(
            source=name,
            image=image,
            faces=tuple(faces),
            face=face,
            crop=crop,
            quality=measures,
        )


def _both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """Do two things at once."""
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other)
        return one(), later.result()


def _template(pack: Pack) -> alignment.Template:
    name = pack.setting("alignment", "template")
    if name not in alignment.TEMPLATES:
        raise PackError(
            f"it wants the alignment template {name!r}, which there is not",
            source=str(pack.folder),
            remedy=f"there are: {', '.join(alignment.TEMPLATES)}",
        )
    # A network may take the template's view at a size of its own.
    template = alignment.TEMPLATES[name]
    size = pack.setting("input", "size")
    return template if size == template.size else template.scaled(size)


def _loaded(pack: str | PathLike[str] | Pack, kind: str) -> Pack:
    found = pack if isinstance(pack, Pack) else packs.load(pack)
    found.require(kind)
    return found


def _detector(
    named: str | PathLike[str] | Pack, threads: int | None, min_face_size: int
) -> tuple[Pack, Detector]:
    pack = _loaded(named, "detector")
    return pack, Detector.from_folder(pack.folder, threads=threads, min_face_size=min_face_size)


def _embedder(named: str | PathLike[str] | Pack, threads: int | None) -> tuple[Pack, Embedder]:
    pack = _loaded(named, "embedder")

    def read(table: str, key: str) -> Any:
        return pack.setting(table, key)

    embedder = Embedder(
        Network(pack.file(read("input", "file")), threads=threads),
        size=read("input", "size"),
        mean=tuple(read("input", "mean")),
        scale=read("input", "scale"),
        channels=read("input", "channels"),
        dimension=read("embedding", "dimension"),
        normalise=read("embedding", "normalise"),
        mirror_average=read("embedding", "mirror_average"),
    )
    return pack, embedder


def _without_source(error: UnreadableImage | NoFace) -> str:
    return f"{error.reason} ({error.remedy})" if error.remedy else error.reason


def _findings(side: str, capture: Capture, policy: Policy) -> Iterator[Finding]:
    """What speaks against trusting this side."""
    if capture.error:
        code = "no_face" if capture.image is not None else "unreadable"
        yield Finding(code, side, capture.error)
    face, measures = capture.face, capture.quality
    if face is None:
        return
    role: quality.Role = "document" if side == "reference" else "live"

    def remedy(name: str) -> str:
        return quality.MEASURES[name].remedy(role)

    area = face.width * face.height
    rivals = sum(
        other is not face and other.width * other.height >= _RIVAL_AREA * area
        for other in capture.faces
    )
    if rivals:
        yield Finding(
            "several_faces",
            side,
            f"{rivals} more face(s) of similar size: make sure that the right one was compared",
        )
    between_eyes = face.inter_eye_distance
    if between_eyes < policy.min_inter_eye_distance:
        yield Finding(
            "small_face",
            side,
            f"only {between_eyes:.0f} px between the eyes, "
            f"{policy.min_inter_eye_distance:.0f} wanted: {remedy('inter_eye_distance')}",
        )
    if measures["inside"].value < 0.95:
        yield Finding("cut_face", side, f"the face reaches beyond the picture: {remedy('inside')}")
    if measures["crop_inside"].value < _CUT_CLOSE:
        yield Finding(
            "cut_close",
            side,
            f"only {measures['crop_inside'].value:.0%} of what the network looks at is in the "
            f"picture: {remedy('crop_inside')}",
        )
    if face.score < _LOW_SCORE:
        yield Finding(
            "uncertain_face", side, f"the detector is only {face.score:.0%} sure that it is a face"
        )
    if measures["under_exposure_prevention"].component < _DARK:
        yield Finding("dark_face", side, f"the face is dark: {remedy('under_exposure_prevention')}")
    missed = quality.shortfalls(measures, role)
    for name, (code, problem) in _PROBLEMS.items():
        if name in missed:
            yield Finding(code, side, f"{problem}: {remedy(name)}")


class _Clock:
    """Wall time by step, in milliseconds."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds[step] = (time.perf_counter() - start) * 1e3


_default_lock = threading.Lock()


@lru_cache(maxsize=1)
def _shared() -> Verifier:
    return Verifier()


def _default() -> Verifier:
    with _default_lock:
        return _shared()


def verify(reference: Any, probe: Any, policy: Policy | None = None) -> Verification:
    """Are the two pictures of the same person? With the default packs; see `Verifier.verify`."""
    shared = _default()
    if policy is None or policy == shared.policy:
        return shared.verify(reference, probe)
    return shared.with_policy(policy).verify(reference, probe)


def detect(picture: Any) -> list[Face]:
    """All faces of a picture, the largest first; see `Verifier.detect`."""
    return _default().detect(picture)


def align(picture: Any, face: Face | None = None) -> Image:
    """The aligned face, uint8 (size, size, 3) RGB; see `Verifier.align`."""
    return _default().align(picture, face)


def embed(picture: Any, face: Face | None = None) -> Floats:
    """The embedding, float32 (d,), unit length; see `Verifier.embed`."""
    return _default().embed(picture, face)


def compare(reference: Floats, probe: Floats) -> Comparison:
    """Compare two embeddings of the default pack; see `Verifier.compare`."""
    return _default().compare(reference, probe)
