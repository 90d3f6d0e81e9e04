"""Samplers: which pictures make a batch, the same in every run with the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PKSampler:
    """Sampler of P people with K pictures each in every batch, as losses over pairs need.

    People take turns, each once before anyone twice, and so do each person's pictures. A person
    with fewer than K pictures is shown them again, augmented anew. A person with one picture serves
    as a negative only, and is left out unless `singles` is set.

    Attributes
    ----------
    labels
        int64 (n,): the person of each picture.
    people, pictures
        P and K.
    seed
        Seed of the order.
    singles
        Whether people with one picture take part.
    """

    labels: Indices
    people: int
    pictures: int
    seed: int = 0
    singles: bool = False

    def __post_init__(self) -> None:
        if self.people < 2 or self.pictures < 2:
            raise InvalidInput(
                f"a batch of {self.people} people with {self.pictures} pictures holds no triplet",
                remedy="batch.people and batch.pictures must be 2 or more",
            )
        if len(self._usable) < self.people:
            raise InvalidInput(
                f"{len(self._usable)} people have two pictures or more, but a batch needs "
                f"{self.people}",
                remedy="lower batch.people, or give more pictures",
            )

    @cached_property
    def _usable(self) -> Indices:
        known, count = np.unique(self.labels, return_counts=True)
        return np.asarray(known if self.singles else known[count > 1], np.int64)

    @property
    def batch(self) -> int:
        """Number of pictures in a batch."""
        return self.people * self.pictures

    @cached_property
    def steps(self) -> int:
        """Number of batches in an epoch, which show as many pictures as the people have."""
        return max(1, int(np.isin(self.labels, self._usable).sum()) // self.batch)

    def epoch(self, number: int) -> Iterator[Indices]:
        """Yield the batches of an epoch, int64 (P * K,) each, grouped by person.

        The order of an epoch depends on no other epoch, so that a run can be resumed at any.
        """
        rng = np.random.default_rng([self.seed, number, 1])
        order = np.argsort(self.labels, kind="stable")
        known, start, count = np.unique(self.labels[order], return_index=True, return_counts=True)
        usable = np.flatnonzero(np.isin(known, self._usable))
        waiting: dict[int, list[int]] = {}
        turn: list[int] = []
        for _ in range(self.steps):
            chosen: list[int] = []
            while len(chosen) < self.people:
                if not turn:
                    # A new round must not repeat people who are in this batch already.
                    turn = rng.permutation(usable).tolist()
                who = next((w for w in turn if w not in chosen), None)
                if who is None:
                    turn = []
                    continue
                turn.remove(who)
                chosen.append(who)
            batch = []
            for who in chosen:
                for _ in range(self.pictures):
                    if not waiting.get(who):
                        own = order[start[who] : start[who] + count[who]]
                        waiting[who] = rng.permutation(own).tolist()
                    batch.append(waiting[who].pop())
            yield np.array(batch, np.int64)


@dataclass(frozen=True)
class ShuffledSampler:
    """Sampler of every picture once an epoch, as losses over single pictures need.

    Attributes
    ----------
    count
        Number of pictures.
    batch
        Number of pictures in a batch; the last, smaller batch of an epoch is left out.
    seed
        Seed of the order.
    """

    count: int
    batch: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= self.count:
            raise InvalidInput(
                f"a batch of {self.batch} pictures cannot be taken from {self.count}",
                remedy="lower batch.size, or give more pictures",
            )

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return self.count // self.batch

    def epoch(self, number: int) -> Iterator[Indices]:
        """Yield the batches of an epoch, int64 (batch,) each."""
        order = np.random.default_rng([self.seed, number, 0]).permutation(self.count)
        for step in range(self.steps):
            yield np.asarray(order[step * self.batch : (step + 1) * self.batch], np.int64)


Sampler = PKSampler | ShuffledSampler
