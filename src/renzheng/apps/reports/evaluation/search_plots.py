"""A study of one-to-many search as plots."""

from __future__ import annotations

from typing import Any

import numpy as np

from renzheng.apps.reports.evaluation.svg import (
    GENUINE,
    IMPOSTOR,
    INK,
    LINE,
    colour_of,
    figure,
    legend,
    say_too_few,
)
from renzheng.evaluation.searches.identification import IdentificationStudy


def tpir_by_fpir(study: IdentificationStudy) -> str:
    """TPIR against FPIR, the latter on a logarithmic axis, with both ways of non-mated searches."""

    def draw(axes: Any) -> None:
        floor = 1.0
        for way, (colour, style) in zip(
            study.ways, ((GENUINE, "-"), (IMPOSTOR, "--")), strict=False
        ):
            floor = min(floor, float(way.curve_fpir[0]))
            axes.plot(
                way.curve_fpir,
                way.curve_tpir,
                style,
                color=colour,
                lw=1.8,
                label=f"{way.name}, {way.enrolled} enrolled",
            )
            for point in way.points if way is study.leave_one_out else ():
                ends = [point.tpir.low, point.tpir.high]
                axes.plot([point.max_fpir] * 2, ends, color=INK, lw=1.4)
        axes.set_xscale("log")
        if floor < 1:
            axes.set_xlim(floor, 1)
        else:
            say_too_few(axes)
        axes.set_ylim(0, 1.005)
        axes.grid(color=LINE, lw=0.6)
        axes.set_xlabel("FPIR")
        axes.set_ylabel("TPIR")
        legend(axes)

    return figure(draw, "tpir-by-fpir", square=True)


def cmc(study: IdentificationStudy) -> str:
    """Identification rate against rank, with the interval of the headline's."""

    def draw(axes: Any) -> None:
        for way, (colour, style) in zip(
            study.ways, ((GENUINE, "-"), (IMPOSTOR, "--")), strict=False
        ):
            ranks = np.arange(1, len(way.identification) + 1)
            rates = [estimate.value for estimate in way.identification]
            if way is study.leave_one_out:
                low, high = zip(*((e.low, e.high) for e in way.identification), strict=True)
                if np.isfinite(low).all():
                    axes.fill_between(ranks, low, high, color=colour, alpha=0.15, lw=0)
            label = f"{way.name}, {way.enrolled} enrolled"
            axes.plot(ranks, rates, style, color=colour, lw=1.8, label=label)
        axes.set_xscale("log")
        axes.set_xlim(1, max(2, len(study.leave_one_out.identification)))
        axes.set_ylim(top=1.002)
        ticks = [k for k in (1, 2, 5, 10, 20, 50) if k <= axes.get_xlim()[1]]
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xticks([], minor=True)
        axes.grid(color=LINE, lw=0.6)
        axes.set_xlabel("rank")
        axes.set_ylabel("identification rate")
        legend(axes)

    return figure(draw, "cmc", square=True)


def promised(study: IdentificationStudy) -> str:
    """Observed against promised FPIR, a colour for each number of people enrolled."""

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
        axes.grid(color=LINE, lw=0.6)
        axes.set_xlabel("promised FPIR")
        axes.set_ylabel("observed FPIR")
        legend(axes)

    return figure(draw, "promised-fpir", square=True)
