"""The networks that a verifier works with, loaded from their packs."""

from __future__ import annotations

from dataclasses import dataclass

from renzheng._support.threads import both
from renzheng.errors import InvalidInput
from renzheng.faces.alignment import TEMPLATES, AlignmentTemplate, umeyama
from renzheng.faces.detection import FaceDetector, load_detector
from renzheng.faces.face_embedder import FaceEmbedder, load_embedder
from renzheng.faces.pack_template import template_of, view_of
from renzheng.models import packs
from renzheng.models.packs import Named, Pack
from renzheng.types import Face, Image
from renzheng.verification.calibration import Calibration


@dataclass(frozen=True, eq=False)
class FaceModels:
    """The networks that find and embed faces, with the alignment between the two.

    Attributes
    ----------
    pack, embedder, template, calibration
        The embedding pack and its contents; it may lack a calibration.
    view
        The template whose view tells how much of a face the network sees, see `view_of`.
    detector_pack, detector
        The detection pack and its detector.
    backend, backend_version
        The runtime that computes the networks.
    """

    pack: Pack
    embedder: FaceEmbedder
    template: AlignmentTemplate
    view: AlignmentTemplate
    calibration: Calibration | None
    detector_pack: Pack
    detector: FaceDetector
    backend: str
    backend_version: str

    @property
    def provider(self) -> str:
        """The execution provider or device that computes the embeddings, as its library says."""
        return self.embedder.network.provider

    def detect(self, image: Image) -> list[Face]:
        """Return all faces that lie in an image and can be aligned, the largest first."""
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
            If the backend is unknown or not installed.
        PackError
            If one is missing, damaged or of the wrong kind.
        """

        def load_embedding() -> tuple[Pack, FaceEmbedder]:
            found = packs.of_kind("embedder", pack)
            return found, load_embedder(found, threads, backend=backend)

        def load_detection() -> tuple[Pack, FaceDetector]:
            found = packs.of_kind("detector", detector)
            return found, load_detector(
                found, threads=threads, backend=backend, min_face_size=min_face_size
            )

        # Digests and networks are made outside Python's lock, so both packs are loaded at a time.
        embedding_pack, detection_pack = both(load_embedding, load_detection)
        return cls.of(*embedding_pack, *detection_pack)

    @classmethod
    def of(
        cls, pack: Pack, embedder: FaceEmbedder, detector_pack: Pack, detector: FaceDetector
    ) -> FaceModels:
        """Make the models from both packs and their networks.

        Raises
        ------
        PackError
            If the embedding pack names an unknown template or its calibration is damaged.
        """
        calibrated = "calibration.json" in pack.manifest["files"]
        return cls(
            pack=pack,
            embedder=embedder,
            template=template_of(pack),
            view=view_of(pack),
            calibration=Calibration.load(pack.file("calibration.json")) if calibrated else None,
            detector_pack=detector_pack,
            detector=detector,
            backend=embedder.network.backend,
            backend_version=embedder.network.version,
        )


def _is_usable(face: Face, shape: tuple[int, ...]) -> bool:
    """Return whether a face lies in an image of this height and width and can be aligned."""
    x1, y1, x2, y2 = (float(v) for v in face.box)
    # NaN makes every comparison false.
    if not (x1 < x2 and y1 < y2 and x1 < shape[1] and y1 < shape[0] and x2 > 0 and y2 > 0):
        return False
    try:
        umeyama(face.landmarks, TEMPLATES["arcface-112"].points)
    except InvalidInput:
        return False
    return face.inter_eye_distance > 1e-3
