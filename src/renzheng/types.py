"""The types that flow through the pipeline: small, frozen, arrays of documented shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

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


class Decision(StrEnum):
    """What a policy makes of one comparison."""

    MATCH = "match"
    NO_MATCH = "no_match"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True)
class FalseMatchRate:
    """The share of comparisons of different people at this distance or nearer.

    Attributes
    ----------
    value
        0 to 1, read off the pack's calibration.
    at_most
        True where the calibration data ends: the true rate is `value` or lower, and nobody
        measured how much lower.
    """

    value: float
    at_most: bool

    def to_dict(self) -> dict[str, float | bool]:
        """Plain values for JSON."""
        return {"value": self.value, "at_most": self.at_most}

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.value:.2g}"


@dataclass(frozen=True)
class Comparison:
    """How near one reference and one probe embedding lie.

    Attributes
    ----------
    distance
        Euclidean distance between unit embeddings, 0 to 2.
    similarity
        Their cosine, -1 to 1; equals ``1 - distance**2 / 2``.
    fmr
        The calibrated false match rate at this distance; None without a calibration.
    llr
        The calibrated log-likelihood ratio at this distance, natural logarithm: above 0 the
        evidence is for one person. None without a calibration that has it.
    """

    distance: float
    similarity: float
    fmr: FalseMatchRate | None
    llr: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "distance": round(self.distance, 6),
            "similarity": round(self.similarity, 6),
            "fmr": None if self.fmr is None else self.fmr.to_dict(),
            "llr": None if self.llr is None else round(self.llr, 4),
        }


@dataclass(frozen=True)
class Finding:
    """Something that speaks against trusting a comparison.

    Attributes
    ----------
    code
        A stable word for programs, e.g. ``several_faces``.
    side
        ``reference`` or ``probe``.
    message
        What is wrong and what to do, for a person.
    """

    code: str
    side: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Plain words for JSON."""
        return {"code": self.code, "side": self.side, "message": self.message}


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
    image
        uint8 (H, W, 3) RGB, upright; None where the picture could not be read.
    faces
        All faces found, the largest first.
    face
        The chosen face; None where there is none.
    crop
        uint8 (size, size, 3) RGB, the aligned face; None without a face.
    quality
        What the measures of `renzheng.quality` say of the chosen face, by name.
    error
        Why this side cannot be compared, or None.
    """

    source: str
    image: Image | None = None
    faces: tuple[Face, ...] = ()
    face: Face | None = None
    crop: Image | None = None
    quality: Mapping[str, Measurement] = field(default_factory=dict)
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the pixels stay out."""
        return {
            "source": self.source,
            "size": None if self.image is None else [self.image.shape[1], self.image.shape[0]],
            "face": None if self.face is None else self.face.to_dict(),
            "faces": [face.to_dict() for face in self.faces],
            "quality": {name: found.to_dict() for name, found in self.quality.items()},
            "error": self.error,
        }


@dataclass(frozen=True, eq=False)
class Verification:
    """The answer to "are these two the same person?", with its grounds.

    Attributes
    ----------
    decision
        What the policy makes of it.
    reason
        The decision in a sentence.
    comparison
        Distance, similarity and false match rate; None where not comparable.
    policy
        The policy's figures, as ``Policy.to_dict`` gives them.
    pack
        ``name``, ``version`` and ``digest`` of the embedding pack and of the detector.
    reference, probe
        The two sides.
    findings
        What spoke against trusting the comparison (``warnings`` in JSON).
    timings_ms
        Wall time of each step in milliseconds.
    """

    decision: Decision
    reason: str
    comparison: Comparison | None
    policy: Mapping[str, float]
    pack: Mapping[str, str]
    reference: Capture
    probe: Capture
    findings: tuple[Finding, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The whole result as plain values for JSON; field names are stable."""
        blank = {"distance": None, "similarity": None, "fmr": None, "llr": None}
        return {
            "decision": str(self.decision),
            "reason": self.reason,
            **(blank if self.comparison is None else self.comparison.to_dict()),
            "policy": dict(self.policy),
            "pack": dict(self.pack),
            "reference": self.reference.to_dict(),
            "probe": self.probe.to_dict(),
            "warnings": [finding.to_dict() for finding in self.findings],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }
