"""Types for the faces of a picture, the choice among them, and their quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng._renamed import RenamedAttribute
from renzheng.types.origins import Origin

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB, upright
Crops = npt.NDArray[np.uint8]  # (n, size, size, 3) RGB, aligned
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Face:
    """A detected face, in pixels of the upright picture.

    Attributes
    ----------
    box
        float32 (4,): x1, y1, x2, y2; may reach beyond the picture's edge.
    landmarks
        float32 (5, 2) xy: the two eyes, the tip of the nose, the two corners of the mouth; each
        pair from left to right as seen in the picture.
    score
        The last network's probability that this is a face, 0 to 1.
    """

    box: Floats
    landmarks: Floats
    score: float

    @property
    def width(self) -> float:
        """The box's width in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """The box's height in pixels."""
        return float(self.box[3] - self.box[1])

    @property
    def inter_eye_distance(self) -> float:
        """The distance between the two eye centres in pixels (ISO/IEC 29794-5)."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "box": [round(float(v), 2) for v in self.box],
            "landmarks": [[round(float(v), 2) for v in point] for point in self.landmarks],
            "score": round(self.score, 6),
            "inter_eye_distance": round(self.inter_eye_distance, 2),
        }


class Role(StrEnum):
    """The role of a picture, which decides which of its faces is compared."""

    DOCUMENT = "document"  # an identity document, or the portrait from one
    LIVE = "live"  # the person, before the camera
    PHOTO = "photo"  # any photograph of a person


class FaceKind(StrEnum):
    """The kind of a face among the faces of its picture."""

    CHOSEN = "chosen"
    GHOST = "ghost"  # a document's second, weaker portrait of the same person
    COPY = "copy"  # the same person again: a sheet of passport photographs
    RIVAL = "rival"  # could be meant just as well
    INTRUDER = "intruder"  # a second person in the very photograph of a document
    STRANGER = "stranger"  # another person's face in a document's picture, smaller but clear
    BYSTANDER = "bystander"  # too small, too weak or too uncertain to be meant


@dataclass(frozen=True, eq=False)
class FaceCandidate:
    """A face of a picture, with its kind and the evidence for that.

    Attributes
    ----------
    face
        The face.
    kind
        The kind that the choice assigned to it.
    area
        The area of its box over the area of the chosen face's.
    contrast
        The standard deviation of its luminance, 0 to 255, which tells a ghost portrait from the
        main one; None where it was not needed.
    distance
        The Euclidean distance between its embedding and the chosen face's; None where it was not
        needed.
    """

    face: Face
    kind: FaceKind
    area: float
    contrast: float | None = None
    distance: float | None = None

    part = RenamedAttribute("kind")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **self.face.to_dict(),
            "part": str(self.kind),
            "area": round(self.area, 4),
            "contrast": None if self.contrast is None else round(self.contrast, 2),
            "distance": None if self.distance is None else round(self.distance, 6),
        }


@dataclass(frozen=True, eq=False)
class Choice:
    """The choice of the face of a picture that is compared.

    Attributes
    ----------
    role
        The role whose rule chose.
    candidates
        All faces, the chosen one first.
    reason
        The reason for the choice, in words.
    """

    role: Role
    candidates: tuple[FaceCandidate, ...]
    reason: str

    @property
    def face(self) -> Face:
        """The chosen face."""
        return self.candidates[0].face

    def of(self, kind: FaceKind) -> tuple[FaceCandidate, ...]:
        """Return the faces of one kind."""
        return tuple(each for each in self.candidates if each.kind is kind)


@dataclass(frozen=True, eq=False)
class Rectification:
    """The rotation and flattening of a picture before its faces were found.

    Attributes
    ----------
    size
        Width and height of the picture as read; None where nothing was done.
    matrix
        float64 (3, 3): homogeneous pixels of the picture as read to pixels of the picture that
        boxes and landmarks refer to.
    turns
        The number of quarter turns clockwise.
    outline
        float64 (4, 2) xy: the document's corners in the picture as read, top left first and
        clockwise; None unless its perspective was taken out.
    steps
        The steps taken, in words.
    certain
        Whether the detector was sure of a face that is upright in the result.
    """

    size: tuple[int, int] | None = None
    matrix: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    turns: int = 0
    outline: npt.NDArray[np.float64] | None = None
    steps: tuple[str, ...] = ()
    certain: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        outline = self.outline
        return {
            "size": None if self.size is None else list(self.size),
            "matrix": [[float(f"{v:.9g}") for v in row] for row in self.matrix],
            "turns": self.turns,
            "outline": None
            if outline is None
            else [[round(float(v), 2) for v in corner] for corner in outline],
            "steps": list(self.steps),
            "certain": self.certain,
        }


@dataclass(frozen=True)
class Measurement:
    """The result of one quality measure for one face.

    Attributes
    ----------
    value
        The native value, in the measure's unit.
    component
        The quality component of ISO/IEC 29794-5, or our own where the standard has none: 0 to 100,
        higher is better.
    """

    value: float
    component: int

    def to_dict(self) -> dict[str, float | int]:
        """Return plain numbers for JSON."""
        return {"value": round(self.value, 4), "component": self.component}


@dataclass(frozen=True, eq=False)
class Capture:
    """One side of a comparison: the picture, its faces and the chosen one.

    Attributes
    ----------
    source
        The name of the picture, as given.
    role
        The picture's role.
    image
        uint8 (H, W, 3) RGB, upright, after `rectification`; None where the picture could not be
        read.
    faces
        All faces found, the largest first.
    choice
        The choice of the face that is compared; None without a face.
    rectification
        The steps from the picture as read to `image`.
    crop
        uint8 (size, size, 3) RGB, the aligned face; None without a face.
    embedding
        float32 (d,), unit length: the embedding of the face, if the choice needed it; not in JSON.
    embedding_length
        The length of the embedding before it was scaled, if the choice needed it; not in JSON.
    quality
        The chosen face's quality, by the names of the measures in `renzheng.faces.quality`.
    error
        The reason why this side cannot be compared, or None.
    origin
        The chip's record or the page that the picture was taken out of; None for a file that is
        one picture.
    """

    source: str
    role: Role = Role.PHOTO
    image: Image | None = None
    faces: tuple[Face, ...] = ()
    choice: Choice | None = None
    rectification: Rectification = field(default_factory=Rectification)
    crop: Image | None = None
    embedding: Floats | None = None
    embedding_length: float | None = None
    quality: Mapping[str, Measurement] = field(default_factory=dict)
    error: str | None = None
    origin: Origin | None = None

    preparation = RenamedAttribute("rectification")

    @property
    def face(self) -> Face | None:
        """The chosen face; None where there is none."""
        return None if self.choice is None else self.choice.face

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; pixels and embedding stay out.

        The key ``size`` is the size of the image that boxes refer to; the size of the picture as
        read is in ``preparation``.
        """
        candidates = () if self.choice is None else self.choice.candidates
        return {
            "source": self.source,
            "role": str(self.role),
            "origin": None if self.origin is None else self.origin.to_dict(),
            "size": None if self.image is None else [self.image.shape[1], self.image.shape[0]],
            "face": None if self.face is None else self.face.to_dict(),
            "faces": [candidate.to_dict() for candidate in candidates],
            "choice": None if self.choice is None else self.choice.reason,
            "preparation": self.rectification.to_dict(),
            "quality": {name: found.to_dict() for name, found in self.quality.items()},
            "error": self.error,
        }
