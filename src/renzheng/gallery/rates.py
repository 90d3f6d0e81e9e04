"""False positive identification rates: a false match rate grows with the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.comparison import Calibration, promised_fpir
from renzheng.errors import InvalidInput
from renzheng.types import FalseMatchRate

# Doddington's rule: 30 errors must have been seen for a rate to be known to +-30 % at 90 %
# confidence (ISO/IEC 19795-1, annex B).
_RULE_OF = 30
_POINTS = 512


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
        float64 (k,): increasing distances.
    rate
        float64 (k,): the share of searches that found somebody else at that distance or nearer.
    searches
        How many were made.
    entries
        Among how many entries of other people.
    """

    distance: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
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
            Among how many.
        """
        if not len(nearest) or entries < 1:
            raise InvalidInput("a gallery of one person has no strangers to measure on")
        apart = np.sort(nearest)
        # Every one of the nearest, where decisions fall, and fewer and fewer of the others.
        ranks = np.unique(np.geomspace(1, len(apart), _POINTS).round().astype(int))
        distance = np.unique(apart[ranks - 1])
        rate = np.searchsorted(apart, distance, side="right") / len(apart)
        return cls(distance, rate, len(apart), entries)

    @property
    def resolution(self) -> float:
        """The lowest rate that the searches can speak of."""
        return min(_RULE_OF / self.searches, 1.0)

    def floor(self, entries: int) -> float:
        """The lowest rate that they can speak of in a search among so many entries."""
        return _promised(self.resolution, self._share(entries))

    def rate_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """FPIR of a threshold at this distance in a search among so many entries."""
        # Between two points the rate of the farther one: no lower than the true one.
        known = int(np.searchsorted(self.distance, distance, side="left"))
        rate = float(self.rate[known]) if known < len(self.rate) else 1.0
        known_rate = max(rate, self.resolution)
        return FalsePositiveRate(
            _promised(known_rate, self._share(entries)), rate <= self.resolution, measured=True
        )

    def _share(self, entries: int) -> float:
        # Among fewer entries the rate is no higher. How much lower cannot be told: false positives
        # crowd on some searches, so halving the entries does not halve it.
        return max(entries / self.entries, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, from which `from_dict` makes the same."""
        return {
            "distance": self.distance.tolist(),
            "rate": self.rate.tolist(),
            "searches": self.searches,
            "entries": self.entries,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NearestStrangers:
        """The reverse of `to_dict`."""
        return cls(
            np.asarray(data["distance"], np.float64),
            np.asarray(data["rate"], np.float64),
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
        What was measured on the gallery itself, or None. It is used where it speaks to a lower
        rate than the calibration does, which in all but small galleries it does.
    """

    calibration: Calibration
    measured: NearestStrangers | None = None

    def fmr_at(self, distance: float) -> FalseMatchRate:
        """The false match rate of one comparison; see `Calibration.fmr_at`."""
        return self.calibration.fmr_at(distance)

    def fpir_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """FPIR of a threshold at this distance in a search among so many entries."""
        fmr = self.calibration.fmr_at(distance)
        computed = FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)
        if self.measured is None:
            return computed
        lowest = _promised(self.calibration.resolution, entries)
        own = self.measured.rate_at(distance, entries)
        return own if self.measured.floor(entries) <= lowest else computed

    def threshold_at(self, max_fpir: float, entries: int) -> float:
        """The largest distance with this FPIR, or with the lowest that can be promised."""
        wanted = max(max_fpir, self.fpir_at(0.0, entries).value) * (1 + 1e-9)
        low, high = 0.0, 2.0
        for _ in range(40):  # rates never fall with the distance
            middle = (low + high) / 2
            inside = self.fpir_at(middle, entries).value <= wanted
            low, high = (middle, high) if inside else (low, middle)
        return low
