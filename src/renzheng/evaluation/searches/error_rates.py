"""Error rates of searches, in the terms of ISO/IEC 19795-1 and of NIST's FRTE 1:N.

With n people enrolled, T a distance and R a rank, FPIR(n, T) is the share of non-mated searches
that return one candidate or more at T or nearer. FNIR(n, R, T) is the share of mated searches whose
mate is not at T or nearer, or not among the R nearest; TPIR is 1 - FNIR. Without a threshold TPIR
is the identification rate of a closed set; over R it makes the cumulative match characteristic
(CMC).

A failure to acquire or to enrol is a miss in FNIR. In FPIR a search that failed to acquire does not
count: counting it as correct would reward a system that sees nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.ranking import SearchScores


class WeightedSearches:
    """Searches in which people count more or less often: one replicate, or the measurement itself.

    The people who are searched for are weighted, and the database stays as it is: an interval says
    what other searches would show against these people, not against others.

    Parameters
    ----------
    scores
        The searches.
    weight
        float64 (people,): how often each person counts; None for once each.
    rank
        R of FNIR: the mate must be among that many nearest; None for no such condition.
    per_person
        Whether each person's searches count together as one, so that whoever has the most pictures
        does not decide the rate.
    """

    def __init__(
        self,
        scores: SearchScores,
        weight: Array | None = None,
        *,
        rank: int | None = None,
        per_person: bool = False,
    ):
        size = int(max(scores.mated_person.max(), scores.nonmated_person.max())) + 1
        weight = np.ones(size) if weight is None else weight
        acquired = ~np.isnan(scores.nearest)
        mated = _weights(scores.mated_person, weight, per_person)
        nonmated = _weights(scores.nonmated_person[acquired], weight, per_person)
        mate = scores.mate if rank is None else np.where(scores.rank <= rank, scores.mate, np.inf)
        order = np.argsort(mate, kind="stable")
        self._mate = mate[order]
        self._found = np.concatenate([[0.0], np.cumsum(mated[order])])
        nearest = scores.nearest[acquired]
        order = np.argsort(nearest, kind="stable")
        self._nearest = nearest[order]
        self._false = np.concatenate([[0.0], np.cumsum(nonmated[order])])
        self._rank, self._mated = scores.rank, mated

    def fpir_at(self, threshold: npt.ArrayLike) -> Array:
        """Return the share of non-mated searches with a candidate at these distances or nearer."""
        return self._share(self._false, self._nearest, threshold)

    def tpir_at(self, threshold: npt.ArrayLike) -> Array:
        """Return the share of mated searches with the mate at these distances or nearer: 1 - FNIR.

        At ``inf`` a search without a mate's distance is a miss all the same.
        """
        threshold = np.minimum(np.asarray(threshold, np.float64), np.finfo(np.float64).max)
        return self._share(self._found, self._mate, threshold)

    def tpir_at_fpir(self, max_fpir: float) -> tuple[float, float]:
        """Return the highest TPIR that keeps FPIR at or below `max_fpir`, and its threshold.

        The threshold is the largest that occurs among all the distances; -inf if none keeps it.
        """
        allowed = max_fpir * self._false[-1] * (1 + 1e-12)
        accepted = int(np.searchsorted(self._false, allowed, side="right")) - 1
        cut = self._nearest[accepted] if accepted < len(self._nearest) else np.inf
        below = [
            side[place - 1]
            for side in (self._mate, self._nearest)
            if (place := int(np.searchsorted(side, cut, side="left")))
        ]
        threshold = float(max(below, default=-np.inf))
        return float(self.tpir_at(threshold)), threshold

    def identification_rate(self, ranks: npt.ArrayLike) -> Array:
        """Return the CMC: the share of mated searches with the mate at these ranks or nearer."""
        known = np.isfinite(self._rank)
        order = np.argsort(self._rank[known], kind="stable")
        found = np.concatenate([[0.0], np.cumsum(self._mated[known][order])])
        place = np.searchsorted(self._rank[known][order], ranks, side="right")
        return _divide(found[place], float(self._mated.sum()))

    def _share(self, summed: Array, distance: Array, threshold: npt.ArrayLike) -> Array:
        return _divide(
            summed[np.searchsorted(distance, threshold, side="right")], float(summed[-1])
        )


def _weights(person: Indices, weight: Array, per_person: bool) -> Array:
    found = weight[person]
    return found / np.bincount(person)[person] if per_person else found


def _divide(part: npt.ArrayLike, whole: float) -> Array:
    part = np.asarray(part, np.float64)
    # Sums that ran in different orders may differ in the last digit.
    return np.minimum(part / whole, 1.0) if whole > 0 else np.full(part.shape, np.nan)
