"""What becomes of searches as more people are enrolled: measured in databases of several sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.searches.ranking import SubGalleries
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Estimate, interval
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration, promised_fpir

_STEPS = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)
_MOST_STEPS = 5  # above what the calibration can speak for; higher rates promise a search nothing
_MOST_DRAWS = 200  # each weighs every search in every database


@dataclass(frozen=True)
class GalleryPromise:
    """A promised FPIR held against databases of one size.

    Attributes
    ----------
    enrolled
        The size.
    fmr, threshold
        What the calibration says of one comparison, and its distance.
    promised
        By `promised_fpir`.
    fpir, fpir_of_people
        Observed, the mean over databases; the second with every person counting once.
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
        """Plain values for JSON."""
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
    """What can be found among so many people.

    Attributes
    ----------
    enrolled
        The size.
    rank_one
        The closed-set identification rate of rank 1.
    tpir
        By FPIR asked for, TPIR with the mate nearest of all; the threshold is one for all
        databases of the size.
    """

    enrolled: int
    rank_one: Estimate
    tpir: tuple[tuple[float, Estimate], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "enrolled": self.enrolled,
            "rank_one": self.rank_one.to_dict(),
            "tpir": [{"max_fpir": rate, **tpir.to_dict()} for rate, tpir in self.tpir],
        }


def spoken_rates(calibration: Calibration) -> tuple[float, ...]:
    """The false match rates that a promise is tried at: from the lowest the calibration knows."""
    finest = calibration.resolution
    return (finest, *[rate for rate in _STEPS if rate > finest * (1 + 1e-9)][:_MOST_STEPS])


def gallery_promises(
    found: SubGalleries, calibration: Calibration, *, draws: int = REPLICATES, seed: int = 0
) -> tuple[GalleryPromise, ...]:
    """Hold promised FPIRs against what databases of several sizes showed.

    Rates at which a search would return a stranger more often than once in each database are left
    out, but for the lowest.

    Parameters
    ----------
    found
        The searches.
    calibration
        Of the pack.
    draws, seed
        Of the replicates, which draw the people who are searched for; the databases are the same
        in all.
    """
    _, place, count = np.unique(found.person, return_inverse=True, return_counts=True)
    rows: list[tuple[int, float, float, tuple[float, float] | None]] = []
    summed = []
    for size, nearest in zip(found.sizes, found.nearest, strict=True):
        for fmr in spoken_rates(calibration):
            if fmr * size > 1 and fmr > calibration.resolution:
                continue
            threshold = calibration.threshold_at(fmr)
            false = nearest <= np.float32(threshold)
            low, high = np.quantile(false.mean(axis=1), (0.025, 0.975))
            rows.append((size, fmr, threshold, None if _one(nearest) else (low, high)))
            summed.append(np.bincount(place, false.mean(axis=0), len(count)))
    shares = np.array(summed).T  # (people, rows): summed over a person's searches
    drawn_each, drawn_once = np.empty((2, draws, len(rows)))
    for k, weight in enumerate(_draws(len(count), draws, seed)):
        drawn_each[k] = weight @ shares / (weight @ count)
        drawn_once[k] = (weight / count) @ shares / len(count)
    each, once = shares.sum(axis=0) / count.sum(), (shares.T / count).mean(axis=1)
    return tuple(
        GalleryPromise(
            enrolled=size,
            fmr=fmr,
            threshold=threshold,
            promised=float(promised_fpir(fmr, size)),
            fpir=interval(float(each[k]), drawn_each[:, k], len(count)),
            fpir_of_people=interval(float(once[k]), drawn_once[:, k], len(count)),
            galleries=None if middle is None else (float(middle[0]), float(middle[1])),
        )
        for k, (size, fmr, threshold, middle) in enumerate(rows)
    )


def by_size(
    found: SubGalleries, max_fpirs: Sequence[float], *, draws: int = REPLICATES, seed: int = 0
) -> tuple[SizePoint, ...]:
    """Rank-1 identification rate and TPIR by database size.

    The person's own reference is in every database, beside those drawn. Searches for people without
    one are non-mated only.

    Parameters
    ----------
    found
        The searches; each is mated and non-mated.
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
    known, place = np.unique(found.person, return_inverse=True)
    wanted = [rate for rate in max_fpirs if rate * len(found.person) >= 1]
    weights = list(_draws(len(known), min(draws, _MOST_DRAWS), seed))
    points = []
    for size, nearest in zip(found.sizes, found.nearest, strict=True):
        weighted = _Pooled(nearest[:1] if _one(nearest) else nearest, found.mate, place)
        rank_one, *tpir = weighted(np.ones(len(known)), wanted)
        drawn = np.array([weighted(weight, wanted) for weight in weights])
        drawn = drawn.reshape(len(weights), 1 + len(wanted))
        points.append(
            SizePoint(
                enrolled=size,
                rank_one=interval(rank_one, drawn[:, 0]),
                tpir=tuple(
                    (rate, interval(value, drawn[:, 1 + k]))
                    for k, (rate, value) in enumerate(zip(wanted, tpir, strict=True))
                ),
            )
        )
    return tuple(points)


class _Pooled:
    """All databases of one size taken together, sorted once for every weighting of the people.

    Parameters
    ----------
    nearest, mate
        float32 (galleries, k), float32 (k,): as in `SubGalleries`.
    place
        int (k,): whose each search is.
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

    def __call__(self, weight: Array, max_fpirs: Sequence[float]) -> list[float]:
        """Rank-1 rate, then TPIR at each FPIR; NaN where no mated search was drawn."""
        false = np.cumsum(weight[self._false_of])
        found = np.concatenate([[0.0], np.cumsum(weight[self._found_of])])
        whole = self._galleries * float(weight[self._mated_of].sum())
        if whole == 0:
            return [float("nan")] * (1 + len(max_fpirs))
        cuts = []
        for rate in max_fpirs:
            accepted = int(np.searchsorted(false, rate * false[-1] * (1 + 1e-12), side="right"))
            cuts.append(self._nearest[accepted] if accepted < len(false) else np.inf)
        places = np.searchsorted(self._mate, [np.inf, *cuts], side="left")
        return [float(v) for v in found[places] / whole]


def _draws(people: int, count: int, seed: int) -> Iterator[Array]:
    """How often each person is drawn, draw by draw."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.bincount(rng.integers(people, size=people), minlength=people).astype(float)


def _one(nearest: Floats) -> bool:
    """Whether all databases are the same."""
    return bool((nearest == nearest[:1]).all())
