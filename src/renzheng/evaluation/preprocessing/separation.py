"""The separation of people by one preprocessing, and whether another separates them better."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.statistics.bootstrap import Estimate, draw_weights, interval
from renzheng.types import Floats

Array = npt.NDArray[np.float64]

REPLICATES = 200


@dataclass(frozen=True, eq=False)
class Separation:
    """Two measures of how well embeddings tell people apart, with replicates over people.

    The replicates of two separations of the same people are drawn alike, so that their differences
    are paired: whatever makes a person hard to recognise counts in both.

    Attributes
    ----------
    eer, eer_drawn
        The equal error rate, everyone against everyone: measured, and float64 (replicates,).
    margin, margin_drawn
        The mean similarity of genuine comparisons above that of impostors, in standard deviations
        of the impostors'; each person counts once. It moves where no comparison crosses a
        threshold: on 150 people of LFW, SFace fed with BGR has the same equal error rate as with
        RGB (0.57 and 0.62 %), and a margin that is lower by 5.5 %, or 9 standard deviations.
    people
        The number of people with a genuine comparison.
    """

    eer: float
    eer_drawn: Array
    margin: float
    margin_drawn: Array
    people: int

    @classmethod
    def of(cls, rows: Floats, person: Indices, seed: int = 0) -> Separation:
        """Measure embeddings.

        Parameters
        ----------
        rows
            float32 (n, d), unit length.
        person
            int (n,): the person on each, from 0 without gaps.
        seed
            Seed of the replicates.
        """
        scores = compare_all(rows, person)
        sums = _Sums.of(scores)
        eer, margin = [], []
        for weight in draw_weights(np.unique(person), REPLICATES, seed=seed):
            eer.append(WeightedScores(scores, weight).equal_error_rate())
            margin.append(sums.margin(weight))
        once = np.ones(len(sums.genuine))
        return cls(
            WeightedScores(scores).equal_error_rate(),
            np.array(eer),
            sums.margin(once),
            np.array(margin),
            int(np.isfinite(sums.genuine).sum()),
        )

    @classmethod
    def none(cls) -> Separation:
        """Return the separation by embeddings that are the same for everybody, or not there."""
        return cls(0.5, np.full(REPLICATES, 0.5), 0.0, np.zeros(REPLICATES), 0)

    @cached_property
    def eer_estimate(self) -> Estimate:
        """The equal error rate with the middle 95 % of the replicates."""
        return interval(self.eer, self.eer_drawn, self.people)

    @cached_property
    def margin_estimate(self) -> Estimate:
        """The margin with the middle 95 % of the replicates."""
        return interval(self.margin, self.margin_drawn)


@dataclass(frozen=True)
class Gain:
    """The difference that another preprocessing makes.

    Attributes
    ----------
    margin
        The change of the margin as a share of the first one's, positive for the better.
    deviations
        The same in standard deviations of its paired replicates.
    eer_deviations
        The fall of the equal error rate in standard deviations of its replicates.
    """

    margin: float
    deviations: float
    eer_deviations: float

    @property
    def clear(self) -> bool:
        """Whether the other is better beyond doubt, and by enough to matter."""
        return (
            self.margin >= _MIN_GAIN
            and self.deviations >= _DEVIATIONS
            and self.eer_deviations > -_DEVIATIONS
        )


# Three standard deviations are one in 740 by chance, and some ten alternatives are tried.
_DEVIATIONS = 3.0
# SFace on LFW (benchmarks/preprocessing_trial.txt): the average with the mirror image, which is no
# fault to warn of, brings 0.9 %; the wrong channel order, the least of the faults, costs 5.5 %.
_MIN_GAIN = 0.02


def gain(one: Separation, other: Separation) -> Gain:
    """Compare two separations of the same people: positive numbers say that the other is better."""
    changes = (
        (other.margin - one.margin, other.margin_drawn - one.margin_drawn),
        (one.eer - other.eer, one.eer_drawn - other.eer_drawn),
    )
    margin, eer = (float(value / max(float(np.nanstd(each)), 1e-9)) for value, each in changes)
    return Gain(float(changes[0][0] / max(one.margin, 1e-9)), margin, eer)


@dataclass(frozen=True, eq=False)
class _Sums:
    """The similarities, added up by person and by pair of people.

    Attributes
    ----------
    genuine
        float64 (people,): the mean similarity of each person's comparisons; NaN without one.
    impostor
        float64 (3, people, people): counts, sums, and sums of squares.
    """

    genuine: Array
    impostor: Array

    @classmethod
    def of(cls, scores: Scores) -> _Sums:
        count = int(scores.person.max()) + 1
        own = scores.person[scores.genuine_pairs[:, 0]]
        first, second = (scores.person[scores.impostor_pairs[:, k]].astype(np.intp) for k in (0, 1))
        similar, apart = (1 - np.square(each) / 2 for each in (scores.genuine, scores.impostor))
        pictures = np.bincount(own, minlength=count)
        genuine = np.full(count, np.nan)
        np.divide(np.bincount(own, similar, count), pictures, out=genuine, where=pictures > 0)
        flat = [np.bincount(first * count + second, apart**k, count * count) for k in range(3)]
        return cls(genuine, np.reshape(flat, (3, count, count)))

    def margin(self, weight: Array) -> float:
        """Return the margin of people who count this often."""
        known = np.isfinite(self.genuine)
        total, (count, sums, squares) = weight[known].sum(), (self.impostor @ weight) @ weight
        if total <= 0 or count <= 0:
            return float("nan")
        mean = sums / count
        spread = float(np.sqrt(max(squares / count - mean**2, 0.0)))
        genuine = float(weight[known] @ self.genuine[known] / total)
        return (genuine - mean) / spread if spread > 1e-9 else 0.0
