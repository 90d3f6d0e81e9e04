"""A study of comparisons as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from renzheng.apps.reports.evaluation.tables import (
    Table,
    percent,
    rate,
    rate_with_interval,
    with_interval,
)
from renzheng.evaluation.comparisons.calibration import Reliability
from renzheng.evaluation.comparisons.populations import Kept
from renzheng.evaluation.comparisons.study import Study
from renzheng.evaluation.statistics.bootstrap import Estimate


def of_study(study: Study) -> list[Table]:
    """Return the tables that the study has data for, without its problems."""
    tables = [summary(study)]
    if study.measurement.points:
        tables.append(operating_points(study))
    if study.measurement.promises:
        tables.append(promises(study))
    if study.measurement.folds is not None:
        tables.append(folds(study))
    tables += groups(study)
    return tables


def summary(study: Study) -> Table:
    """Return what was compared and the figures that need no threshold."""
    m = study.measurement
    rows = [
        (
            "pictures",
            f"{study.attempted} of {m.people} people; {study.attempted - study.acquired} failed to "
            f"acquire ({percent(study.failure_to_acquire)})",
        ),
        ("genuine comparisons", f"{m.genuine}, {m.genuine_lost} lost to a failure to acquire"),
        ("impostor comparisons", f"{m.impostor}, {m.impostor_lost} lost to a failure to acquire"),
        ("equal error rate", with_interval(m.equal_error_rate)),
        ("area under the ROC", _plain(m.area_under_roc)),
    ]
    if m.d_prime is not None:
        rows.append(("d'", f"{m.d_prime:.2f}"))
    if m.folds is not None:
        rows.insert(
            3,
            (
                f"accuracy over {len(m.folds.accuracies)} folds",
                f"{percent(m.folds.mean)} ± {percent(m.folds.standard_error)} (standard error)",
            ),
        )
    speaks = "no false match rate" if m.finest_fmr is None else f"FMR {rate(m.finest_fmr)}"
    rows.append(
        (
            "the data reaches down to",
            f"{speaks} (rule of 30: there 30 different pairs of people match falsely; had none of "
            f"the {m.people_pairs} done so, FMR could still be {rate(m.rule_of_three)})",
        )
    )
    if study.rejected:
        rows.append(("left out", f"{study.rejected} rows or pictures, see the problems"))
    return Table(
        study.name,
        ("", ""),
        tuple(rows),
        "Intervals hold 95 % and come from drawing people, not comparisons, again and again.",
    )


def operating_points(study: Study) -> Table:
    """Return FNMR at the field's false match rates."""
    return Table(
        "Error rates at false match rates",
        ("FMR", "distance", "FNMR", "FNMR, each person once", "FRR = 1 - TAR", "false matches"),
        tuple(
            (
                rate(p.fmr) + ("" if p.supported else " (!)"),
                f"{p.threshold:.4f}",
                with_interval(p.fnmr),
                with_interval(p.fnmr_of_people),
                with_interval(p.frr),
                f"{p.false_matches} by {p.people} pairs of people",
            )
            for p in study.measurement.points
        ),
        "FNMR: genuine comparisons that do not match. FRR counts failures to acquire as rejections "
        "too; TAR@FAR of the literature is 1 - FRR at that FMR. (!): fewer than 30 different pairs "
        "of people match falsely, too few to rely on the row.",
    )


def promises(study: Study) -> Table:
    """Return the false match rates promised by the pack's calibration and those observed."""
    pack = study.provenance["pack"]
    return Table(
        f"What the calibration of {pack['name']} promises, and what was seen",
        ("promised FMR", "distance", "observed FMR", "FNMR", "FRR"),
        tuple(
            (
                rate(p.promised),
                f"{p.threshold:.4f}",
                rate_with_interval(p.fmr),
                with_interval(p.fnmr),
                with_interval(p.frr),
            )
            for p in study.measurement.promises
        ),
        "These are the thresholds that `renzheng verify --max-fmr` uses.",
    )


