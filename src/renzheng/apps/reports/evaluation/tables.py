"""Tables of a study, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from renzheng.datasets.types import Problem
from renzheng.evaluation.statistics.bootstrap import Estimate

_SHORT = 40  # characters of a cell


@dataclass(frozen=True)
class Table:
    """Cells of text in rows.

    Attributes
    ----------
    title, columns, rows
        Texts as shown; the columns are empty for a table without a head.
    note
        Text below the table: definitions and cautions.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def short(self) -> bool:
        """Whether every cell fits on one line, as figures do and sentences do not."""
        return all(len(cell) <= _SHORT for row in self.rows for cell in row)


def percent(value: float) -> str:
    """Write a share with as many digits as it deserves."""
    if not np.isfinite(value):
        return "-"
    if value == 0 or 100 * value >= 1:
        return f"{100 * value:.2f} %"
    return f"{100 * value:.2g} %" if 100 * value < 0.1 else f"{100 * value:.3f} %"


def with_interval(estimate: Estimate) -> str:
    """Write a share and its 95 % interval."""
    if not np.isfinite(estimate.value):
        return "-"
    if not np.isfinite(estimate.low):
        return percent(estimate.value)
    low, high = (percent(v).removesuffix(" %") for v in (estimate.low, estimate.high))
    return f"{percent(estimate.value)} [{low}, {high}]"


def rate(value: float) -> str:
    """Write a false match rate as the field does."""
    return f"{value:.2g}" if np.isfinite(value) else "-"


def rate_with_interval(estimate: Estimate) -> str:
    """Write a false match rate and its 95 % interval."""
    if not np.isfinite(estimate.low):
        return rate(estimate.value)
    return f"{rate(estimate.value)} [{rate(estimate.low)}, {rate(estimate.high)}]"


def problem_table(problems: Sequence[Problem], max_rows: int = 50) -> Table | None:
    """Return the first problems as a table; None if there are none."""
    if not problems:
        return None
    rows: Sequence[tuple[str, str]] = [(p.where, p.reason) for p in problems[:max_rows]]
    more = len(problems) - len(rows)
    return Table(
        f"Problems in the data ({len(problems)})",
        ("where", "what"),
        tuple(rows),
        f"{more} more are in the JSON." if more else "",
    )
