"""Error rates of comparisons whose people count more or less often, as in a bootstrap replicate."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from renzheng.evaluation.comparisons.scores import Array, Scores


class WeightedScores:
    """Scores in which people count more or less often: one replicate, or the measurement itself.

    Parameters
    ----------
    scores
        The comparisons.
    weight
        float64 (people,): how often each person counts; None for once each.
    per_person
        Whether each person's genuine comparisons count together as one, so that whoever has the
        most pictures does not decide the rate.
    """

    def __init__(self, scores: Scores, weight: Array | None = None, *, per_person: bool = False):
        self._scores = scores
        self._drawn = weight is not None
        count = int(scores.person.max()) + 1
        weight = np.ones(count) if weight is None else weight
        owner = scores.person[scores.genuine_pairs[:, 0]]
        genuine = weight[owner]
        if per_person:
            genuine = genuine / np.bincount(owner, minlength=count)[owner]
        self._rejected_from = np.append(np.cumsum(genuine[::-1])[::-1], 0.0)
        first, second = (scores.person[scores.impostor_pairs[:, k]] for k in (0, 1))
        self._accepted = np.concatenate([[0.0], np.cumsum(weight[first] * weight[second])])
        self._impostors = self._total(weight)

    @property
    def complete(self) -> bool:
        """Whether there are both kinds of comparisons; else the missing kind's rates are NaN."""
        return bool(self._rejected_from[0] > 0 and self._impostors > 0)

    def fnmr_at(self, threshold: npt.ArrayLike) -> Array:
        """Return the share of genuine comparisons farther than these distances."""
        first = np.searchsorted(self._scores.genuine, threshold, side="right")
        return self._share(self._rejected_from[first], self._rejected_from[0])

    def fmr_at(self, threshold: npt.ArrayLike) -> Array:
        """Return the share of impostor comparisons at these distances or nearer.

        Beyond `Scores.complete_to` people count once each: that many comparisons hardly vary.
        """
        threshold = np.asarray(threshold, np.float64)
        near = np.searchsorted(self._scores.impostor, threshold, side="right")
        rate = self._share(self._accepted[near], self._impostors)
        if self._scores.histogram is not None:
            plain = self._scores.impostors_within(threshold) / self._scores.impostors
            rate = np.where(threshold <= self._scores.complete_to, rate, plain)
        return np.asarray(np.minimum(rate, 1.0))

    def drawn_fmr_at(self, threshold: npt.ArrayLike) -> Array:
        """Return `fmr_at`, in a replicate NaN beyond `Scores.complete_to`.

        Farther impostors were only counted, not drawn: no interval rather than one of no width.
        """
        rate = self.fmr_at(threshold)
        if not self._drawn:
            return rate
        return np.where(np.asarray(threshold) <= self._scores.complete_to, rate, np.nan)

    def fnmr_at_fmr(self, max_fmr: float) -> tuple[float, float]:
        """Return the lowest FNMR that keeps FMR at or below `max_fmr`, and its threshold.

        The threshold is the largest that occurs among all the distances.
        """
        allowed = max_fmr * self._impostors * (1 + 1e-12)
        accepted = int(np.searchsorted(self._accepted, allowed, side="right")) - 1
        impostor = self._scores.impostor
        if accepted < len(impostor):
            # All that is nearer than the first impostor too many.
            first = int(np.searchsorted(self._scores.genuine, impostor[accepted], side="left"))
            tied = int(np.searchsorted(impostor, impostor[accepted], side="left"))
            below = [self._scores.genuine[first - 1]] if first else []
            below += [impostor[tied - 1]] if tied else []
            threshold = float(max(below, default=-np.inf))
            return float(self._share(self._rejected_from[first], self._rejected_from[0])), threshold
        genuine = self._scores.genuine
        fine = self._fmr_of_genuine <= max_fmr * (1 + 1e-12)
        last = int(np.flatnonzero(fine)[-1]) if fine.any() else len(genuine)
        threshold = max([*genuine[last : last + 1], *impostor[-1:]], default=-np.inf)
        return float(self.fnmr_at(threshold)), float(threshold)

    def equal_error_rate(self) -> float:
        """Return the rate at which FMR and FNMR meet, interpolated between genuine distances."""
        if not self.complete:
            return float("nan")
        fmr = np.concatenate([[0.0], self._fmr_of_genuine])
        fnmr = np.concatenate([[1.0], self.fnmr_at(self._scores.genuine)])
        difference = fmr - fnmr
        after = int(np.argmax(difference >= 0))
        part = -difference[after - 1] / (difference[after] - difference[after - 1])
        return float(fmr[after - 1] + part * (fmr[after] - fmr[after - 1]))

    def area_under_roc(self) -> float:
        """Return the probability that a genuine comparison is nearer than an impostor one.

        Ties count half.
        """
        if not self.complete:
            return float("nan")
        genuine = self._scores.genuine
        weight = -np.diff(self._rejected_from)
        nearer = self.fmr_at(np.nextafter(genuine, -np.inf))
        return float(1 - weight @ ((nearer + self._fmr_of_genuine) / 2) / weight.sum())

    @staticmethod
    def _share(part: npt.ArrayLike, whole: float) -> Array:
        part = np.asarray(part, np.float64)
        return part / whole if whole > 0 else np.full(part.shape, np.nan)

    @cached_property
    def _fmr_of_genuine(self) -> Array:
        return self.fmr_at(self._scores.genuine)

    def _total(self, weight: Array) -> float:
        """Return the weight of all impostor comparisons."""
        scores = self._scores
        if scores.appearances is None:
            return float(self._accepted[-1])
        # All pairs less those within a person; a symmetric set holds each pair once.
        of_person = [
            np.bincount(scores.person, weights=side, minlength=len(weight)) * weight
            for side in scores.appearances
        ]
        everyone = float(of_person[0].sum() * of_person[1].sum())
        within = float(of_person[0] @ of_person[1])
        return (everyone - within) / (2 if scores.symmetric else 1)
