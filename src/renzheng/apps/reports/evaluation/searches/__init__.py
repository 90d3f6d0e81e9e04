"""A study of one-to-many search as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng.apps.reports.evaluation import page
from renzheng.apps.reports.evaluation.page import Plot, Section
from renzheng.apps.reports.evaluation.searches import plots
from renzheng.apps.reports.evaluation.searches.tables import of_study
from renzheng.evaluation.searches.identification import IdentificationStudy

__all__ = ["of_study", "save", "to_dict"]


def save(study: IdentificationStudy, path: Path, *, command: str) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    pack = study.provenance["pack"]
    summary, *others = of_study(study)
    tpir = Plot("TPIR by FPIR", plots.tpir_by_fpir(study))
    sections: list[Section] = [summary, (tpir, Plot("CMC", plots.cmc(study))), *others]
    if study.galleries:
        sections.append(Plot("Promised and observed FPIR", plots.promised(study), half=True))
    page.save(
        path,
        title=f"{study.name}, identification",
        headline=(
            f"One-to-many search with the pack {pack['name']} {pack['version']} among "
            f"{study.leave_one_out.enrolled} people"
        ),
        sections=sections,
        provenance=study.provenance,
        command=command,
        data=to_dict(study, command=command),
    )


def to_dict(study: IdentificationStudy, *, command: str) -> dict[str, Any]:
    """Return plain values for JSON."""
    return {"command": command, **study.to_dict()}
