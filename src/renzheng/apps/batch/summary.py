"""The results of a run in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from renzheng.apps.batch.steps import Answer
from renzheng.types import Decision, InformationGrade


@dataclass(frozen=True)
class Summary:
    """Counts over all rows.

    Attributes
    ----------
    rows
        The number of rows of the table.
    pictures
        The number of different pictures, each in its role.
    decisions
        The number of rows by decision.
    failures
        The number of rows without a comparison, by reason as ``side.code``; a row may have several.
    warnings
        The number of rows by finding, as ``side.code``, whatever its severity.
    changed
        The number of pictures whose files have changed since they were read.
    information
        The number of compared rows by how much of a face they rest on (`InformationGrade`).
    """

    rows: int
    pictures: int
    decisions: dict[str, int]
    failures: dict[str, int]
    warnings: dict[str, int]
    changed: int
    information: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rows": self.rows,
            "pictures": self.pictures,
            "decisions": self.decisions,
            "information": self.information,
            "failures": self.failures,
            "warnings": self.warnings,
            "changed": self.changed,
        }


def summarise(answers: Iterable[Answer], pictures: int, changed: int) -> Summary:
    """Count answers by decision, failure, finding and information."""
    rows = 0
    decisions: Counter[str] = Counter({str(decision): 0 for decision in Decision})
    failures: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    information: Counter[str] = Counter({str(grade): 0 for grade in InformationGrade})
    for answer in answers:
        rows += 1
        decisions[str(answer.cells["decision"])] += 1
        if answer.cells["information"] is not None:
            information[str(answer.cells["information"])] += 1
        failures.update(set(answer.failures))
        warnings.update({*str(answer.cells["warnings"] or "").split(";")} - {""})
    return Summary(
        rows=rows,
        pictures=pictures,
        decisions=dict(decisions),
        failures=_sorted(failures),
        warnings=_sorted(warnings),
        changed=changed,
        information=dict(information),
    )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    """Return counts with the most frequent first, then by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
