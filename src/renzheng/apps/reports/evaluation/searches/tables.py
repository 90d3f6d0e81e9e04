"""A study of one-to-many search as tables."""

from __future__ import annotations

import numpy as np

from renzheng.apps.reports.evaluation.tables import (
    Table,
    percent,
    problem_table,
    rate,
    with_interval,
)
from renzheng.evaluation.searches.identification import IdentificationStudy
from renzheng.evaluation.searches.measurement import SearchMeasurement
from renzheng.evaluation.statistics.bootstrap import Estimate

_RANKS = (1, 2, 5, 10, 20, 50)
_WAYS = {
    "leave-one-out": "leave-one-out: the person searched for is taken out of the database",
    "disjoint": "disjoint: half of the people are not enrolled and searched for",
}


def of_study(study: IdentificationStudy, max_problems: int = 50) -> list[Table]:
    """Return the tables that the study has data for, its first problems last."""
    tables = [_summary(study), _identification(study)]
    tables += [_points(way) for way in study.ways if way.points]
    if study.leave_one_out.promises:
        tables += [_promises(study), _by_size(study)]
    if len(study.sizes) > 1:
        tables.append(_sizes(study))
    problems = problem_table(study.problems, max_problems)
    return tables if problems is None else [*tables, problems]


def _summary(study: IdentificationStudy) -> Table:
    lost = study.attempted - study.acquired
    rows = [
        (
            "pictures",
            f"{study.attempted} of {study.people} people; {lost} failed to acquire "
            f"({percent(lost / study.attempted)})",
        ),
        (
            "references",
            f"one of each person, {study.references} in order"
            if study.references == "first"
            else "one of each person, drawn by chance",
        ),
    ]
    for way in study.ways:
        rows += [
            (
                f"{way.name}: enrolled",
                f"{way.enrolled} people; {way.not_enrolled} failed to enrol",
            ),
            (
                f"{way.name}: mated searches",
                f"{way.mated} for {way.mated_people} people; {way.mated_lost} failed to acquire, "
                f"{way.mates_missing} have no mate since it failed to enrol",
            ),
            (
                f"{way.name}: non-mated searches",
                f"{way.nonmated} for {way.nonmated_people} people; {way.nonmated_lost} failed to "
                "acquire",
            ),
        ]
    if study.rejected:
        rows.append(("left out", f"{study.rejected} pictures, see the problems"))
    return Table(
        f"{study.name}, identification",
        ("", ""),
        tuple(rows),
        "; ".join(_WAYS[way.name] for way in study.ways)
        + ". The first has the larger database and is the headline. Intervals hold 95 % and come "
        "from drawing the people who are searched for again and again; the database stays.",
    )


def _identification(study: IdentificationStudy) -> Table:
    rows = []
    for way in study.ways:
        for k in _RANKS:
            if k <= len(way.identification):
                rows.append(
                    (
                        way.name,
                        str(k),
                        str(way.enrolled),
                        with_interval(way.identification[k - 1]),
                        with_interval(way.identification_of_people[k - 1]),
                    )
                )
    return Table(
        "Closed set: the mate among the nearest, at any distance (CMC)",
        ("", "rank", "enrolled", "identification rate", "each person once"),
        tuple(rows),
        "Failures to acquire and to enrol are misses.",
    )


def _points(way: SearchMeasurement) -> Table:
    rank = "at any rank" if way.rank is None else f"among the {way.rank} nearest"
    if way.rank == 1:
        rank = "nearest of all"
    return Table(
        f"Open set, {way.name}: {way.enrolled} people enrolled",
        (
            "FPIR",
            "distance",
            "TPIR = 1 - FNIR",
            "TPIR, each person once",
            "FPIR, each person once",
            "false positives",
        ),
        tuple(
            (
                rate(p.max_fpir) + ("" if p.supported else " (!)"),
                f"{p.threshold:.4f}" if np.isfinite(p.threshold) else "-",
                with_interval(p.tpir),
                with_interval(p.tpir_of_people),
                with_interval(p.fpir_of_people),
                f"{p.false_positives} searches for {p.people} people",
            )
            for p in way.points
        ),
        f"TPIR: the mate is within the distance and {rank}. FPIR: of searches for someone who is "
        "not enrolled, those that return anyone. The distance is chosen on these very searches. "
        "(!): fewer than 30 people have a false positive, too few to rely on the row.",
    )


def _promises(study: IdentificationStudy) -> Table:
    pack = study.provenance["pack"]
    rows = []
    for way in study.ways:
        for p in way.promises:
            known = p.threshold is not None and p.fpir is not None and p.tpir is not None
            rows.append(
                (
                    f"{way.name}, {way.enrolled}",
                    rate(p.max_fpir),
                    rate(p.fmr),
                    f"{p.threshold:.4f}" if known else "finer than it reaches",
                    with_interval(p.fpir) if known and p.fpir else "-",
                    with_interval(p.tpir) if known and p.tpir else "-",
                )
            )
    return Table(
        f"What the calibration of {pack['name']} promises these databases, and what was seen",
        ("enrolled", "promised FPIR", "by FMR", "distance", "observed FPIR", "TPIR"),
        tuple(rows),
        "Promised: 1 - (1 - FMR)^n, for n people, from the false match rate of one comparison.",
    )


def _by_size(study: IdentificationStudy) -> Table:
    return Table(
        "Promised and observed FPIR by the number of people enrolled",
        (
            "enrolled",
            "FMR",
            "promised FPIR",
            "observed FPIR",
            "each person once",
            "observed / promised",
            "single databases",
        ),
        tuple(
            (
                str(p.enrolled),
                rate(p.fmr),
                percent(p.promised),
                with_interval(p.fpir),
                with_interval(p.fpir_of_people),
                _ratio(p.fpir, p.promised),
                "-" if p.galleries is None else " to ".join(percent(v) for v in p.galleries),
            )
            for p in study.galleries
        ),
        "Leave-one-out searches in databases of people drawn by chance; the mean over these, and "
        "in the last column the middle 95 % of what one database shows. Above 1 a promise is "
        "broken; below it is kept with room to spare.",
    )


def _sizes(study: IdentificationStudy) -> Table:
    asked = [value for value, _ in study.sizes[0].tpir]
    return Table(
        "What is found, by the number of people enrolled",
        (
            "enrolled",
            "identification rate, rank 1",
            *(f"TPIR at FPIR {rate(value)}" for value in asked),
        ),
        tuple(
            (
                str(point.enrolled),
                with_interval(point.rank_one),
                *(with_interval(tpir) for _, tpir in point.tpir),
            )
            for point in study.sizes
        ),
        "Leave-one-out searches: the person's reference among those of others drawn by chance; "
        "TPIR with the mate nearest of all. Failures to acquire and to enrol are left out here.",
    )


def _ratio(estimate: Estimate, whole: float) -> str:
    values = [v / whole for v in (estimate.value, estimate.low, estimate.high)]
    if not np.isfinite(values[1]):
        return f"{values[0]:.2f}"
    return f"{values[0]:.2f} [{values[1]:.2f}, {values[2]:.2f}]"
