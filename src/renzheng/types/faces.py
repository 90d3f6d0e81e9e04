"""Faces of a picture: found, chosen among, measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng._renamed import RenamedAttribute

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB, upright
Crops = npt.NDArray[np.uint8]  # (n, size, size, 3) RGB, aligned
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face, in pixels of the upright picture.

    Attributes
    ----------
    box
        float32 (4,): x1, y1, x2, y2. May reach beyond the picture's edge.
    landmarks
        float32 (5, 2) xy: the eye, the other eye, the nose tip, the mouth corners; each pair
        from left to right as seen in the picture.
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
        """Plain numbers for JSON."""
        return {
            "box": [round(float(v), 2) for v in self.box],
            "landmarks": [[round(float(v), 2) for v in point] for point in self.landmarks],
            "score": round(self.score, 6),
            "inter_eye_distance": round(self.inter_eye_distance, 2),
        }


class Role(StrEnum):
    """What a side of a comparison is a picture of, which decides which of its faces counts."""

    DOCUMENT = "document"  # an identity document, or the portrait from one
    LIVE = "live"  # the person, before the camera
    PHOTO = "photo"  # any photograph of somebody


class FaceKind(StrEnum):
    """What a face of a picture was taken for."""

    CHOSEN = "chosen"
    GHOST = "ghost"  # a document's second, weaker portrait of the same person
    COPY = "copy"  # the same person again: a sheet of passport photographs
    RIVAL = "rival"  # could be meant just as well
    INTRUDER = "intruder"  # a second person in the very photograph of a document
    STRANGER = "stranger"  # somebody else's face in a document's picture, smaller but clear
    BYSTANDER = "bystander"  # too small, too weak or too uncertain to be meant


@dataclass(frozen=True, eq=False)
class FaceCandidate:
    """A face with the evidence on what it is in its picture.

    Attributes
    ----------
    face
        The face.
    kind
        What it was taken for.
    area
        Its box's area over the chosen face's.
    contrast
        Standard deviation of its luminance, 0 to 255: what tells a ghost portrait from the main
        one. None where it was not needed.
    distance
        Euclidean, between its embedding and the chosen face's. None where it was not needed.
    """

    face: Face
    kind: FaceKind
    area: float
    contrast: float | None = None
    distance: float | None = None

    part = RenamedAttribute("kind")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            **self.face.to_dict(),
            "part": str(self.kind),
            "area": round(self.area, 4),
            "contrast": None if self.contrast is None else round(self.contrast, 2),
            "distance": None if self.distance is None else round(self.distance, 6),
        }


@dataclass(frozen=True, eq=False)
class Choice:
    """Which face of a picture is compared, and why.

    Attributes
    ----------
    role
        Whose rule chose.
    candidates
        Every face, the chosen one first.
    reason
        In words.
    """

    role: Role
    candidates: tuple[FaceCandidate, ...]
    reason: str

    @property
    def face(self) -> Face:
        """The chosen face."""
        return self.candidates[0].face

    def of(self, kind: FaceKind) -> tuple[FaceCandidate, ...]:
        """The faces that were taken for this."""
        return tuple(each for each in self.candidates if each.kind is kind)


@dataclass(frozen=True, eq=False)
class Rectification:
    """How a picture was made ready before its faces were found.

    Attributes
    ----------
    size
        Width and height of the picture as it was read; None where nothing was prepared.
    matrix
        float64 (3, 3): homogeneous pixels of the picture as read to pixels of the picture that
        boxes and landmarks refer to.
    turns
        Quarter turns clockwise.
    outline
        float64 (4, 2) xy: the document's corners in the picture as read, top left first and
        clockwise; None unless its perspective was taken out.
    steps
        What was done, in words.
    certain
        Whether the detector was sure of a face that stands upright in it.
    """

    size: tuple[int, int] | None = None
    matrix: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    turns: int = 0
    outline: npt.NDArray[np.float64] | None = None
    steps: tuple[str, ...] = ()
    certain: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    """What one measure of quality says of one face.

    Attributes
    ----------
    value
        The native value, in the measure's unit.
    component
        The quality component of ISO/IEC 29794-5, or ours where it has none: 0 to 100, higher is
        better.
    """

    value: float
    component: int

    def to_dict(self) -> dict[str, float | int]:
        """Plain numbers for JSON."""
        return {"value": round(self.value, 4), "component": self.component}


@dataclass(frozen=True, eq=False)
class Capture:
    """One side of a comparison: the picture, its faces and the one that was chosen.

    Attributes
    ----------
    source
        The name of the picture, as handed in.
    role
        What the picture was taken to be of.
    image
        uint8 (H, W, 3) RGB, upright; None where the picture could not be read. A document stands
        here turned and freed from perspective as `rectification` says.
    faces
        All faces found, the largest first.
    choice
        Which of them is compared, and what the others were taken for; None without a face.
    rectification
        How `image` came from the picture as it was read.
    crop
        uint8 (size, size, 3) RGB, the aligned face; None without a face.
    embedding
        float32 (d,), unit length: the face's, where it was computed already. It stays out of JSON.
    quality
        What the measures of `renzheng.faces.quality` say of the chosen face, by name.
    error
        Why this side cannot be compared, or None.
    """

    source: str
    role: Role = Role.PHOTO
    image: Image | None = None
    faces: tuple[Face, ...] = ()
    choice: Choice | None = None
    rectification: Rectification = field(default_factory=Rectification)
    crop: Image | None = None
    embedding: Floats | None = None
    quality: Mapping[str, Measurement] = field(default_factory=dict)
    error: str | None = None

    preparation = RenamedAttribute("rectification")

    @property
    def face(self) -> Face | None:
        """The chosen face; None where there is none."""
        return None if self.choice is None else self.choice.face

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; pixels and embedding stay out.

        `size` is that of the picture that boxes refer to; the size of the picture as it was read
        is in `preparation`.
        """
        candidates = () if self.choice is None else self.choice.candidates
        return {
            "source": self.source,
            "role": str(self.role),
            "size": None if self.image is None else [self.image.shape[1], self.image.shape[0]],
            "face": None if self.face is None else self.face.to_dict(),
            "faces": [candidate.to_dict() for candidate in candidates],
            "choice": None if self.choice is None else self.choice.reason,
            "preparation": self.rectification.to_dict(),
            "quality": {name: found.to_dict() for name, found in self.quality.items()},
            "error": self.error,
        }
