"""Error rates of groups: the comparisons that share a value of a column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices, Names
from renzheng.evaluation.comparisons.measurement import count_genuine_people, count_people_pairs
from renzheng.evaluation.comparisons.scores import Array, Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.statistics.bootstrap import Estimate, bootstrap

MAX_GROUPS = 50  # values of a column; a column with more holds names, not groups
_MAX_DRAWS = 200


@dataclass(frozen=True)
class Group:
    """The error rates of some of a protocol's comparisons.

    Attributes
    ----------
    column, value
        The column, and its value, that the group is made by.
    genuine, impostor
        Numbers of comparisons with a distance.
    lost
        The share of comparisons without one.
    fmr, fnmr
        The rates at the threshold that is used for everyone.
    equal_error_rate
        The rate at the group's own threshold.
    """

    column: str
    value: str
    genuine: int
    impostor: int
    lost: float
    fmr: Estimate
    fnmr: Estimate
    equal_error_rate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "column": self.column,
            "value": self.value,
            "genuine": self.genuine,
            "impostor": self.impostor,
            "lost": self.lost,
            "fmr": self.fmr.to_dict(),
            "fnmr": self.fnmr.to_dict(),
            "equal_error_rate": self.equal_error_rate.to_dict(),
        }


def measure_groups(
    columns: Mapping[str, Names],
    scores_of: Callable[[Indices], Scores | None],
    threshold: float,
    draws: int,
) -> tuple[Group, ...]:
    """Measure every group of every column.

    Parameters
    ----------
    columns
        By column, str (n,): the value of each row.
    scores_of
        The function that compares the given rows with one another; None if that is impossible.
    threshold
        The distance at which FMR and FNMR are measured.
    draws
        Bootstrap replicates, 200 at most.
    """
    return tuple(
        _measured(column, value, scores, threshold, draws)
        for column, value, chosen in _values(columns)
        if (scores := scores_of(chosen)) is not None
    )


def _measured(column: str, value: str, scores: Scores, threshold: float, draws: int) -> Group:
    def statistics(weight: Array | None) -> dict[str, npt.ArrayLike]:
        weighted = WeightedScores(scores, weight)
        return {
            "fmr": weighted.fmr_at(threshold),
            "fnmr": weighted.fnmr_at(threshold),
            "equal error rate": weighted.equal_error_rate(),
        }

    found = bootstrap(scores.person, statistics, min(draws, _MAX_DRAWS))
    lost = scores.genuine_lost + scores.impostor_lost
    return Group(
        column=column,
        value=value,
        genuine=len(scores.genuine),
        impostor=scores.impostors,
        lost=lost / max(lost + len(scores.genuine) + scores.impostors, 1),
        fmr=found.estimate("fmr", count_people_pairs(scores)),
        fnmr=found.estimate("fnmr", count_genuine_people(scores)),
        equal_error_rate=found.estimate("equal error rate"),
    )


def _values(columns: Mapping[str, Names]) -> Iterator[tuple[str, str, Indices]]:
    """Yield every value of every column that can be a grouping, with its rows."""
    for column, entries in columns.items():
        values = [v for v in np.unique(entries) if v]
        if 1 < len(values) <= MAX_GROUPS:
            for value in values:
                yield column, str(value), np.flatnonzero(entries == value)
