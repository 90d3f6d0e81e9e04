"""The weights of an ensemble's members, fitted on people.

Fusion at the level of scores: the squared distances of several networks are added with weights
(Snelick et al., "Large-scale evaluation of multimodal biometric authentication using
state-of-the-art systems", 2005, for weighted sums of scores). The weights of the least false
non-match rate at low false match rates are searched for directly; there are few members, so that
every mixture on a grid can be tried.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.evaluation.statistics.bootstrap import RULE_OF_30
from renzheng.types import Floats

Array = npt.NDArray[np.float64]
Group = tuple[Sequence[Floats], Indices]  # embeddings by member, and whose each picture is

MIN_PEOPLE = 30  # 435 pairs of people: false match rates down to 0.07 by the rule of 30
_MIN_GENUINE = 20  # as for a calibration
_MAX_PICTURES = 6000  # 18 million comparisons, which tell rates of 1e-5
_HIGHEST_FMR = 1e-3  # the rates that matter lie below, if so many people can tell them
_RATES = 9  # false match rates over which the mean is taken
# Impostors that are among the nearest of no network alone, nor of all together, decide nothing.
_NEAR = 0.02
_SAMPLE = 200_000  # comparisons that the nearest are told by
_STEPS = {2: 20, 3: 10, 4: 10}  # of the grid of mixtures, by the number of members


@dataclass(frozen=True)
class FittedWeights:
    """Weights, and what they gained on the people they were fitted on.

    Attributes
    ----------
    weights
        The factors of the members' unit embeddings; their squares add up to 1.
    people
        The number of people who were fitted on.
    populations
        The number of further populations whose false match rates were kept.
    rates
        The lowest and the highest false match rate that the weights were fitted for: from what all
        these people can tell.
    fnmr
        The mean false non-match rate over these, on a logarithmic scale of rates, everyone counting
        once.
    alone
        The same of each member by itself.
    """

    weights: tuple[float, ...]
    people: int
    populations: int
    rates: tuple[float, float]
    fnmr: float
    alone: tuple[float, ...]

    @property
    def pays(self) -> bool:
        """Whether the members do better together than the best of them alone."""
        return self.fnmr < min(self.alone)


def fit_weights(
    embeddings: Sequence[Floats],
    person: Indices,
    *,
    others: Sequence[Group] = (),
    seed: int = 0,
) -> FittedWeights:
    """Fit weights on people who are all compared with one another.

    Parameters
    ----------
    embeddings
        By member, float32 (pictures, d) of unit length; NaN where a picture gave none.
    person
        int (pictures,): the number of each picture's person.
    others
        The same of further populations, of which only impostors count: a distance counts as near as
        it is among the people who match falsely most often. A network that tells some people apart
        badly may gain among the others and lose here.
    seed
        Seed of the draws where there are more pictures than are needed.

    Raises
    ------
    InvalidInput
        If there are fewer than 30 people, here or in one of the others, or fewer than 20 genuine
        comparisons.
    """
    rng = np.random.default_rng(seed)
    groups = [_chosen(each, rng) for each in ((embeddings, person), *others)]
    (rows, owner), *_ = groups
    first, second = _same(owner)
    counts = [len(np.unique(each)) for _, each in groups]
    if min(counts) < MIN_PEOPLE or len(first) < _MIN_GENUINE:
        raise InvalidInput(
            f"{min(counts)} people with {len(first)} genuine comparisons are too few to fit "
            f"weights on; {MIN_PEOPLE} and {_MIN_GENUINE} are needed",
            remedy="give more people, hold fewer out (--hold-out), or set --weights 1,0.4",
        )
    genuine = np.stack([_squared(each[first], each[second]) for each in rows])
    once = 1 / np.bincount(owner[first], minlength=int(owner.max()) + 1)[owner[first]]
    scale = _sampled(rows, owner, rng).mean(axis=1)
    finest = RULE_OF_30 / min(n * (n - 1) / 2 for n in counts)
    highest = min(max(_HIGHEST_FMR, 10 * finest), _NEAR / 2)
    lowest = min(finest, highest)
    rates = np.geomspace(lowest, highest, _RATES)
    impostors = []
    for group in groups:
        near, count = _near_impostors(*group, scale, rng)
        within = np.clip(np.ceil(rates * count).astype(int) - 1, 0, near.shape[1] - 1)
        impostors.append((near, within))

    def loss(mixture: Sequence[float]) -> float:
        factors = np.asarray(mixture) / scale
        limits = np.min(
            [np.partition(factors @ near, np.unique(w))[w] for near, w in impostors], axis=0
        )
        mixed = factors @ genuine
        return float(np.mean([once[mixed > limit].sum() for limit in limits]) / once.sum())

    best = _least(loss, len(rows))
    weights = np.sqrt(np.asarray(best) / scale)
    return FittedWeights(
        weights=tuple(float(w) for w in weights / np.linalg.norm(weights)),
        people=counts[0],
        populations=len(others),
        rates=(float(lowest), float(highest)),
        fnmr=loss(best),
        alone=tuple(loss(each) for each in np.eye(len(rows)).tolist()),
    )


def _chosen(group: Group, rng: np.random.Generator) -> tuple[list[Floats], Indices]:
    """Return what to fit on: pictures with embeddings, of people drawn if they are many."""
    embeddings, person = group
    there = np.flatnonzero(np.isfinite([each[:, 0] for each in embeddings]).all(axis=0))
    if len(there) > _MAX_PICTURES:
        everyone, pictures = np.unique(person[there], return_counts=True)
        order = rng.permutation(len(everyone))
        drawn = everyone[order[np.cumsum(pictures[order]) <= _MAX_PICTURES]]
        there = there[np.isin(person[there], drawn)]
    return [each[there].astype(np.float32) for each in embeddings], person[there]


def _same(owner: Indices) -> tuple[Indices, Indices]:
    """Return the pairs of pictures of the same people."""
    pairs = [
        pair
        for number in np.unique(owner)
        for pair in itertools.combinations(np.flatnonzero(owner == number), 2)
    ]
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    return first, second


def _sampled(rows: Sequence[Floats], owner: Indices, rng: np.random.Generator) -> Array:
    """Return squared distances of different people drawn at random: float64 (members, n)."""
    one, other = rng.integers(0, len(owner), (2, _SAMPLE))
    differ = owner[one] != owner[other]
    return np.stack([_squared(each[one[differ]], each[other[differ]]) for each in rows])


def _near_impostors(
    rows: Sequence[Floats], owner: Indices, scale: Array, rng: np.random.Generator
) -> tuple[Array, int]:
    """Return the nearest impostors' squared distances, and the number of all impostors.

    Returns
    -------
    float64 (members, kept), int
    """
    sample = _sampled(rows, owner, rng)
    limits = np.quantile(sample, _NEAR, axis=1)
    together = float(np.quantile((sample / scale[:, None]).mean(axis=0), _NEAR))
    kept, count = [], 0
    step = max(1, 4_000_000 // len(owner))
    for start in range(0, len(owner), step):
        block = slice(start, start + step)
        squared = np.stack([2 - 2 * (each[block] @ each.T) for each in rows])
        later = np.arange(len(owner)) > np.arange(len(owner))[block, None]
        impostor = later & (owner[block, None] != owner)
        count += int(impostor.sum())
        near = (squared <= limits[:, None, None]).any(axis=0)
        near |= (squared / scale[:, None, None]).mean(axis=0) <= together
        kept.append(squared[:, near & impostor].astype(np.float64))
    return np.concatenate(kept, axis=1), count


def _squared(one: Floats, other: Floats) -> Array:
    found: Array = 2 - 2 * np.einsum("ij,ij->i", one, other, dtype=np.float64)
    return found


def _least(loss: Callable[[Sequence[float]], float], members: int) -> tuple[float, ...]:
    """Return the mixture of the least loss in which every member counts; of equals the most even.

    A mixture says how much of an average impostor's squared distance comes from each member, so
    that a step means as much for a network with small distances as for one with large ones.
    """
    steps = _STEPS[members]
    grid = [
        tuple(part / steps for part in (*parts, steps - sum(parts)))
        for parts in itertools.product(range(1, steps), repeat=members - 1)
        if sum(parts) < steps
    ]
    return min(grid, key=lambda mixture: (loss(mixture), sum(part**2 for part in mixture)))
