"""A study of comparisons as plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from renzheng.apps.reports.evaluation.plots import (
    GENUINE,
    IMPOSTOR,
    INK,
    LINE,
    ZONE,
    colour_of,
    figure,
    finish,
    legend,
    say_too_few,
)
from renzheng.evaluation.comparisons.calibration import Reliability
from renzheng.evaluation.comparisons.scores import CELL, CELLS, Array, Scores
from renzheng.evaluation.comparisons.study import Study
from renzheng.evaluation.statistics.bootstrap import Estimate

_POINTS = 400  # of a curve; more cannot be seen
_DET_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8)

_deviate = np.vectorize(NormalDist().inv_cdf, otypes=[float])


def histogram(study: Study) -> str:
    """Draw the densities of the distances of genuine and impostor comparisons."""
    edges = np.linspace(0, 2, 201)
    genuine = np.histogram(study.scores.genuine, edges)[0].astype(float)
    impostor = _impostor_histogram(study.scores, edges)
    promise = next((p for p in study.measurement.promises if np.isclose(p.promised, 1e-4)), None)

    def draw(axes: Any) -> None:
        middle = (edges[1:] + edges[:-1]) / 2
        for counts, colour, label in (
            (genuine, GENUINE, "same person"),
            (impostor, IMPOSTOR, "different people"),
        ):
            if counts.sum():
                density = counts / counts.sum() / np.diff(edges)
                axes.fill_between(middle, density, step="mid", color=colour, alpha=0.2, lw=0)
                axes.step(middle, density, where="mid", color=colour, lw=1.6, label=label)
        shown = np.flatnonzero(genuine + impostor)
        if len(shown):
            axes.set_xlim(edges[max(shown[0] - 2, 0)], edges[min(shown[-1] + 3, 200)])
        else:
            say_too_few(axes)
        axes.set_ylim(bottom=0)
        if promise is not None:
            axes.axvline(promise.threshold, color=ZONE, ls="--", lw=1.4, label="promised FMR 1e-4")
        axes.set_xlabel("distance")
        axes.set_ylabel("density")
        legend(axes)

    return figure(draw, "histogram")


def det(studies: Mapping[str, Study]) -> str:
    """Draw FNMR against FMR on normal-deviate axes (Martin et al. 1997)."""

    def draw(axes: Any) -> None:
        floor, drawn = 1.0, False
        for k, (name, study) in enumerate(studies.items()):
            fmr, fnmr = _thinned(study)
            shown = (fmr > 0) & (fnmr > 0) & (fmr < 1) & (fnmr < 1)
            if not shown.any():
                continue
            drawn = True
            floor = min(floor, float(fmr[shown].min()), float(fnmr[shown].min()))
            style = {"color": colour_of(k, len(studies)), "lw": 1.8}
            axes.plot(_deviate(fmr[shown]), _deviate(fnmr[shown]), label=name, **style)
            if len(studies) == 1:
                for point in study.measurement.points:
                    ends = np.clip((point.fnmr.low, point.fnmr.high), floor, 1 - 1e-9)
                    axes.plot(_deviate([point.fmr] * 2), _deviate(ends), color=INK, lw=1.4)
        ticks = [t for t in _DET_TICKS if t >= floor / 3]
        places = _deviate(np.array(ticks))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(places, [_percent_label(t) for t in ticks])
        axes.tick_params(axis="x", labelrotation=40)
        low, high = places[0], _deviate(0.6)
        axes.plot([low, high], [low, high], color=LINE, lw=1)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        finish(axes, "FMR", "FNMR")
        if not drawn:
            say_too_few(axes)
        elif len(studies) > 1:
            legend(axes)

    return figure(draw, "det", square=True)


def roc(study: Study) -> str:
    """Draw 1 - FNMR against FMR, the latter on a logarithmic axis."""

    def draw(axes: Any) -> None:
        fmr, fnmr = _thinned(study)
        shown = fmr > 0
        axes.plot(fmr[shown], 1 - fnmr[shown], color=GENUINE, lw=1.8)
        axes.set_xscale("log")
        for point in study.measurement.points:
            axes.plot([point.fmr] * 2, [1 - point.fnmr.high, 1 - point.fnmr.low], color=INK, lw=1.4)
        if (fmr[shown] < 1).any():
            axes.set_xlim(max(float(fmr[shown].min()), 1e-7), 1)
        else:
            say_too_few(axes)
        axes.set_ylim(top=1.005)
        finish(axes, "FMR", "1 - FNMR")

    return figure(draw, "roc", square=True)


def promised(study: Study) -> str:
    """Draw observed against promised false match rates."""

    def draw(axes: Any) -> None:
        found = [p for p in study.measurement.promises if p.fmr.value > 0]
        x = [p.promised for p in found]
        axes.plot([1e-7, 1], [1e-7, 1], color=LINE, lw=1)
        for p in found:
            axes.plot([p.promised] * 2, [max(p.fmr.low, 1e-9), p.fmr.high], color=IMPOSTOR, lw=2)
        axes.plot(x, [p.fmr.value for p in found], "s", color=IMPOSTOR, ms=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        if x:
            axes.set_xlim(min(x) / 3, 1)
            axes.set_ylim(min(x) / 3, 1)
        else:
            say_too_few(axes)
        finish(axes, "promised FMR", "observed FMR")

    return figure(draw, "promised", square=True)


def folds(study: Study) -> str:
    """Draw the accuracy of each fold, with the mean."""
    found = study.measurement.folds
    assert found is not None

    def draw(axes: Any) -> None:
        place = np.arange(1, len(found.accuracies) + 1)
        axes.axhspan(
            100 * (found.mean - found.standard_error),
            100 * (found.mean + found.standard_error),
            color=GENUINE,
            alpha=0.15,
            lw=0,
        )
        axes.axhline(100 * found.mean, color=GENUINE, lw=1.2)
        axes.plot(place, 100 * np.array(found.accuracies), "s", color=INK, ms=5)
        axes.set_xticks(place)
        axes.set_xlabel("fold")
        axes.set_ylabel("accuracy, %")

    return figure(draw, "folds")


def groups(study: Study, column: str) -> str:
    """Draw FMR and FNMR of each group with intervals, at the threshold for everyone."""
    chosen = [group for group in study.groups if group.column == column]
    return _rows_figure(
        [group.value for group in chosen],
        (
            ("FMR", [group.fmr for group in chosen], IMPOSTOR),
            ("FNMR", [group.fnmr for group in chosen], GENUINE),
        ),
        f"groups-{column}",
    )


def channels(studies: Mapping[str, Study], max_fmr: float) -> str:
    """Draw the FNMR of each document channel with intervals."""
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    points = [study.measurement.point(max_fmr) for study in studies.values()]
    return _rows_figure(
        list(studies),
        (
            (
                f"FNMR at FMR {max_fmr:g}",
                [unknown if p is None else p.fnmr for p in points],
                GENUINE,
            ),
        ),
        "channels",
    )


def reliability(found: Reliability) -> str:
    """Draw the observed share of genuine comparisons against the claimed probability."""

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=LINE, lw=1)
        axes.plot(found.claimed, found.observed, "s-", color=GENUINE, ms=4, lw=1.2)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("claimed probability of one person, at equal priors")
        axes.set_ylabel("observed share")

    return figure(draw, "reliability", square=True)


def thinned_curve(study: Study) -> dict[str, list[float]]:
    """Return the curve's points that a plot can show, for JSON."""
    fmr, fnmr = _thinned(study)
    return {"fmr": fmr.tolist(), "fnmr": fnmr.tolist()}


