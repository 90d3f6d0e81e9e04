"""A study of one-to-many search as plots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from renzheng.apps.reports.evaluation.plots import (
    GENUINE,
    IMPOSTOR,
    INK,
    LINE,
    colour_of,
    figure,
    finish,
    legend,
    say_too_few,
)
from renzheng.evaluation.searches.identification import IdentificationStudy
from renzheng.evaluation.searches.measurement import SearchMeasurement


def tpir_by_fpir(study: IdentificationStudy) -> str:
    """Draw TPIR against FPIR, the latter on a logarithmic axis, by way of non-mated searches."""

    def draw(axes: Any) -> None:
        floor = 1.0
        for way, style in _styled(study):
            floor = min(floor, float(way.curve_fpir[0]))
            axes.plot(way.curve_fpir, way.curve_tpir, **style)
            for point in way.points if way is study.leave_one_out else ():
                ends = [point.tpir.low, point.tpir.high]
                axes.plot([point.max_fpir] * 2, ends, color=INK, lw=1.4)
        axes.set_xscale("log")
        if floor < 1:
            axes.set_xlim(floor, 1)
        else:
            say_too_few(axes)
        axes.set_ylim(0, 1.005)
        finish(axes, "FPIR", "TPIR")
        legend(axes)

    return figure(draw, "tpir-by-fpir", square=True)


def cmc(study: IdentificationStudy) -> str:
    """Draw the identification rate against rank, with the interval of leave-one-out searches."""

    def draw(axes: Any) -> None:
        for way, style in _styled(study):
            ranks = np.arange(1, len(way.identification) + 1)
            rates = [estimate.value for estimate in way.identification]
            if way is study.leave_one_out:
                low, high = zip(*((e.low, e.high) for e in way.identification), strict=True)
                if np.isfinite(low).all():
                    axes.fill_between(ranks, low, high, color=style["color"], alpha=0.15, lw=0)
            axes.plot(ranks, rates, **style)
        axes.set_xscale("log")
        axes.set_xlim(1, max(2, len(study.leave_one_out.identification)))
        axes.set_ylim(top=1.002)
        ticks = [k for k in (1, 2, 5, 10, 20, 50) if k <= axes.get_xlim()[1]]
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xticks([], minor=True)
        finish(axes, "rank", "identification rate")
        legend(axes)

    return figure(draw, "cmc", square=True)


def promised(study: IdentificationStudy) -> str:
    """Draw observed against promised FPIR, a colour for each number of people enrolled."""

    def draw(axes: Any) -> None:
        sizes = list(dict.fromkeys(p.enrolled for p in study.galleries))
        floor = 1.0
        for k, size in enumerate(sizes):
            found = [p for p in study.galleries if p.enrolled == size and p.fpir.value > 0]
            if not found:
                continue
            colour = colour_of(k, len(sizes))
            floor = min(floor, *(min(p.promised, p.fpir.value) for p in found))
            for p in found:
                if p.fpir.low > 0:
                    ends = [p.fpir.low, p.fpir.high]
                    axes.plot([p.promised] * 2, ends, color=colour, lw=1.6)
            axes.plot(
                [p.promised for p in found],
                [p.fpir.value for p in found],
                "s-",
                color=colour,
                ms=4,
                lw=1,
                label=f"{size} enrolled",
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        if floor < 1:
            axes.plot([floor / 3, 1], [floor / 3, 1], color=LINE, lw=1)
            axes.set_xlim(floor / 2, 1)
            axes.set_ylim(floor / 3, 1)
        else:
            say_too_few(axes)
        finish(axes, "promised FPIR", "observed FPIR")
        legend(axes)

    return figure(draw, "promised-fpir", square=True)


def _styled(study: IdentificationStudy) -> Iterator[tuple[SearchMeasurement, dict[str, Any]]]:
    """Yield each way of non-mated searches with the style and the name of its curve."""
    for way, (colour, style) in zip(study.ways, ((GENUINE, "-"), (IMPOSTOR, "--")), strict=False):
        label = f"{way.name}, {way.enrolled} enrolled"
        yield way, {"color": colour, "ls": style, "lw": 1.8, "label": label}
