"""Compare the face on an identity document with the face before the camera.

This module holds the public names and nothing else. They load on first use, so that
``import renzheng`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from renzheng import _renamed

__version__ = "0.1.0"

_renamed.install()

if TYPE_CHECKING:
    from renzheng.errors import InvalidInput, NoFace, PackError, RenzhengError, UnreadableImage
    from renzheng.faces.liveness import Liveness
    from renzheng.images.similarity import Likeness, PictureSimilarity, similarity
    from renzheng.models.packs import Pack
    from renzheng.types import (
        Capture,
        Choice,
        Comparison,
        Decision,
        Face,
        FaceCandidate,
        FaceKind,
        FalseMatchRate,
        Finding,
        Information,
        InformationGrade,
        LivenessScore,
        Measurement,
        Outcome,
        Rectification,
        Role,
        SamePhoto,
        Severity,
        Verification,
    )
    from renzheng.verification.calibration import Calibration
    from renzheng.verification.default import align, compare, detect, embed, verify
    from renzheng.verification.policy import Policy
    from renzheng.verification.templates import FaceTemplate
    from renzheng.verification.verifier import Verifier

_HOMES = {
    "errors": ("InvalidInput", "NoFace", "PackError", "RenzhengError", "UnreadableImage"),
    "faces.liveness": ("Liveness",),
    "images.similarity": ("Likeness", "PictureSimilarity", "similarity"),
    "models.packs": ("Pack",),
    "types": (
        "Capture",
        "Choice",
        "Comparison",
        "Decision",
        "Face",
        "FaceCandidate",
        "FaceKind",
        "FalseMatchRate",
        "Finding",
        "Information",
        "InformationGrade",
        "LivenessScore",
        "Measurement",
        "Outcome",
        "Rectification",
        "Role",
        "SamePhoto",
        "Severity",
        "Verification",
    ),
    "verification.calibration": ("Calibration",),
    "verification.default": ("align", "compare", "detect", "embed", "verify"),
    "verification.policy": ("Policy",),
    "verification.templates": ("FaceTemplate",),
    "verification.verifier": ("Verifier",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Calibration",
    "Capture",
    "Choice",
    "Comparison",
    "Decision",
    "Face",
    "FaceCandidate",
    "FaceKind",
    "FaceTemplate",
    "FalseMatchRate",
    "Finding",
    "Information",
    "InformationGrade",
    "InvalidInput",
    "Likeness",
    "Liveness",
    "LivenessScore",
    "Measurement",
    "NoFace",
    "Outcome",
    "Pack",
    "PackError",
    "PictureSimilarity",
    "Policy",
    "Rectification",
    "RenzhengError",
    "Role",
    "SamePhoto",
    "Severity",
    "UnreadableImage",
    "Verification",
    "Verifier",
    "align",
    "compare",
    "detect",
    "embed",
    "similarity",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _renamed.CLASSES:
        new = _renamed.CLASSES[name]
        _renamed.warn(f"renzheng.{name}", f"renzheng.{new}")
        name = new
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
