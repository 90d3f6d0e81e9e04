"""Degradations of captures: what a bad camera, a bad file or a covered face leaves of a picture.

They measure at which loss a promised rate of errors no longer holds (`renzheng.evaluation.
information`). Seeded: equal picture, face and state of the random numbers give equal bits. Those
of documents, which keep a portrait usable, are in `renzheng.datasets.degradations`.
"""

from __future__ import annotations

from renzheng.datasets.degradations.captures.catalogue import (
    DEGRADATIONS,
    HELD_OUT_FAMILIES,
    REVISION,
)
from renzheng.datasets.degradations.captures.degradation import (
    MAX_FACE_WIDTH,
    CaptureDegradation,
    at_scale,
)
from renzheng.datasets.registry import find

__all__ = [
    "DEGRADATIONS",
    "HELD_OUT_FAMILIES",
    "MAX_FACE_WIDTH",
    "REVISION",
    "CaptureDegradation",
    "at_scale",
    "fitted",
    "get",
    "held_out",
]


def get(name: str) -> CaptureDegradation:
    """Return a degradation by name.

    Raises
    ------
    InvalidInput
        If the name is unknown.
    """
    return find(DEGRADATIONS, name, "degradation of captures")


def fitted() -> tuple[str, ...]:
    """Return the names of the degradations that rates are fitted on."""
    return tuple(name for name, each in DEGRADATIONS.items() if not each.held_out)


def held_out() -> tuple[str, ...]:
    """Return the names of the degradations that rates are tested on alone."""
    return tuple(name for name, each in DEGRADATIONS.items() if each.held_out)
