"""A study of degraded faces as tables and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng.apps.reports.evaluation import page
from renzheng.apps.reports.evaluation.tables import Table, percent, rate
from renzheng.evaluation.information.rates import PairRates, Shares
from renzheng.evaluation.information.study import InformationStudy
from renzheng.evaluation.statistics.proportion import Proportion

_NONE = "-"
_HELD_OUT = " *"


def of_study(study: InformationStudy, max_problems: int = 0) -> list[Table]:
    """Return the tables of a study; it has no problems to list."""
    tables = [_false_matches(study), _true_matches(study), _galleries(study)]
    if study.mixed is not None:
        tables.append(_mixed(study))
    return tables


def save(study: InformationStudy, path: Path, *, command: str) -> None:
    """Write the page and, beside it under the same name, ``.json``.

    Raises
    ------
    RenzhengError
        If a file cannot be written.
    """
    pack = study.provenance["pack"]
    page.save(
        path,
        title=f"{study.name}, degraded",
        headline=(
            f"The pack {pack['name']} {pack['version']} on {study.people} people after "
            f"{len(study.rows) - 1} degradations"
        ),
        sections=of_study(study),
        provenance=study.provenance,
        command=command,
        data=to_dict(study, command=command),
    )


def to_dict(study: InformationStudy, *, command: str) -> dict[str, Any]:
    """Return plain values for JSON."""
    return {"command": command, **study.to_dict()}


def _false_matches(study: InformationStudy) -> Table:
    rows = []
    for row in study.rows:
        before, after, doubt = _of_pairs(row.alike)
        one_before, one_after, _ = _of_pairs(row.one_sided)
        rows.append(
            (
                _name(row.name, row.held_out),
                f"{row.strength[1]:.1f}" if row.not_acquired.value < 1 else _NONE,
                _share(row.not_acquired),
                before,
                after,
                doubt,
                one_before,
                one_after,
            )
        )
    return Table(
        f"{study.name}: false matches where {rate(study.max_fmr)} is promised",
        (
            "degradation",
            "strength",
            "no face",
            "both sides: before",
            "after",
            "in doubt",
            "one side: before",
            "after",
        ),
        tuple(rows),
        f"{study.people} people. Strength: the median. Before: the strength of a face counts for "
        "nothing; after: it does, and where no rate holds the pair is in doubt. 95 % intervals "
        "from a bootstrap over people. * held out: no rate was fitted on it.",
    )


def _true_matches(study: InformationStudy) -> Table:
    rows = []
    for row in study.rows:
        both, one = _of_shares(row.genuine_alike), _of_shares(row.genuine_one_sided)
        rows.append((_name(row.name, row.held_out), *both, *one))
    return Table(
        f"{study.name}: true matches at {rate(study.max_fmr)}",
        (
            "degradation",
            "both sides: before",
            "after",
            "in doubt",
            "one side: before",
            "after",
            "in doubt",
        ),
        tuple(rows),
        f"{study.second_pictures} people with a second picture. One side: the first picture is "
        "degraded, the second is not.",
    )


def _galleries(study: InformationStudy) -> Table:
    rows = []
    for row in study.rows:
        found = row.gallery
        if found is None:
            rows.append((_name(row.name, row.held_out), *(_NONE,) * 5))
            continue
        mates = (_NONE, _NONE)
        if found.mates is not None:
            mates = (_share(found.mates.before), _share(found.mates.after))
        strangers = found.strangers
        rows.append(
            (
                _name(row.name, row.held_out),
                str(found.enrolled),
                f"{strangers.before.count} of {strangers.before.of}",
                f"{strangers.after.count} of {strangers.after.of}",
                *mates,
            )
        )
    return Table(
        f"{study.name}: searches where an FPIR of {percent(study.max_fpir)} is promised",
        (
            "degradation",
            "enrolled",
            "strangers identified: before",
            "after",
            "mates identified: before",
            "after",
        ),
        tuple(rows),
        "Everyone is enrolled and searched for with pictures that are degraded alike.",
    )


def _mixed(study: InformationStudy) -> Table:
    mixed = study.mixed
    assert mixed is not None
    every = Proportion.exact(mixed.after, mixed.pairs)
    rows = [
        ("all", "all others", str(mixed.before), str(mixed.after), f"{mixed.pairs:,}"),
        *((a, b, _NONE, str(after), f"{pairs:,}") for a, b, after, pairs in mixed.worst),
    ]
    return Table(
        f"{study.name}: false matches between different degradations",
        ("one side", "other side", "before", "after", "pairs"),
        tuple(rows),
        f"After: {rate(every.value)} of all pairs [{rate(every.low)}, {rate(every.high)}]; "
        f"in doubt: {percent(mixed.doubt / mixed.pairs)}. The degradations with most false matches "
        "are named.",
    )


def _name(name: str, held_out: bool) -> str:
    return name + _HELD_OUT if held_out else name


def _of_pairs(found: PairRates | None) -> tuple[str, str, str]:
    if found is None:
        return _NONE, _NONE, _NONE
    after = found.after
    return (
        rate(found.before.value),
        f"{rate(after.value)} [{rate(after.low)}, {rate(after.high)}]",
        percent(found.doubt),
    )


def _of_shares(found: Shares | None) -> tuple[str, str, str]:
    if found is None:
        return _NONE, _NONE, _NONE
    doubt = _NONE if found.doubt is None else _share(found.doubt)
    return _share(found.before), _share(found.after), doubt


def _share(share: Proportion) -> str:
    return f"{100 * share.value:.1f} %"
