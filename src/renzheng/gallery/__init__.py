"""One-to-many search: a gallery of biometric references on a vector engine.

A false match rate of one comparison says little about a search among thousands, where there are
thousands of chances to find a stranger. The error rate of a search is its false positive
identification rate (FPIR, ISO/IEC 19795-1), which grows with the gallery.
"""

from __future__ import annotations

from typing import Any

from renzheng._renamed import warn
from renzheng.gallery.capture import Enrolment, EnrolmentResult
from renzheng.gallery.conditions import Condition
from renzheng.gallery.enrolment import enrol
from renzheng.gallery.entries import (
    Added,
    Candidate,
    DuplicateEnrolment,
    Entry,
    Identification,
    Neighbour,
    SearchDecision,
)
from renzheng.gallery.gallery import Gallery
from renzheng.gallery.rates import FalsePositiveRate, NearestImpostors
from renzheng.gallery.search_policy import SearchPolicy
from renzheng.gallery.stats import Stats

__all__ = [
    "Added",
    "Candidate",
    "Condition",
    "DuplicateEnrolment",
    "Enrolment",
    "EnrolmentResult",
    "Entry",
    "FalsePositiveRate",
    "Gallery",
    "Identification",
    "NearestImpostors",
    "Neighbour",
    "SearchDecision",
    "SearchPolicy",
    "Stats",
    "enrol",
]

_RENAMED = {
    "NearestStrangers": "NearestImpostors",
    "Outcome": "EnrolmentResult",
    "Suspicion": "DuplicateEnrolment",
}


def __getattr__(name: str) -> Any:
    """Return a class under its old name, with a warning."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn(f"{__name__}.{name}", f"{__name__}.{_RENAMED[name]}")
    return globals()[_RENAMED[name]]
