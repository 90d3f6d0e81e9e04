"""False positive identification rates: a false match rate grows with the gallery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import FalseMatchRate, Information, InformationGrade
from renzheng.verification.calibration import Calibration, fmr_for_fpir, promised_fpir
from renzheng.verification.information import Thresholds, of_pair
from renzheng.verification.rate_curves import NO_DISTANCE

# Doddington's rule: 30 errors must have been seen for a rate to be known to +-30 % at 90 %
# confidence (ISO/IEC 19795-1, annex B).
_RULE_OF = 30
_POINTS = 20_000  # distances that are kept


@dataclass(frozen=True)
class FalsePositiveRate:
    """The share of non-mated searches that return an entry at some distance or nearer (FPIR).

    Attributes
    ----------
    value
        0 to 1.
    at_most
        Whether the data ends here: the true rate is `value` or lower.
    measured
        Whether it was measured on the gallery's own entries; otherwise it follows from the pack's
        false match rate and the number of entries.
    """

    value: float
    at_most: bool
    measured: bool

    def to_dict(self) -> dict[str, float | bool]:
        """Return plain values for JSON."""
        return {"value": self.value, "at_most": self.at_most, "measured": self.measured}

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.value:.2g}"


def _promised(rate: float, times: float) -> float:
    return float(promised_fpir(rate, times))


@dataclass(frozen=True)
class NearestImpostors:
    """Distances of the nearest impostor, in searches among a gallery's own entries.

    Attributes
    ----------
    distance
        float64 (k,), distances in ascending order.
    rank
        int (k,), a lower bound on the searches that found somebody else at that distance or nearer.
    searches
        The number of searches, each for another person.
    entries
        The number of other people's entries searched among, at least.
    """

    distance: npt.NDArray[np.float64]
    rank: npt.NDArray[np.int64]
    searches: int
    entries: int

    @classmethod
    def of(cls, nearest: npt.NDArray[np.float64], entries: int) -> NearestImpostors:
        """Summarise the distances of the nearest impostors.

        Parameters
        ----------
        nearest
            float64 (n,), the distance of each search's nearest impostor.
        entries
            The number of entries searched among, at least.
        """
        if not len(nearest) or entries < 1:
            raise InvalidInput("a gallery of one person has no impostors to measure on")
        distance = np.sort(nearest)
        rank = np.arange(1, len(distance) + 1)
        if len(distance) > _POINTS:
            # All of the nearest, where decisions fall; fewer and fewer of the others.
            rank = np.unique(np.geomspace(1, len(distance), _POINTS).round().astype(np.int64))
        return cls(distance[rank - 1], rank, len(distance), entries)

    @property
    def resolution(self) -> float:
        """The lowest rate that the searches can support."""
        return min(_RULE_OF / self.searches, 1.0)

    def floor(self, entries: int) -> float:
        """Return the lowest rate they can support for a search among so many entries."""
        return _promised(self.resolution, self._share(entries))

    def share_at(self, distance: float) -> float:
        """Return an upper bound on the share of searches with an impostor this near, 0 to 1."""
        known = int(np.searchsorted(self.distance, distance, side="right"))
        # Distances between this one and the next that was kept are unknown, and all count.
        highest = int(self.rank[known]) - 1 if known < len(self.rank) else self.searches
        return highest / self.searches

    def rate_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """Return the FPIR of a threshold at this distance in a search among so many entries."""
        share = self.share_at(distance)
        rate = _promised(max(share, self.resolution), self._share(entries))
        return FalsePositiveRate(rate, share <= self.resolution, measured=True)

    def _share(self, entries: int) -> float:
        # Among fewer entries the rate is no higher, but how much lower is unknown: false positives
        # crowd on some searches, so halving the entries does not halve it.
        return max(entries / self.entries, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, from which `from_dict` makes the same object."""
        return {
            "distance": self.distance.tolist(),
            "rank": self.rank.tolist(),
            "searches": self.searches,
            "entries": self.entries,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NearestImpostors:
        """Return the object that `to_dict` wrote."""
        return cls(
            np.asarray(data["distance"], np.float64),
            np.asarray(data["rank"], np.int64),
            int(data["searches"]),
            int(data["entries"]),
        )


@dataclass(frozen=True)
class Rates:
    """The error rates of a distance in one gallery.

    Attributes
    ----------
    calibration
        The pack's calibration.
    measured
        The measurement on the gallery itself, or None. It is used where it supports lower rates
        than the calibration does, as it does in all but small galleries, and where it found more
        false positives than the calibration promises.
    """

    calibration: Calibration
    measured: NearestImpostors | None = None

    def information_of(self, entry: float | None, probe: float | None) -> Information:
        """Return how much of a face the comparison of an entry and a probe rests on."""
        grade = self.calibration.grade_of(of_pair(entry, probe))
        return Information(grade, entry, probe, wanted=self.calibration.min_strength)

    @overload
    def fmr_at(self, distance: float) -> FalseMatchRate: ...

    @overload
    def fmr_at(self, distance: float, strength: float | None) -> FalseMatchRate | None: ...

    def fmr_at(self, distance: float, strength: float | None = None) -> FalseMatchRate | None:
        """Return the false match rate of one comparison; see `Calibration.fmr_at`."""
        return self.calibration.fmr_at(distance, strength)

    @overload
    def fpir_at(self, distance: float, entries: int) -> FalsePositiveRate: ...

    @overload
    def fpir_at(
        self, distance: float, entries: int, strength: float | None
    ) -> FalsePositiveRate | None: ...

    def fpir_at(
        self, distance: float, entries: int, strength: float | None = None
    ) -> FalsePositiveRate | None:
        """Return the FPIR of a threshold at this distance in a search among so many entries.

        That of a weak comparison is what it would be if the probe's comparisons with all entries
        were as weak, which is no less than it is; and no less than that of a strong one here.

        Parameters
        ----------
        distance
            Euclidean, 0 to 2.
        entries
            The number of entries searched among.
        strength
            The strength of the comparison, as in `Calibration.fmr_at`.

        Returns
        -------
        FalsePositiveRate
            None where no rate holds for so weak a comparison.
        """
        fmr = self.fmr_at(distance, strength)
        if fmr is None:
            return None
        ordinary = self._ordinary_fpir_at(distance, entries)
        if self.calibration.grade_of(strength) is not InformationGrade.LIMITED:
            return ordinary
        promised = FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)
        return max(promised, ordinary, key=lambda rate: (rate.value, not rate.at_most))

    def _ordinary_fpir_at(self, distance: float, entries: int) -> FalsePositiveRate:
        """Return the FPIR of comparisons of which a side at least shows enough of a face."""
        fmr = self.fmr_at(distance)
        if self.measured is None:
            return FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)
        own = self.measured.rate_at(distance, entries)
        if self.measured.floor(entries) <= _promised(self.calibration.resolution, entries):
            return own
        # It cannot support rates as low as the calibration, but it can contradict it: here it found
        # more false positives than the calibration promises.
        seen = 0.0 if own.at_most else self.measured.share_at(distance)
        alone = fmr_for_fpir(min(seen, 1 - 1e-9), self.measured.entries) if seen else 0.0
        if alone > fmr.value:
            return FalsePositiveRate(min(own.value, _promised(alone, entries)), False, True)
        return FalsePositiveRate(_promised(fmr.value, entries), fmr.at_most, measured=False)

    def threshold_at(self, max_fpir: float, entries: int, strength: float | None = None) -> float:
        """Return the largest distance with this FPIR, or with the lowest that can be promised.

        The lowest is that of strong comparisons. -1 where no distance has so low a rate
        at this strength; the parameters are as in `fpir_at`.
        """
        wanted = max(max_fpir, self.fpir_at(0.0, entries).value) * (1 + 1e-9)

        def inside(distance: float) -> bool:
            rate = self.fpir_at(distance, entries, strength)
            return rate is not None and rate.value <= wanted

        if not inside(0.0):
            return NO_DISTANCE
        low, high = 0.0, 2.0
        for _ in range(40):  # rates never fall with the distance
            middle = (low + high) / 2
            low, high = (middle, high) if inside(middle) else (low, middle)
        return low

    def thresholds(self, max_fpir: float, entries: int) -> Thresholds:
        """Return `threshold_at` for comparisons of every strength."""
        return Thresholds.of_levels(
            lambda strength: self.threshold_at(max_fpir, entries, strength),
            self.calibration.min_strength,
            self.calibration.weaker,
        )
