"""False and true matches of degraded faces, before their strength counts and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.evaluation.information.acquisition import DegradedFaces
from renzheng.evaluation.statistics.bootstrap import Array, Estimate, interval
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration, fmr_for_fpir
from renzheng.verification.information import Thresholds

Mask = npt.NDArray[np.bool_]


def thresholds_of(calibration: Calibration, max_fmr: float) -> Thresholds:
    """Return the thresholds of a false match rate.

    Raises
    ------
    InvalidInput
        If the calibration does not reach down to `max_fmr`.
    """
    return Thresholds.of_levels(
        lambda strength: calibration.threshold_at(max_fmr, strength),
        calibration.min_strength,
        calibration.weaker,
    )


def decide(thresholds: Thresholds, distance: Array, strength: Array) -> Matches:
    """Return which comparisons match.

    Parameters
    ----------
    thresholds
        The thresholds of the promised rate.
    distance, strength
        float64 of one shape: the distances, and the strengths of the stronger sides.
    """
    return Matches(
        before=distance <= thresholds.ordinary,
        after=distance <= thresholds.at(strength),
        doubt=thresholds.lacks_rate(strength),
    )


@dataclass(frozen=True, eq=False)
class Matches:
    """Comparisons that match, and those that are in doubt; bool of one shape.

    Attributes
    ----------
    before, after
        Whether the distance keeps the promised rate without and with strength.
    doubt
        Whether no rate holds for so weak a comparison.
    """

    before: Mask
    after: Mask
    doubt: Mask

    def select(self, chosen: Any) -> Matches:
        """Return the chosen comparisons."""
        return Matches(self.before[chosen], self.after[chosen], self.doubt[chosen])


@dataclass(frozen=True)
class PairRates:
    """False match rates among pairs of different people.

    Attributes
    ----------
    pairs
        The number of pairs.
    before, after
        The shares that match without and with strength, with the intervals of a bootstrap over
        people.
    before_count, after_count
        The numbers of pairs that match.
    doubt
        The share of pairs for which no rate is stated.
    """

    pairs: int
    before: Estimate
    after: Estimate
    before_count: int
    after_count: int
    doubt: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "pairs": self.pairs,
            "before": {"count": self.before_count, **self.before.to_dict()},
            "after": {"count": self.after_count, **self.after.to_dict()},
            "doubt": self.doubt,
        }


@dataclass(frozen=True)
class Shares:
    """Shares of true matches, or of searches that identify somebody.

    Attributes
    ----------
    before, after
        The shares without and with strength.
    doubt
        The share for which no rate is stated; None for searches.
    """

    before: Proportion
    after: Proportion
    doubt: Proportion | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        doubt = {} if self.doubt is None else {"doubt": self.doubt.to_dict()}
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), **doubt}


def compare(
    one: Floats, one_strength: Array, other: Floats, other_strength: Array
) -> tuple[Array, Array]:
    """Compare every face of one group with every face of another.

    Parameters
    ----------
    one, other
        float32 (n, d) and (m, d), unit length.
    one_strength, other_strength
        float64 (n,) and (m,).

    Returns
    -------
    (distance, strength)
        float64 (n, m): the distances and the strengths of the stronger sides; NaN where a face was
        not acquired.
    """
    cosine = one.astype(np.float64) @ other.astype(np.float64).T
    strength = np.maximum(one_strength[:, None], other_strength[None, :])
    return np.sqrt(np.maximum(0.0, 2 - 2 * cosine)), strength


def pair_rates(
    distance: Array, strength: Array, thresholds: Thresholds, weights: Array, *, alike: bool
) -> PairRates | None:
    """Measure false match rates among people of whom each has one face on either side.

    Parameters
    ----------
    distance, strength
        float64 (people, people) as from `compare`; the diagonal is not used.
    thresholds
        The condition for a match.
    weights
        float64 (draws, people): how often each person was drawn in each replicate.
    alike
        Whether both sides hold the same faces, so that each pair is there twice.

    Returns
    -------
    PairRates
        None where there is no pair.
    """
    valid = np.isfinite(distance)
    np.fill_diagonal(valid, False)
    if not valid.any():
        return None
    found = decide(thresholds, np.where(valid, distance, np.inf), np.where(valid, strength, np.inf))
    twice = 2 if alike else 1
    pairs = int(valid.sum()) // twice

    def drawn(mask: Mask) -> Array:
        return np.asarray(((weights @ mask.astype(np.float64)) * weights).sum(axis=1))

    weight = drawn(valid)

    def rate(mask: Mask) -> tuple[Estimate, int]:
        mask = mask & valid
        with np.errstate(invalid="ignore", divide="ignore"):
            replicates = drawn(mask) / weight
        count = int(mask.sum()) // twice
        return interval(count / pairs, replicates, pairs), count

    before, before_count = rate(found.before)
    after, after_count = rate(found.after)
    doubt = float((found.doubt & valid).sum() / valid.sum())
    return PairRates(pairs, before, after, before_count, after_count, doubt)


def genuine_shares(
    one: Floats,
    one_strength: Array,
    other: Floats,
    other_strength: Array,
    thresholds: Thresholds,
) -> Shares | None:
    """Measure the shares of true matches among pairs of faces of one person each.

    Parameters
    ----------
    one, one_strength, other, other_strength
        As in `compare`, with row i of either side of one person.
    thresholds
        The condition for a match.

    Returns
    -------
    Shares
        None where there is no pair.
    """
    distance = np.linalg.norm(one.astype(np.float64) - other, axis=1)
    valid = np.isfinite(distance)
    if not valid.any():
        return None
    found = decide(thresholds, distance[valid], np.maximum(one_strength, other_strength)[valid])
    return Shares(
        Proportion.counted(found.before),
        Proportion.counted(found.after),
        Proportion.counted(found.doubt),
    )


@dataclass(frozen=True)
class GalleryRates:
    """Searches in a gallery of people enrolled with pictures degraded alike.

    Attributes
    ----------
    enrolled
        The number of people enrolled.
    strangers
        The shares of the searches with other people that identify somebody: false positive
        identification rates.
    mates
        The shares of the searches with a second picture of the enrolled that identify them; None
        where there are no second pictures.
    """

    enrolled: int
    strangers: Shares
    mates: Shares | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "enrolled": self.enrolled,
            "strangers": self.strangers.to_dict(),
            "mates": None if self.mates is None else self.mates.to_dict(),
        }


def gallery_rates(
    faces: DegradedFaces,
    mates: DegradedFaces,
    kinds: tuple[int, int],
    enrolled: Mask,
    calibration: Calibration,
    max_fpir: float,
) -> GalleryRates | None:
    """Enrol some people, and search for the others and for second pictures of those enrolled.

    Parameters
    ----------
    faces, mates
        The first and the second picture of each person, in one order.
    kinds
        The indices of the degradations of those enrolled and of those searched with.
    enrolled
        bool (people,): whom to enrol.
    calibration
        The rates. A candidate is identified if `promised_fpir` of its false match rate is at most
        `max_fpir`; a comparison without a rate identifies nobody.
    max_fpir
        The promised false positive identification rate.

    Returns
    -------
    GalleryRates
        None where nobody can be enrolled or searched for, or the calibration does not reach down to
        the false match rate that so many people need.
    """
    stored, sought = kinds
    have = faces.acquired
    people = np.flatnonzero(enrolled & have[stored])
    strangers = np.flatnonzero(~enrolled & have[sought])
    if not len(people) or not len(strangers):
        return None
    max_fmr = fmr_for_fpir(max_fpir, len(people))
    if max_fmr < calibration.resolution * (1 - 1e-9):
        return None
    thresholds = thresholds_of(calibration, max_fmr)
    gallery = faces.embeddings[stored, people], faces.strengths[stored, people]

    def search(probes: DegradedFaces, chosen: npt.NDArray[np.intp]) -> tuple[Array, Matches]:
        asked = probes.embeddings[sought, chosen], probes.strengths[sought, chosen]
        distance, strength = compare(*asked, *gallery)
        return distance, decide(thresholds, distance, strength)

    _, found = search(faces, strangers)
    before, after = (np.asarray(m.any(axis=1), np.bool_) for m in (found.before, found.after))
    false = Shares(Proportion.counted(before), Proportion.counted(after))
    chosen = np.flatnonzero(mates.acquired[sought, people])
    true = None
    if len(chosen):
        distance, found = search(mates, people[chosen])
        rows = np.arange(len(chosen))

        def identified(matching: Mask) -> Proportion:
            nearest = np.where(matching, distance, np.inf).argmin(axis=1)
            right = (nearest == chosen) & matching[rows, chosen]
            return Proportion.counted(np.asarray(right, np.bool_))

        true = Shares(identified(found.before), identified(found.after))
    return GalleryRates(len(people), false, true)
