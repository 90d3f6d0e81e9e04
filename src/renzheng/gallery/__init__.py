"""One-to-many search: a gallery of biometric references on a vector engine.

A false match rate of one comparison says little about a search among thousands, where there are
thousands of chances to find a stranger. What a search promises is its false positive identification
rate (FPIR, ISO/IEC 19795-1), which grows with the gallery.
"""

from __future__ import annotations

from renzheng.gallery.capture import Enrolment, Outcome
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
from renzheng.gallery.gallery import Gallery, Stats
from renzheng.gallery.rates import FalsePositiveRate, NearestStrangers
from renzheng.gallery.search import SearchPolicy

__all__ = [
    "Added",
    "Candidate",
    "Condition",
    "DuplicateEnrolment",
    "Enrolment",
    "Entry",
    "FalsePositiveRate",
    "Gallery",
    "Identification",
    "NearestStrangers",
    "Neighbour",
    "Outcome",
    "SearchDecision",
    "SearchPolicy",
    "Stats",
    "enrol",
]
