"""Error rates of presentation attack detection in the terms of ISO/IEC 30107-3.

APCER is the share of attack presentations that pass as live, for each species of attack instrument
separately: a mean over species would hide the one that works, so the highest stands for all. BPCER
is the share of bona fide presentations (live faces) that are taken for attacks. Averages of the
two (ACER) are left out: their weights are nobody's costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Names
from renzheng.evaluation.statistics.proportion import Proportion

APCERS = (0.01, 0.05, 0.1)  # BPCER100, BPCER20, BPCER10

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """The error rates at one threshold, over those presentations that have a score.

    Attributes
    ----------
    threshold
        The lowest score at which a face counts as live.
    apcer
        The attack presentation classification error rate by type of attack.
    bpcer
        The bona fide presentation classification error rate; None without bona fide presentations.
    """

    threshold: float
    apcer: Mapping[str, Proportion]
    bpcer: Proportion | None

    @property
    def worst(self) -> str | None:
        """The type of attack that passes most often; None without attacks."""
        if not self.apcer:
            return None
        return max(self.apcer, key=lambda kind: (self.apcer[kind].value, self.apcer[kind].high))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        worst = self.worst
        return {
            "threshold": self.threshold,
            "apcer": {kind: share.to_dict() for kind, share in self.apcer.items()},
            "highest_apcer": None
            if worst is None
            else {"type": worst, **self.apcer[worst].to_dict()},
            "bpcer": None if self.bpcer is None else self.bpcer.to_dict(),
        }


@dataclass(frozen=True)
class OperatingPoint:
    """The lowest BPCER at which no type of attack passes more often than allowed.

    Attributes
    ----------
    name
        The abbreviation of the standard: ``BPCER20`` is the BPCER at an APCER of 1 in 20.
    apcer
        The highest APCER allowed.
    rates
        The error rates there.
    thin
        The types with so few presentations that none may pass at this rate.
    """

    name: str
    apcer: float
    rates: Rates
    thin: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "allowed_apcer": self.apcer,
            "too_few_presentations": list(self.thin),
            **self.rates.to_dict(),
        }


def rates(scores: Scores, attack: Names, threshold: float) -> Rates:
    """Compute the error rates at a threshold.

    Parameters
    ----------
    scores
        float64 (n,): the liveness score of each presentation; NaN where there is none, which counts
        in no rate.
    attack
        str (n,): the type of attack, empty for bona fide.
    threshold
        The lowest score at which a face counts as live.
    """
    known = ~np.isnan(scores)
    scores, attack = scores[known], attack[known]
    bona_fide = scores[attack == ""]
    return Rates(
        threshold=threshold,
        apcer={
            kind: Proportion.counted(scores[attack == kind] >= threshold)
            for kind in attack_types(attack)
        },
        bpcer=Proportion.counted(bona_fide < threshold) if len(bona_fide) else None,
    )


def operating_point(scores: Scores, attack: Names, apcer: float) -> OperatingPoint | None:
    """Find the operating point at a highest APCER; parameters as in `rates`.

    Returns
    -------
    OperatingPoint or None
        None where bona fide or attack presentations with a score are missing.
    """
    known = ~np.isnan(scores)
    scores, attack = scores[known], attack[known]
    kinds = attack_types(attack)
    if not kinds or not np.any(attack == ""):
        return None
    threshold = 0.0
    for kind in kinds:
        falling = np.sort(scores[attack == kind])[::-1]
        allowed = math.floor(apcer * len(falling) + 1e-9)  # 0.1 * 30 is a little more than 3
        if allowed < len(falling):
            # Just above the first attack that must not pass, and everything that ties with it.
            threshold = max(threshold, float(np.nextafter(falling[allowed], np.inf)))
    return OperatingPoint(
        name=f"BPCER{round(1 / apcer)}",
        apcer=apcer,
        rates=rates(scores, attack, threshold),
        thin=tuple(k for k in kinds if np.count_nonzero(attack == k) * apcer < 1 - 1e-9),
    )


def attack_types(attack: Names) -> list[str]:
    """Return the types of attack, sorted."""
    return [str(kind) for kind in np.unique(attack) if kind]
