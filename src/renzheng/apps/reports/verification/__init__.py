"""A verification as a page for people: pictures, faces, crops and where the distance lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng.apps.reports import pages, thumbnails
from renzheng.apps.reports.verification import content, distributions, drawing, plot
from renzheng.types import Capture, InformationGrade, Verification
from renzheng.verification.calibration import Calibration

__all__ = ["save"]


def save(verification: Verification, calibration: Calibration | None, path: Path) -> None:
    """Write a report as a web page.

    Parameters
    ----------
    verification
        The result to report, whatever its decision.
    calibration
        Calibration of the pack that was used, for the plot; None leaves the plot out, as does a
        comparison of faces that show too little.
    path
        Ends in ``.html``. An existing file is replaced whole or not at all.

    Raises
    ------
    InvalidInput
        If the path ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    headline = content.HEADLINE[verification.decision]
    pages.save(
        Path(path),
        "verification",
        title=f"{headline} · {content.TITLE}",
        kicker=content.TITLE,
        headline=headline,
        reason=pages.sentence(verification.reason),
        figures=content.figures(verification),
        note=pages.PRIVACY,
        colours=content.COLOURS[verification.decision],
        measured=[*content.information(verification), *content.measured_on(verification)],
        sides=[_side(title, capture) for title, capture in content.sides(verification)],
        findings=content.warnings(verification),
        plot=_plot(verification, calibration),
        quality=content.quality(verification),
        provenance=content.provenance(verification),
    )


def _side(title: str, capture: Capture) -> dict[str, Any]:
    picture = drawing.marked(capture)
    return {
        "title": title,
        "name": capture.source,
        "faces": content.faces(capture),
        "size": content.size(capture),
        "preparation": content.preparation(capture),
        "problem": content.problem(capture),
        "picture": None if picture is None else thumbnails.address(picture),
        "crop": None if capture.crop is None else thumbnails.address(capture.crop),
    }


def _plot(verification: Verification, calibration: Calibration | None) -> dict[str, Any] | None:
    if calibration is None or verification.comparison is None:
        return None
    distance = verification.comparison.distance
    strength = distributions.strength_of(verification.comparison)
    curves = distributions.derive(calibration, verification.policy, distance, strength)
    if curves is None:
        return None
    limited = verification.comparison.information.grade is InformationGrade.LIMITED
    caption = content.plot_caption(distance, curves.match, curves.no_match, limited=limited)
    return {"caption": caption, **plot.geometry(curves, distance)}
