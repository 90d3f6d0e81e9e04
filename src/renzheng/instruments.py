"""The networks that a verifier works with, loaded from their packs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeVar

from renzheng import packs
from renzheng.alignment import TEMPLATES, Template, umeyama
from renzheng.comparison import Calibration
from renzheng.detection import Detector
from renzheng.embedding import Embedder
from renzheng.errors import InvalidInput, PackError
from renzheng.packs import Pack
from renzheng.runtime import Network
from renzheng.types import Face, Image

DEFAULT_PACK = "dlib-resnet"
DEFAULT_DETECTOR = "mtcnn"

Named = str | PathLike[str] | Pack  # a pack's name, its folder, or itself

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Instruments:
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
    template: Template
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
        pack: Named = DEFAULT_PACK,
        detector: Named = DEFAULT_DETECTOR,
        *,
        min_face_size: int = 40,
        threads: int | None = None,
        backend: str | None = None,
        wait: bool = True,
    ) -> Instruments:
        """Load both packs.

        Without `wait` the embedding network, which takes longest, goes on loading while faces are
        looked for; its pack is checked in any case.

        Raises
        ------
        InvalidInput
            If there is no such backend, or it is not installed.
        PackError
            If one is missing, damaged or of the wrong kind.
        """
        # Digests and networks are prepared outside Python's lock, so both packs at a time.
        (embedding_pack, embedder), (detector_pack, cascade) = both(
            lambda: _embedder(pack, threads, backend, wait),
            lambda: _detector(detector, threads, min_face_size, backend),
        )
        network = embedder.network
        calibrated = "calibration.json" in embedding_pack.manifest["files"]
        return cls(
            pack=embedding_pack,
            embedder=embedder,
            template=_template(embedding_pack),
            calibration=(
                Calibration.load(embedding_pack.file("calibration.json")) if calibrated else None
            ),
            detector_pack=detector_pack,
            detector=cascade,
            backend=network.backend,
            backend_version=network.version,
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


def both(one: Callable[[], A], other: Callable[[], B]) -> tuple[A, B]:
    """Do two things at once."""
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(other)
        return one(), later.result()


def load_pack(named: Named, kind: str) -> Pack:
    """A pack of this kind.

    Raises
    ------
    PackError
        If there is none of that name, or it is of another kind.
    """
    found = named if isinstance(named, Pack) else packs.load(named)
    found.require(kind)
    return found


def _template(pack: Pack) -> Template:
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


def _detector(
    named: Named, threads: int | None, min_face_size: int, backend: str | None
) -> tuple[Pack, Detector]:
    pack = load_pack(named, "detector")
    return pack, Detector.from_folder(
        pack.folder, threads=threads, backend=backend, min_face_size=min_face_size
    )


def _embedder(
    named: Named, threads: int | None, backend: str | None, wait: bool
) -> tuple[Pack, Embedder]:
    pack = load_pack(named, "embedder")

    def read(table: str, key: str) -> Any:
        return pack.setting(table, key)

    embedder = Embedder(
        Network(pack.file(read("input", "file")), threads, backend=backend, wait=wait),
        size=read("input", "size"),
        mean=tuple(read("input", "mean")),
        scale=read("input", "scale"),
        channels=read("input", "channels"),
        dimension=read("embedding", "dimension"),
        normalise=read("embedding", "normalise"),
        mirror_average=read("embedding", "mirror_average"),
    )
    return pack, embedder