def _thinned(study: Study) -> tuple[Array, Array]:
    """Choose points evenly spread in log FMR and in log FNMR, with both ends."""
    curve = study.measurement.curve
    fmr, fnmr = curve.fmr, curve.fnmr
    chosen = {0, len(fmr) - 1}
    for rate, ascending in ((fmr, fmr), (fnmr, -fnmr)):
        positive = rate[rate > 0]
        if len(positive):
            wanted = np.geomspace(float(positive.min()), float(positive.max()), _POINTS)
            wanted = wanted if ascending is rate else -wanted
            chosen.update(np.searchsorted(ascending, wanted).clip(0, len(fmr) - 1).tolist())
    order = sorted(chosen)
    return fmr[order], fnmr[order]


def _impostor_histogram(scores: Scores, edges: Array) -> Array:
    if scores.histogram is None:
        return np.histogram(scores.impostor, edges)[0].astype(float)
    middle = np.maximum(np.arange(CELLS) - 0.5, 0) * CELL
    return np.histogram(middle, edges, weights=scores.histogram)[0]


def _rows_figure(
    names: Sequence[str], parts: Sequence[tuple[str, Sequence[Estimate], str]], salt: str
) -> str:
    def draw(*panels: Any) -> None:
        place = np.arange(len(names))[::-1]
        for axes, (label, estimates, colour) in zip(panels, parts, strict=True):
            for y, estimate in zip(place, estimates, strict=True):
                if np.isfinite(estimate.value):
                    axes.plot([100 * estimate.low, 100 * estimate.high], [y, y], color=colour, lw=2)
                    axes.plot([100 * estimate.value], [y], "s", color=colour, ms=6)
            if not any(np.isfinite(estimate.value) for estimate in estimates):
                say_too_few(axes)
            axes.set_yticks(place, names)
            axes.set_ylim(-0.6, len(names) - 0.4)
            axes.set_xlim(left=0)
            axes.grid(color=LINE, lw=0.6, axis="x")
            axes.set_xlabel(f"{label}, %")

    return figure(draw, salt, panels=len(parts), height=0.9 + 0.32 * len(names))


def _percent_label(value: float) -> str:
    return f"{100 * value:g} %"
