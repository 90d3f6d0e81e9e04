"""The outcome of a protocol that was carried out, with all that a report needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.types import Picture, Problem
from renzheng.evaluation.comparisons.measurement import Measurement
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.statistics.bootstrap import Estimate


@dataclass(frozen=True)
class Group:
    """What a protocol showed for some of its comparisons.

    Attributes
    ----------
    column, value
        Which.
    genuine, impostor
        How many comparisons with a distance.
    lost
        The share of comparisons without one.
    fmr, fnmr
        At the threshold that is used for everyone.
    equal_error_rate
        At the group's own threshold.
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
        """Plain values for JSON."""
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


@dataclass(frozen=True, eq=False)
class Study:
    """A protocol's outcome.

    Attributes
    ----------
    name
        Of the protocol.
    measurement
        The numbers.
    scores
        The distances.
    pictures
        What the indices of `scores` mean.
    acquired
        How many pictures gave an embedding, of `attempted`.
    group_threshold
        The distance at which groups are compared; None without groups.
    groups
        By column and value.
    problems
        What could not be used, and why: rows left out and failures to acquire.
    rejected
        How many rows or pictures were left out, and count nowhere.
    provenance
        Pack, versions, data digest, settings, time.
    """

    name: str
    measurement: Measurement
    scores: Scores
    pictures: Sequence[Picture]
    attempted: int
    acquired: int
    group_threshold: float | None
    groups: tuple[Group, ...]
    problems: tuple[Problem, ...]
    rejected: int
    provenance: Mapping[str, Any]

    @property
    def failure_to_acquire(self) -> float:
        """The share of pictures that gave no embedding."""
        return 1 - self.acquired / self.attempted

    def differentials(self) -> dict[str, dict[str, float | None]]:
        """By column, how far its groups lie apart: the highest rate over the lowest."""
        found: dict[str, dict[str, float | None]] = {}
        for column in dict.fromkeys(group.column for group in self.groups):
            chosen = [group for group in self.groups if group.column == column]
            found[column] = {
                name: _ratio([getattr(group, name).value for group in chosen])
                for name in ("fmr", "fnmr", "equal_error_rate")
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "protocol": self.name,
            **self.measurement.to_dict(),
            "pictures": {
                "attempted": self.attempted,
                "acquired": self.acquired,
                "failure_to_acquire": self.failure_to_acquire,
            },
            "groups": {
                "threshold": self.group_threshold,
                "rows": [group.to_dict() for group in self.groups],
                "highest_over_lowest": self.differentials(),
            },
            "rejected": self.rejected,
            "problems": [{"where": p.where, "reason": p.reason} for p in self.problems],
            "provenance": dict(self.provenance),
        }


def _ratio(values: Sequence[float]) -> float | None:
    known = [v for v in values if np.isfinite(v)]
    if len(known) < 2 or min(known) <= 0:
        return None
    return max(known) / min(known)
