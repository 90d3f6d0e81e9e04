"""The networks that a verifier works with, loaded from their packs."""

from __future__ import annotations

from dataclasses import dataclass

from renzheng._support.threads import both
from renzheng.errors import InvalidInput, PackError
from renzheng.faces.alignment import TEMPLATES, AlignmentTemplate, umeyama
from renzheng.faces.detection import Detector
from renzheng.faces.embedding import Embedder
from renzheng.models import packs
from renzheng.models.packs import Named, Pack
from renzheng.types import Face, Image
from renzheng.verification.calibration import Calibration


@dataclass(frozen=True, eq=False)
class FaceModels:
    """What finds, aligns and embeds faces.

    Attributes
    ----------
    pack, embedder, template, calibration
        The embedding pack and what it holds; it may lack a calibration.
    detector_pack, detector
        The detection pack and its cascade.
    backend, backend_version
        What computes the networks.
    """

    pack: Pack
    embedder: Embedder
    template: AlignmentTemplate
    calibration: Calibration | None
    detector_pack: Pack
    detector: Detector
    backend: str
    backend_version: str

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture that lie in it and can be aligned, the largest first."""
        return [face for face in self.detector.detect(image) if _is_usable(face, image.shape)]

    @classmethod
    def load(
        cls,
        pack: Named = packs.DEFAULT_EMBEDDER,
        detector: Named = packs.DEFAULT_DETECTOR,
        *,
        min_face_size: int = 40,
        threads: int | None = None,
        backend: str | None = None,
    ) -> FaceModels:
        """Load both packs.

        Raises
        ------
        InvalidInput
            If there is no such backend, or it is not installed.
        PackError
            If one is missing, damaged or of the wrong kind.
        """

        def embedding() -> tuple[Pack, Embedder]:
            found = packs.of_kind("embedder", pack)
            return found, Embedder.from_pack(found, threads, backend=backend)

        def detection() -> tuple[Pack, Detector]:
            found = packs.of_kind("detector", detector)
            return found, Detector.from_folder(
                found.folder, threads=threads, backend=backend, min_face_size=min_face_size
            )

        # Digests and networks are prepared outside Python's lock, so both packs at a time.
        embeds, detects = both(embedding, detection)
        return cls.of(*embeds, *detects)

    @classmethod
    def of(
        cls, pack: Pack, embedder: Embedder, detector_pack: Pack, detector: Detector
    ) -> FaceModels:
        """What was loaded from both packs, together.

        Raises
        ------
        PackError
            If the embedding pack wants a template that there is not, or its calibration is none.
        """
        calibrated = "calibration.json" in pack.manifest["files"]
        return cls(
            pack=pack,
            embedder=embedder,
            template=_template(pack),
            calibration=Calibration.load(pack.file("calibration.json")) if calibrated else None,
            detector_pack=detector_pack,
            detector=detector,
            backend=embedder.network.backend,
            backend_version=embedder.network.version,
        )


def _is_usable(face: Face, shape: tuple[int, ...]) -> bool:
    """Whether a face lies in a picture of this height and width and can be aligned."""
    x1, y1, x2, y2 = (float(v) for v in face.box)
    # Not-a-number makes every comparison false.
    if not (x1 < x2 and y1 < y2 and x1 < shape[1] and y1 < shape[0] and x2 > 0 and y2 > 0):
        return False
    try:
        umeyama(face.landmarks, TEMPLATES["arcface-112"].points)
    except InvalidInput:
        return False
    return face.inter_eye_distance > 1e-3


def _template(pack: Pack) -> AlignmentTemplate:
    name = pack.setting("alignment", "template")
    if name not in TEMPLATES:
        raise PackError(
            f"it wants the alignment template {name!r}, which there is not",
            source=str(pack.folder),
            remedy=f"there are: {', '.join(TEMPLATES)}",
        )
    # A network may take the template's view at a size of its own.
    template = TEMPLATES[name]
    size = pack.setting("input", "size")
    return template if size == template.size else template.scaled(size)
