"""The contents of a gallery in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stats:
    """Figures about a gallery.

    Attributes
    ----------
    entries, people
        The number of entries, and of the people they belong to.
    pack
        Name, version and network digest of the pack whose embeddings the gallery holds.
    created
        The time of its creation, ISO 8601.
    bytes
        The size on disk; None for an object store.
    indexed, recall
        The number of entries partitioned for approximate search, and how often that finds the
        nearest entry; 0 and None where search is exact.
    unpurged
        Whether its files may still hold bytes of removed entries.
    lowest_fpir
        The lowest false positive identification rate that can be promised; None if nothing is
        known about the pack.
    calibrated
        The number of searches among its own entries that FPIR was measured with; 0 if it was not
        measured.
    unknown_strength
        The number of entries of which it is not known how much of a face they hold.
    weak
        The number of entries whose strength is below that which the pack's calibration wants; None
        if it wants none, or nothing is known about the pack.
    """

    entries: int
    people: int
    pack: Mapping[str, str]
    created: str
    bytes: int | None
    indexed: int
    recall: float | None
    unpurged: bool
    lowest_fpir: float | None
    calibrated: int
    unknown_strength: int
    weak: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dict(vars(self))
