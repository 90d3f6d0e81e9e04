"""renzheng: is the face on the document the face before the camera?

The public names, nothing else. They load on first use, so that ``import renzheng`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from renzheng.errors import InvalidInput, NoFace, PackError, RenzhengError, UnreadableImage
    from renzheng.faces.liveness import Liveness
    from renzheng.images.similarity import Likeness, PictureSimilarity, similarity
    from renzheng.models.packs import Pack
    from renzheng.types import (
        Candidate,
        Capture,
        Choice,
        Comparison,
        Decision,
        Effect,
        Face,
        FalseMatchRate,
        Finding,
        LivenessScore,
        Measurement,
        Part,
        Preparation,
        Role,
        SamePicture,
        Verification,
    )
    from renzheng.verification.comparison import Calibration, Policy
    from renzheng.verification.templates import Extract, Verdict
    from renzheng.verification.verifier import Verifier, align, compare, detect, embed, verify

_HOMES = {
    "verification.comparison": ("Calibration", "Policy"),
    "errors": ("InvalidInput", "NoFace", "PackError", "RenzhengError", "UnreadableImage"),
    "verification.templates": ("Extract", "Verdict"),
    "faces.liveness": ("Liveness",),
    "models.packs": ("Pack",),
    "images.similarity": ("Likeness", "PictureSimilarity", "similarity"),
    "types": (
        "Candidate",
        "Capture",
        "Choice",
        "Comparison",
        "Decision",
        "Effect",
        "Face",
        "FalseMatchRate",
        "Finding",
        "LivenessScore",
        "Measurement",
        "Part",
        "Preparation",
        "Role",
        "SamePicture",
        "Verification",
    ),
    "verification.verifier": ("Verifier", "align", "compare", "detect", "embed", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Calibration",
    "Candidate",
    "Capture",
    "Choice",
    "Comparison",
    "Decision",
    "Effect",
    "Extract",
    "Face",
    "FalseMatchRate",
    "Finding",
    "InvalidInput",
    "Likeness",
    "Liveness",
    "LivenessScore",
    "Measurement",
    "NoFace",
    "Pack",
    "PackError",
    "Part",
    "PictureSimilarity",
    "Policy",
    "Preparation",
    "RenzhengError",
    "Role",
    "SamePicture",
    "UnreadableImage",
    "Verdict",
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
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