def folds(study: Study) -> Table:
    """Return accuracy fold by fold."""
    found = study.measurement.folds
    assert found is not None
    return Table(
        "Accuracy by fold",
        ("fold", "accuracy", "distance"),
        tuple(
            (str(k + 1), percent(accuracy), f"{threshold:.4f}")
            for k, (accuracy, threshold) in enumerate(
                zip(found.accuracies, found.thresholds, strict=True)
            )
        ),
        "The threshold of each fold was chosen on the others. A failure to acquire is an error.",
    )


def groups(study: Study) -> list[Table]:
    """Return a table for each column of groups, with the differential below."""
    tables = []
    for column, differential in study.differentials().items():
        rows = [
            (
                group.value,
                str(group.genuine),
                str(group.impostor),
                percent(group.lost),
                rate_with_interval(group.fmr),
                with_interval(group.fnmr),
                with_interval(group.equal_error_rate),
            )
            for group in study.groups
            if group.column == column
        ]
        ratios = {
            name: "-" if ratio is None else f"x {ratio:.3g}" for name, ratio in differential.items()
        }
        rows.append(
            (
                "highest / lowest",
                *("", "", ""),
                ratios["fmr"],
                ratios["fnmr"],
                ratios["equal_error_rate"],
            )
        )
        tables.append(
            Table(
                f"By {column}, all at distance {study.group_threshold:.4f}",
                (column, "genuine", "impostor", "lost", "FMR", "FNMR", "EER"),
                tuple(rows),
                "Impostor comparisons are between people of one group.",
            )
        )
    return tables


def channels(studies: Mapping[str, Study], max_fmr: float) -> Table:
    """Return document channels side by side."""
    rows = []
    for channel, study in studies.items():
        m = study.measurement
        point = m.point(max_fmr)
        promise = next((p for p in m.promises if np.isclose(p.promised, max_fmr)), None)
        rows.append(
            (
                channel,
                percent(study.failure_to_acquire),
                with_interval(m.equal_error_rate),
                "-" if point is None else with_interval(point.fnmr),
                "-" if promise is None else rate_with_interval(promise.fmr),
                "-" if promise is None else with_interval(promise.frr),
            )
        )
    return Table(
        "Documents against live pictures, by channel",
        (
            "channel",
            "documents not acquired",
            "EER",
            f"FNMR at FMR {rate(max_fmr)}",
            f"FMR where {rate(max_fmr)} is promised",
            "FRR there",
        ),
        tuple(rows),
        "The fourth column sets the threshold on the channel's own impostors; the last two use the "
        "pack's calibrated threshold, as `renzheng verify` does.",
    )


def likelihood_ratios(found: Reliability) -> Table:
    """Return the cost of a calibration's likelihood ratios."""
    return Table(
        "Likelihood ratios on the people left out",
        ("Cllr, bits", "least possible with these distances", "lost through calibration"),
        ((f"{found.cllr:.4f}", f"{found.cllr_min:.4f}", f"{found.cllr - found.cllr_min:.4f}"),),
        "Cost of the log-likelihood ratios: 0 is perfect, 1 is what saying nothing costs.",
    )


def populations(kept: Sequence[Kept]) -> Table:
    """Return promised and observed rates, a row for each population."""
    promised = sorted({each.promised for each in kept}, reverse=True)
    rows = []
    for name in dict.fromkeys(each.population for each in kept):
        found = {each.promised: each for each in kept if each.population == name}
        one = next(iter(found.values()))
        cells = [rate_with_interval(found[p].fmr) if p in found else "-" for p in promised]
        rows.append((name, "yes" if one.covered else "no", f"{one.people:,}", *cells))
    return Table(
        "Observed FMR on the people left out, by population, where this is promised",
        ("population", "covered", "people", *(rate(each) for each in promised)),
        tuple(rows),
        "The promise is the highest rate of the covered populations. 95 % intervals by drawing "
        "people.",
    )


def _plain(estimate: Estimate) -> str:
    if not np.isfinite(estimate.value):
        return "-"
    return f"{estimate.value:.5f} [{estimate.low:.5f}, {estimate.high:.5f}]"
