"""The outcome of a protocol, with everything that a report needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.types import Picture, Problem
from renzheng.evaluation.comparisons.groups import Group
from renzheng.evaluation.comparisons.measurement import Measurement
from renzheng.evaluation.comparisons.scores import Scores


@dataclass(frozen=True, eq=False)
class Study:
    """The outcome of a protocol.

    Attributes
    ----------
    name
        The name of the protocol.
    measurement
        The numbers.
    scores
        The distances.
    pictures
        The pictures that the indices of `scores` stand for.
    attempted, acquired
        The number of pictures, and of those that gave an embedding.
    group_threshold
        The distance at which groups are compared; None without groups.
    groups
        The error rates of each value of each column.
    problems
        The data that could not be used, with reasons: rows left out and failures to acquire.
    rejected
        The number of rows or pictures that were left out, and count nowhere.
    provenance
        Pack, versions, data digest, settings and time.
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
        """Return, by column, the highest rate of its groups over the lowest."""
        found: dict[str, dict[str, float | None]] = {}
        for column in dict.fromkeys(group.column for group in self.groups):
            chosen = [group for group in self.groups if group.column == column]
            found[column] = {
                name: _ratio([getattr(group, name).value for group in chosen])
                for name in ("fmr", "fnmr", "equal_error_rate")
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
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
