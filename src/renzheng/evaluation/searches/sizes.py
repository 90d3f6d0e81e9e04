"""Identification rates as more people are enrolled, measured in databases of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.ranking import SubGalleries
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Estimate, bootstrap
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration, promised_fpir

_RATES = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)
_MAX_RATES = 5  # above the resolution of the calibration; higher rates promise a search nothing
_MAX_DRAWS = 200  # each weighs every search in every database


@dataclass(frozen=True)
class GalleryPromise:
    """A promised FPIR beside the observed one, in databases of one size.

    Attributes
    ----------
    enrolled
        The number of people enrolled.
    fmr, threshold
        The false match rate of one comparison, and the distance that the calibration gives to it.
    promised
        The FPIR that follows from `fmr` (`promised_fpir`).
    fpir, fpir_of_people
        The observed rate, the mean over databases; the second with every person counting once.
    galleries
        The middle 95 % of the databases' own FPIRs; None where all databases are the same.
    """

    enrolled: int
    fmr: float
    threshold: float
    promised: float
    fpir: Estimate
    fpir_of_people: Estimate
    galleries: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "enrolled": self.enrolled,
            "fmr": self.fmr,
            "threshold": self.threshold,
            "promised_fpir": self.promised,
            "fpir": self.fpir.to_dict(),
            "fpir_of_people": self.fpir_of_people.to_dict(),
            "observed_over_promised": self.fpir.value / self.promised,
            "galleries": None if self.galleries is None else list(self.galleries),
        }


@dataclass(frozen=True)
class SizePoint:
    """Identification rates in databases of one size.

    Attributes
    ----------
    enrolled
        The number of people enrolled.
    rank_one
        The closed-set identification rate of rank 1.
    tpir
        For each FPIR asked for, (FPIR, TPIR with the mate nearest of all); all databases of the
        size have one threshold.
    """

    enrolled: int
    rank_one: Estimate
    tpir: tuple[tuple[float, Estimate], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "enrolled": self.enrolled,
            "rank_one": self.rank_one.to_dict(),
            "tpir": [{"max_fpir": rate, **tpir.to_dict()} for rate, tpir in self.tpir],
        }


def reachable_rates(calibration: Calibration) -> tuple[float, ...]:
    """Return the false match rates to test promises at, from the calibration's resolution up."""
    finest = calibration.resolution
    return (finest, *[rate for rate in _RATES if rate > finest * (1 + 1e-9)][:_MAX_RATES])


def gallery_promises(
    found: SubGalleries, calibration: Calibration, *, draws: int = REPLICATES, seed: int = 0
) -> tuple[GalleryPromise, ...]:
    """Compare promised FPIRs with those observed in databases of several sizes.

    Rates at which a search would return more than one impostor from each database are left out, all
    but the lowest.

    Parameters
    ----------
    found
        The searches.
    calibration
        The pack's calibration.
    draws, seed
        As in `bootstrap`, over the people who are searched for; the databases stay the same.
    """
    _, place, count = np.unique(found.person, return_inverse=True, return_counts=True)
    rows: list[tuple[int, float, float, tuple[float, float] | None]] = []
    summed = []
    for size, nearest in zip(found.sizes, found.nearest, strict=True):
        for fmr in reachable_rates(calibration):
            if fmr * size > 1 and fmr > calibration.resolution:
                continue
            threshold = calibration.threshold_at(fmr)
            false = nearest <= np.float32(threshold)
            low, high = np.quantile(false.mean(axis=1), (0.025, 0.975))
            rows.append((size, fmr, threshold, None if _all_same(nearest) else (low, high)))
            summed.append(np.bincount(place, false.mean(axis=0), len(count)))
    shares = np.array(summed).T  # (people, rows): summed over a person's searches

    def statistics(weight: Array | None) -> dict[str, npt.ArrayLike]:
        if weight is None:
            return {
                "fpir": shares.sum(axis=0) / count.sum(),
                "fpir of people": (shares.T / count).mean(axis=1),
            }
        return {
            "fpir": weight @ shares / (weight @ count),
            "fpir of people": (weight / count) @ shares / len(count),
        }

    observed = bootstrap(place, statistics, draws, seed=seed)
    return tuple(
        GalleryPromise(
            enrolled=size,
            fmr=fmr,
            threshold=threshold,
            promised=float(promised_fpir(fmr, size)),
            fpir=fpir,
            fpir_of_people=fpir_of_people,
            galleries=None if middle is None else (float(middle[0]), float(middle[1])),
        )
        for (size, fmr, threshold, middle), fpir, fpir_of_people in zip(
            rows,
            observed.estimates("fpir", len(count)),
            observed.estimates("fpir of people", len(count)),
            strict=True,
        )
    )


