"""A study of presentation attacks as tables and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng.apps.reports.evaluation import page
from renzheng.apps.reports.evaluation.tables import Table, percent, problem_table
from renzheng.evaluation.attacks.error_rates import Rates
from renzheng.evaluation.attacks.study import BONA_FIDE, AttackStudy
from renzheng.evaluation.statistics.proportion import Proportion


def of_study(study: AttackStudy, max_problems: int = 50) -> list[Table]:
    """Return the tables that the study has data for, its first problems last."""
    tables = [_errors(study)]
    if study.points:
        tables.append(_points(study))
    tables += _groups(study)
    problems = problem_table(study.problems, max_problems)
    if problems is not None:
        tables.append(problems)
    return tables


def save(study: AttackStudy, path: Path, *, command: str) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    pack = study.provenance["pack"]
    page.save(
        path,
        title=study.name,
        headline=(
            f"The liveness pack {pack['name']} {pack['version']} on {len(study.scores)} pictures"
        ),
        sections=of_study(study),
        provenance=study.provenance,
        command=command,
        data=to_dict(study, command=command),
    )


def to_dict(study: AttackStudy, *, command: str) -> dict[str, Any]:
    """Return plain values for JSON."""
    return {"command": command, **study.to_dict()}


def _errors(study: AttackStudy) -> Table:
    rates = study.rates
    rows = [
        (f"APCER, {kind}", _share(share), _non_response(study, kind))
        for kind, share in rates.apcer.items()
    ]
    rows += [
        (f"APCER, {kind}", "-", _non_response(study, kind))
        for kind in study.non_response
        if kind not in rates.apcer and kind != BONA_FIDE
    ]
    if rates.worst is not None:
        rows.append(("highest APCER", _highest(rates), ""))
    if BONA_FIDE in study.non_response:
        rows.append(("BPCER", _share(rates.bpcer), _non_response(study, BONA_FIDE)))
    left_out = f" {study.rejected} rows were left out, see the problems." if study.rejected else ""
    return Table(
        f"{study.name}: errors at the pack's threshold, {rates.threshold:g}",
        ("", "share [95 %]", "without a score (non-response)"),
        tuple(rows),
        "APCER: attacks that pass as live. BPCER: live faces taken for attacks (ISO/IEC 30107-3). "
        "Both are of the pictures with a score; a picture that cannot be read or shows no face has "
        "none and is counted in the last column (APNRR, BPNRR). Intervals are Clopper-Pearson's, "
        "which take pictures as independent: several of one person or of one print say less."
        + left_out,
    )


def _points(study: AttackStudy) -> Table:
    return Table(
        "BPCER where no type of attack passes more often than allowed",
        ("", "allowed APCER", "threshold", "BPCER", "highest APCER there"),
        tuple(
            (
                point.name + (" (!)" if point.thin else ""),
                percent(point.apcer),
                f"{point.rates.threshold:.4f}",
                _share(point.rates.bpcer),
                _highest(point.rates),
            )
            for point in study.points
        ),
        "BPCER20 is the BPCER at an APCER of 1 in 20. The thresholds are chosen on these very "
        "pictures, so on others expect higher rates. (!): of some type there are too "
        "few presentations to see one pass at this rate; look at the interval.",
    )


def _groups(study: AttackStudy) -> list[Table]:
    tables = []
    for column in dict.fromkeys(group.column for group in study.groups):
        rows = tuple(
            (
                group.value or "(empty)",
                _highest(group.rates),
                _share(group.rates.bpcer),
                f"{group.non_response.count} of {group.non_response.of}",
            )
            for group in study.groups
            if group.column == column
        )
        tables.append(
            Table(
                f"By {column}, all at the pack's threshold",
                (column, "highest APCER", "BPCER", "without a score"),
                rows,
            )
        )
    return tables


def _highest(rates: Rates) -> str:
    return "-" if rates.worst is None else f"{rates.worst}: {_share(rates.apcer[rates.worst])}"


def _share(share: Proportion | None) -> str:
    if share is None:
        return "-"
    low, high = (percent(v).removesuffix(" %") for v in (share.low, share.high))
    return f"{percent(share.value)} [{low}, {high}], {share.count} of {share.of}"


def _non_response(study: AttackStudy, kind: str) -> str:
    share = study.non_response[kind]
    return f"{share.count} of {share.of}"
