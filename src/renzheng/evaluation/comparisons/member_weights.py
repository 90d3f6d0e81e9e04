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
    rates
        The lowest and the highest false match rate that the weights were fitted for.
    fnmr
        The mean false non-match rate over these, on a logarithmic scale of rates, everyone counting
        once.
    alone
        The same of each member by itself.
    """

    weights: tuple[float, ...]
    people: int
    rates: tuple[float, float]
    fnmr: float
    alone: tuple[float, ...]

    @property
    def pays(self) -> bool:
        """Whether the members do better together than the best of them alone."""
        return self.fnmr < min(self.alone)


def fit_weights(embeddings: Sequence[Floats], person: Indices, *, seed: int = 0) -> FittedWeights:
    """Fit weights on people who are all compared with one another.

    Parameters
    ----------
    embeddings
        By member, float32 (pictures, d) of unit length; NaN where a picture gave none.
    person
        int (pictures,): the number of each picture's person.
    seed
        Seed of the draws where there are more pictures than are needed.

    Raises
    ------
    InvalidInput
        If there are fewer than 30 people or 20 genuine comparisons.
    """
    rng = np.random.default_rng(seed)
    chosen = _chosen(embeddings, person, rng)
    rows = [each[chosen].astype(np.float32) for each in embeddings]
    owner = person[chosen]
    people = len(np.unique(owner))
    first, second = _same(owner)
    if people < MIN_PEOPLE or len(first) < _MIN_GENUINE:
        raise InvalidInput(
            f"{people} people with {len(first)} genuine comparisons are too few to fit weights on; "
            f"{MIN_PEOPLE} and {_MIN_GENUINE} are needed",
            remedy="give more people, hold fewer out (--hold-out), or set the weights: --weights 1,0.4",
        )
    genuine = np.stack([_squared(each[first], each[second]) for each in rows])
    once = 1 / np.bincount(owner[first], minlength=int(owner.max()) + 1)[owner[first]]
    scale, impostor, count = _near_impostors(rows, owner, rng)
    finest = RULE_OF_30 / (people * (people - 1) / 2)
    highest = min(max(_HIGHEST_FMR, 10 * finest), _NEAR / 2)
    lowest = min(finest, highest)
    rates = np.geomspace(lowest, highest, _RATES)
    within = np.unique(np.clip(np.ceil(rates * count).astype(int) - 1, 0, impostor.shape[1] - 1))

    def loss(mixture: Sequence[float]) -> float:
        factors = np.asarray(mixture) / scale
        near = np.partition(factors @ impostor, within)[within]
        mixed = factors @ genuine
        return float(np.mean([once[mixed > threshold].sum() for threshold in near]) / once.sum())

    best = _least(loss, len(rows))
    weights = np.sqrt(np.asarray(best) / scale)
    return FittedWeights(
        weights=tuple(float(w) for w in weights / np.linalg.norm(weights)),
        people=people,
        rates=(float(lowest), float(highest)),
        fnmr=loss(best),
        alone=tuple(loss(each) for each in np.eye(len(rows)).tolist()),
    )


def _chosen(embeddings: Sequence[Floats], person: Indices, rng: np.random.Generator) -> Indices:
    """Return the pictures to fit on: those with embeddings, of people drawn if they are many."""
    there = np.flatnonzero(np.isfinite([each[:, 0] for each in embeddings]).all(axis=0))
    if len(there) <= _MAX_PICTURES:
        return there
    everyone, pictures = np.unique(person[there], return_counts=True)
    order = rng.permutation(len(everyone))
    drawn = everyone[order[np.cumsum(pictures[order]) <= _MAX_PICTURES]]
    return there[np.isin(person[there], drawn)]


def _same(owner: Indices) -> tuple[Indices, Indices]:
    """Return the pairs of pictures of the same people."""
    pairs = [
        pair
        for number in np.unique(owner)
        for pair in itertools.combinations(np.flatnonzero(owner == number), 2)
    ]
    first, second = np.array(pairs, np.intp).reshape(-1, 2).T
    return first, second


def _near_impostors(
    rows: Sequence[Floats], owner: Indices, rng: np.random.Generator
) -> tuple[Array, Array, int]:
    """Return each member's mean, the nearest impostors' squared distances, and the number of all.

    Returns
    -------
    float64 (members,), float64 (members, kept), int
    """
    one, other = rng.integers(0, len(owner), (2, _SAMPLE))
    differ = owner[one] != owner[other]
    sample = np.stack([_squared(each[one[differ]], each[other[differ]]) for each in rows])
    scale = sample.mean(axis=1)
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
    return scale, np.concatenate(kept, axis=1), count


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
