"""A study as one page for people, with the same as JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from renzheng._support import files
from renzheng.apps.reports.evaluation import page, plots, svg
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.calibration import Reliability
from renzheng.evaluation.comparisons.populations import Kept
from renzheng.evaluation.comparisons.study import Study

__all__ = ["check", "check_name", "save"]


def check(path: Path) -> None:
    """Make sure that a report can be made under this name, before hours of work.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html`` or its folder is missing.
    RenzhengError
        If the library that draws is missing.
    """
    check_name(path)
    svg.check_available()


def check_name(path: Path) -> None:
    """Make sure that a page can have this name.

    Raises
    ------
    InvalidInput
        If the name does not end in ``.html`` or its folder is missing.
    """
    if path.suffix.lower() != ".html":
        raise InvalidInput(
            "a report of an evaluation is a web page", source=str(path), remedy="name it .html"
        )
    if not path.parent.is_dir():
        raise InvalidInput(
            "there is no such folder", source=str(path.parent), remedy="make it first"
        )


def save(
    studies: Mapping[str, Study],
    path: Path,
    *,
    command: str,
    show_faces: bool = False,
    reliability: Reliability | None = None,
    populations: Sequence[Kept] = (),
    max_fmr: float = 1e-4,
) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Parameters
    ----------
    studies
        One, or several of one kind (document channels) to show side by side.
    path
        Ends in ``.html``.
    command
        What made it, for whoever wants to make it again.
    show_faces
        Whether the worst false matches and false non-matches are shown as pictures. Off, the page
        holds no picture and names none but those with problems.
    reliability
        Of a calibration's likelihood ratios.
    populations
        Whether a calibration's promised rates held in each population.
    max_fmr
        The false match rate that channels are compared at.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    check(path)
    content = page.render(
        studies,
        command=command,
        show_faces=show_faces,
        reliability=reliability,
        populations=populations,
        max_fmr=max_fmr,
    )
    files.write(path, content)
    data = to_dict(studies, command=command, reliability=reliability, populations=populations)
    text = json.dumps(data, indent=1, ensure_ascii=False)
    files.write(path.with_suffix(".json"), text.encode("utf-8"))


def to_dict(
    studies: Mapping[str, Study],
    *,
    command: str,
    reliability: Reliability | None = None,
    populations: Sequence[Kept] = (),
) -> dict[str, Any]:
    """Plain values for JSON: a study, or studies by name."""
    every = {
        name: {**study.to_dict(), "curve": plots.thinned_curve(study)}
        for name, study in studies.items()
    }
    data = next(iter(every.values())) if len(every) == 1 else {"studies": every}
    if reliability is not None:
        data = {**data, "likelihood_ratios": reliability.to_dict()}
    if populations:
        data = {**data, "populations": [each.to_dict() for each in populations]}
    return {"command": command, **data}