def by_size(
    found: SubGalleries, max_fpirs: Sequence[float], *, draws: int = REPLICATES, seed: int = 0
) -> tuple[SizePoint, ...]:
    """Measure the rank-1 identification rate and TPIR by database size.

    The person's own reference is in every database, beside those drawn. Searches for people without
    one are non-mated only.

    Parameters
    ----------
    found
        The searches; each is both mated and non-mated.
    max_fpirs
        The false positive identification rates to report; those below one search are left out.
    draws, seed
        As in `gallery_promises`, 200 draws at most.

    Returns
    -------
    tuple of SizePoint
        Empty where nobody has a reference.
    """
    if np.isinf(found.mate).all():
        return ()
    place = np.unique(found.person, return_inverse=True)[1]
    wanted = [rate for rate in max_fpirs if rate * len(found.person) >= 1]
    points = []
    for size, nearest in zip(found.sizes, found.nearest, strict=True):
        weighted = _Pooled(nearest[:1] if _all_same(nearest) else nearest, found.mate, place)
        observed = bootstrap(
            place,
            partial(weighted.statistics, max_fpirs=wanted),
            min(draws, _MAX_DRAWS),
            seed=seed,
        )
        tpir = tuple(zip(wanted, observed.estimates("tpir"), strict=True))
        points.append(SizePoint(size, observed.estimate("rank one"), tpir))
    return tuple(points)


class _Pooled:
    """All databases of one size taken together, sorted once for every weighting of the people.

    Parameters
    ----------
    nearest, mate
        float32 (galleries, k), float32 (k,): as in `SubGalleries`.
    place
        int (k,): the number of the person of each search, 0 to people - 1.
    """

    def __init__(self, nearest: Floats, mate: Floats, place: Indices):
        self._galleries = len(nearest)
        order = np.argsort(nearest, axis=None)
        self._nearest = nearest.ravel()[order]
        self._false_of = np.tile(place, len(nearest))[order]
        known = np.isfinite(mate)
        self._mated_of = place[known]
        found = np.where(nearest > mate, mate, np.inf)[:, known]
        order = np.argsort(found, axis=None)
        self._mate = found.ravel()[order]
        self._found_of = np.tile(self._mated_of, len(nearest))[order]

    def statistics(
        self, weight: Array | None, max_fpirs: Sequence[float]
    ) -> dict[str, npt.ArrayLike]:
        """Return the rank-1 rate and TPIR at each FPIR, NaN where no mated search was drawn."""
        weight = np.ones(int(self._false_of.max()) + 1) if weight is None else weight
        false = np.cumsum(weight[self._false_of])
        found = np.concatenate([[0.0], np.cumsum(weight[self._found_of])])
        whole = self._galleries * float(weight[self._mated_of].sum())
        if whole == 0:
            return {"rank one": np.nan, "tpir": np.full(len(max_fpirs), np.nan)}
        cuts = []
        for rate in max_fpirs:
            accepted = int(np.searchsorted(false, rate * false[-1] * (1 + 1e-12), side="right"))
            cuts.append(self._nearest[accepted] if accepted < len(false) else np.inf)
        places = np.searchsorted(self._mate, [np.inf, *cuts], side="left")
        rates = found[places] / whole
        return {"rank one": rates[0], "tpir": rates[1:]}


def _all_same(nearest: Floats) -> bool:
    """Tell whether all databases are the same."""
    return bool((nearest == nearest[:1]).all())
