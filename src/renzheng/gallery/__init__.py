"""One-to-many search: a gallery of biometric references on a vector engine.

A false match rate of one comparison says little about a search among thousands, where there are
thousands of chances to find a stranger. The error rate of a search is its false positive
identification rate (FPIR, ISO/IEC 19795-1), which grows with the gallery.
"""

from __future__ import annotations

from renzheng._renamed import old_names
from renzheng.gallery.audit import DuplicateCheck
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
    "DuplicateCheck",
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

__getattr__ = old_names(
    __name__,
    {
        "NearestStrangers": "NearestImpostors",
        "Outcome": "EnrolmentResult",
        "Suspicion": "DuplicateEnrolment",
    },
)
