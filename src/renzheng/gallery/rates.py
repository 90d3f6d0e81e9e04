"""False positive identification rates: a false match rate grows with the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import FalseMatchRate
from renzheng.verification.calibration import Calibration, fmr_for_fpir, promised_fpir

# Doddington's rule: 30 errors must have been seen for a rate to be known to +-30 % at 90 %
# confidence (ISO/IEC 19795-1, annex B).
_RULE_OF = 30
_POINTS = 20_000  # that are kept


@dataclass(frozen=True)
class FalsePositiveRate:
    """The share of non-mated searches that return an entry at this distance or nearer (FPIR).

    Attributes
    ----------
    value
        0 to 1.
    at_most
        True where the data ends: the true rate is `value` or lower.
    measured
        True if it was measured on the gallery's own entries, False if it follows from the pack's
        false match rate and the number of entries.
    """

    value: float
    at_most: bool
    measured: bool

    def to_dict(self) -> dict[str, float | bool]:
        """Plain values for JSON."""
        return {"value": self.value, "at_most": self.at_most, "measured": self.measured}

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.value:.2g}"


def _promised(rate: float, times: float) -> float:
    return float(promised_fpir(rate, times))


@dataclass(frozen=True)
class NearestStrangers:
    """How near the nearest stranger was, in searches among a gallery's own entries.

    Attributes
    ----------
    distance
        float64 (k,): distances in order.
    rank
        int (k,): how many searches found somebody else at that distance or nearer, at least.
    searches
        How many were made, each for another person.
    entries
        Among how many entries of other people, at least.
    """

    distance: npt.NDArray[np.float64]
    rank: npt.NDArray[np.int64]
    searches: int
    entries: int

    @classmethod
    def of(cls, nearest: npt.NDArray[np.float64], entries: int) -> NearestStrangers:
        """Keep what the distances of the nearest strangers tell.

        Parameters
        ----------
        nearest
            float64 (n,): for each search, the distance of its nearest stranger.
        entries
            Among how many, at least.
        """
        if not len(nearest) or entries < 1:
            raise InvalidInput("a gallery of one person has no strangers to measure on")
        apart = np.sort(nearest)
        rank = np.arange(1, len(apart) + 1)
        if len(apart) > _POINTS:
            # The nearest, where decisions fall, all; fewer and fewer of the others.
            rank = np.unique(np.geomspace(1, len(apart), _POINTS).round().astype(np.int64))
        return cls(apart[rank - 1], rank, len(apart), entries)

    @property
    def resolution(self) -> float:
        """The lowest rate that the searches can speak of."""
        return min(_RULE_OF / self.searches, 1.0)

    def floor(self, entries: int) -> float:
        """The lowest rate that they can speak of in a search among so many entries."""
        return _promised(self.resolution, self._share(entries))

    def share_at(self, distance: float) -> float:
        """The share of searches that found somebody else at this distance or nearer, or more."""
        known = int(np.searchsorted(self.distance, distance, side="right"))
        # Up to the next distance that was kept there may be as many as lie between the two.
        most = int(self.rank[known]) - 1 if known < len(self.rank) else self.searches
        return most / self.searches

    def rate_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """FPIR of a threshold at this distance in a search among so many entries."""
        share = self.share_at(distance)
        rate = _promised(max(share, self.resolution), self._share(entries))
        return FalsePositiveRate(rate, share <= self.resolution, measured=True)

    def _share(self, entries: int) -> float:
        # Among fewer entries the rate is no higher. How much lower cannot be told: false positives
        # crowd on some searches, so halving the entries does not halve it.
        return max(entries / self.entries, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, from which `from_dict` makes the same."""
        return {
            "distance": self.distance.tolist(),
            "rank": self.rank.tolist(),
            "searches": self.searches,
            "entries": self.entries,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NearestStrangers:
        """The reverse of `to_dict`."""
        return cls(
            np.asarray(data["distance"], np.float64),
            np.asarray(data["rank"], np.int64),
            int(data["searches"]),
            int(data["entries"]),
        )


@dataclass(frozen=True)
class Rates:
    """What a distance means in one gallery.

    Attributes
    ----------
    calibration
        The pack's.
    measured
        What was measured on the gallery itself, or None. It is used where it speaks to lower
        rates than the calibration does, which in all but small galleries it does, and where it
        has seen more false positives than the calibration promises.
    """

    calibration: Calibration
    measured: NearestStrangers | None = None

    def fmr_at(self, distance: float) -> FalseMatchRate:
        """The false match rate of one comparison; see `Calibration.fmr_at`."""
        return self.calibration.fmr_at(distance)

    def fpir_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """FPIR of a threshold at this distance in a search among so many entries."""
        fmr = self.calibration.fmr_at(distance)
        if self.measured is None:
            return FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)
        own = self.measured.rate_at(distance, entries)
        if self.measured.floor(entries) <= _promised(self.calibration.resolution, entries):
            return own
        # It cannot speak to rates as low as the calibration, but it can speak against it: here
        # more false positives were seen than it promises.
        seen = 0.0 if own.at_most else self.measured.share_at(distance)
        alone = fmr_for_fpir(min(seen, 1 - 1e-9), self.measured.entries) if seen else 0.0
        if alone > fmr.value:
            return FalsePositiveRate(min(own.value, _promised(alone, entries)), False, True)
        return FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)

    def threshold_at(self, max_fpir: float, entries: int) -> float:
        """The largest distance with this FPIR, or with the lowest that can be promised."""
        wanted = max(max_fpir, self.fpir_at(0.0, entries).value) * (1 + 1e-9)
        low, high = 0.0, 2.0
        for _ in range(40):  # rates never fall with the distance
            middle = (low + high) / 2
            inside = self.fpir_at(middle, entries).value <= wanted
            low, high = (middle, high) if inside else (low, middle)
        return low
