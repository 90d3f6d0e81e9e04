"""The results of a batch run as one page, without faces unless they are asked for."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any

import numpy as np

from renzheng import images
from renzheng.apps.batch.conditions import conditions
from renzheng.apps.batch.pairs import picture
from renzheng.apps.batch.steps import Answer
from renzheng.apps.batch.verification import Done
from renzheng.apps.reports import pages, thumbnails
from renzheng.errors import RenzhengError
from renzheng.types import InformationGrade
from renzheng.verification.populations import of_calibration
from renzheng.verification.verifier import Verifier

_NEAREST = 20  # rows
_CELLS, _END = 80, 1.6  # of the histogram; a distance beyond its end counts in the last cell
# In units of the SVG's view box, 920 by 270; the template places what does not depend on the data.
_WIDE, _TOP, _BOTTOM, _SIDE = 920.0, 16.0, 240.0, 12.0
_LONGEST = 160  # px of a picture's longer side
_COLOURS = {"match": "--genuine", "inconclusive": "--zone", "no_match": "--impostor"}
_WITHOUT_FACES = (
    "This page shows no pictures, but it names them and says who was taken for whom: that is "
    "personal data. Keep it only as long as needed."
)


def save(
    done: Done, path: Path, verifier: Verifier, *, command: str, pictures: bool = False
) -> None:
    """Write the page.

    Parameters
    ----------
    done
        The run.
    path
        Ends in ``.html``.
    verifier
        The verifier that decided.
    command
        The command line that ran.
    pictures
        Whether small pictures of the nearest rows are shown.

    Raises
    ------
    InvalidInput
        If the name does not fit.
    RenzhengError
        If the file cannot be written.
    """
    pages.check(path)
    assert verifier.calibration is not None  # a policy was applied
    threshold = verifier.calibration.threshold_at(verifier.policy.max_fmr)
    summary = done.summary
    figures = [("Rows", f"{summary.rows:,}"), ("Pictures", f"{summary.pictures:,}")]
    for decision, count in summary.decisions.items():
        label = decision.replace("_", " ").capitalize()
        figures.append((label, f"{count:,} ({count / max(summary.rows, 1):.1%})"))
    measured = of_calibration(verifier.calibration)
    pages.save(
        path,
        "batch",
        title="Batch verification · renzheng",
        kicker="renzheng batch",
        headline="Pairs of pictures, verified",
        figures=figures,
        note=pages.PRIVACY if pictures else _WITHOUT_FACES,
        failures=_shares(summary.failures, summary.rows),
        histogram=_histogram(done, threshold),
        nearest=_nearest(done, threshold, pictures),
        findings=_shares(summary.warnings, summary.rows),
        information=_shares(_known(summary.information), summary.rows),
        rows=[
            ("Command", command),
            *conditions(verifier).items(),
            ("table", done.pairs.digest),
            *([("FMR measured on", measured)] if measured else []),
            ("Pictures that have changed since they were read", str(summary.changed)),
        ],
    )


def _shares(counts: dict[str, int], rows: int) -> list[tuple[str, str, str]]:
    return [(name, f"{count:,}", f"{count / max(rows, 1):.2%}") for name, count in counts.items()]


def _known(information: dict[str, int]) -> dict[str, int]:
    """Return the grades that occur; none where the calibration tells no strengths apart."""
    found = {grade: count for grade, count in information.items() if count}
    return {} if set(found) <= {str(InformationGrade.UNKNOWN)} else found


def _histogram(done: Done, threshold: float) -> dict[str, Any] | None:
    """Return what its template draws, with one decimal; None if no pair was compared."""
    counts = {name: np.zeros(_CELLS, np.int64) for name in _COLOURS}
    for answer in done.answers():
        distance, decision = answer.cells["distance"], str(answer.cells["decision"])
        if isinstance(distance, float) and decision in counts:
            counts[decision][min(int(distance / _END * _CELLS), _CELLS - 1)] += 1
    top = int(sum(counts.values(), np.zeros(_CELLS, np.int64)).max())
    if not top:
        return None

    def across(distance: float) -> str:
        return f"{_SIDE + distance / _END * (_WIDE - 2 * _SIDE):.1f}"

    width = (_WIDE - 2 * _SIDE) / _CELLS
    bars = []
    floor = np.zeros(_CELLS)
    for decision, cells in counts.items():
        for k in np.flatnonzero(cells):
            height = float(cells[k]) / top * (_BOTTOM - _TOP)
            bars.append(
                {
                    "x": f"{_SIDE + k * width:.1f}",
                    "y": f"{_BOTTOM - floor[k] - height:.1f}",
                    "width": f"{width - 1:.1f}",
                    "height": f"{height:.1f}",
                    "colour": _COLOURS[decision],
                }
            )
            floor[k] += height
    return {
        "bars": bars,
        "threshold": across(threshold),
        "ticks": [(across(tick), f"{tick:.1f}") for tick in np.arange(0, _END + 0.01, 0.2)],
        "caption": (
            f"Distances of the compared pairs, in cells of {_END / _CELLS:g}; the highest column "
            f"is {top:,} rows. Match (green) up to the dashed line at {threshold:.3f}, "
            "inconclusive (yellow), no match (red). A match that a finding rules out counts as "
            "inconclusive, as does a pair of faces that show too little."
        ),
    }


def _nearest(done: Done, threshold: float, pictures: bool) -> list[dict[str, Any]]:
    """Return the rows whose decision depends most on the threshold's place."""

    def away(item: tuple[int, Answer]) -> float:
        distance = item[1].cells["distance"]
        return abs(distance - threshold) if isinstance(distance, float) else float("inf")

    pairs = done.pairs
    compared = (item for item in enumerate(done.answers()) if item[1].cells["fmr"] is not None)
    rows = []
    # A row without a false match rate is decided by no threshold.
    for row, answer in heapq.nsmallest(_NEAREST, compared, key=away):
        names = [pairs.rows[row][k] for k in (pairs.reference, pairs.probe)]
        cells = answer.cells
        rows.append(
            {
                "number": f"{row + 1:,}",
                "sides": [
                    {"name": name, "picture": _picture(name, pairs.root) if pictures else None}
                    for name in names
                ],
                "distance": f"{cells['distance']:.4f}",
                "fmr": f"{'at most ' if cells['fmr_at_most'] else ''}{cells['fmr']:.2g}",
                "decision": str(cells["decision"]).replace("_", " "),
            }
        )
    return rows


def _picture(cell: str, root: Path) -> str | None:
    try:
        image = images.read(picture(cell, "photo", root).path)
    except RenzhengError:
        return None  # it was there; its name says which it was
    return thumbnails.address(thumbnails.shrunk(image, _LONGEST), 80)
