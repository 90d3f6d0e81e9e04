"""Data of a protocol: pictures, the people that they show, and the comparisons to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Floats

Indices = npt.NDArray[np.intp]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Picture:
    """One picture of a protocol.

    Attributes
    ----------
    name
        The protocol's name for the picture.
    source
        The picture's path, or its encoded bytes.
    """

    name: str
    source: Path | bytes


@dataclass(frozen=True)
class Failure:
    """A failure to acquire (ISO/IEC 19795-1): the reason why a picture gave no embedding.

    Attributes
    ----------
    kind
        ``unreadable``, ``no_face`` or ``several_faces``.
    reason
        A sentence for people.
    """

    kind: str
    reason: str


Acquired = Floats | Failure  # float32 (d,), unit length


@dataclass(frozen=True)
class Problem:
    """A row or a picture that could not be used as it stands.

    Attributes
    ----------
    where
        The file and row, or the picture.
    reason
        The fault, for people.
    """

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, eq=False)
class Pairs:
    """A list of comparisons, each genuine or impostor.

    Attributes
    ----------
    name
        The protocol's name, for people.
    pictures
        Every picture once.
    person
        int (pictures,): the number of the person in each picture.
    reference, probe
        int (n,): the pictures on either side of each comparison.
    same
        bool (n,): whether the comparison is genuine.
    where
        str (n,): the name of each comparison in messages (``pairs.csv row 7``).
    folds
        int (n,), or None if the protocol has no folds.
    groups
        str (n,) by column: the value for each comparison.
    problems
        The rows that were left out, with reasons.
    """

    name: str
    pictures: Sequence[Picture]
    person: Indices
    reference: Indices
    probe: Indices
    same: npt.NDArray[np.bool_]
    where: Names
    folds: Indices | None = None
    groups: Mapping[str, Names] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def require_both(self) -> None:
        """Make sure that there are genuine and impostor comparisons.

        Raises
        ------
        InvalidInput
            If either kind is missing.
        """
        both = [kind for kind in (True, False) if np.any(self.same == kind)]
        if len(both) < 2:
            kind = "impostor" if True in both else "genuine" if False in both else "usable"
            raise InvalidInput(
                f"error rates need genuine and impostor comparisons; there is no {kind} one"
                + _left_out(self.problems),
                source=self.name,
                remedy="give pairs of both kinds",
            )

    def select(self, chosen: npt.NDArray[Any], problems: Sequence[Problem] = ()) -> Pairs:
        """Return the chosen comparisons, a mask or indices, with further problems noted."""
        return replace(
            self,
            reference=self.reference[chosen],
            probe=self.probe[chosen],
            same=self.same[chosen],
            where=self.where[chosen],
            folds=None if self.folds is None else self.folds[chosen],
            groups={column: values[chosen] for column, values in self.groups.items()},
            problems=(*self.problems, *problems),
        )


@dataclass(frozen=True, eq=False)
class People:
    """Pictures with their people, to be compared all against all.

    Attributes
    ----------
    name, pictures, problems
        See `Pairs`.
    person
        int (n,): the number of the person in each picture.
    groups
        str (n,) by column: the value for each picture.
    names
        The people's names, by their numbers in `person`.
    """

    name: str
    pictures: Sequence[Picture]
    person: Indices
    groups: Mapping[str, Names] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(np.unique(self.person)) < 2:
            raise InvalidInput(
                f"pictures of two people at least are needed, there are {len(self.pictures)} "
                f"picture(s) of {len(np.unique(self.person))}" + _left_out(self.problems),
                source=self.name,
            )

    def select(self, chosen: npt.NDArray[Any], problems: Sequence[Problem] = ()) -> People:
        """Return the chosen pictures, a mask or indices, with further problems noted."""
        kept = np.arange(len(self.pictures))[chosen]
        return replace(
            self,
            pictures=[self.pictures[i] for i in kept],
            person=self.person[kept],
            groups={column: values[kept] for column, values in self.groups.items()},
            problems=(*self.problems, *problems),
        )


@dataclass(frozen=True, eq=False)
class Presentations:
    """Pictures of live faces and of attacks (ISO/IEC 30107-3: presentations).

    Attributes
    ----------
    name, pictures, groups, problems
        See `People`.
    attack
        str (n,): the attack's type (the species of its presentation attack instrument), or empty
        where the presentation is bona fide: a live face.
    where
        str (n,): the name of each presentation in messages (``table.csv row 7``).
    """

    name: str
    pictures: Sequence[Picture]
    attack: Names
    where: Names
    groups: Mapping[str, Names] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def _left_out(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f" (left out: {'; '.join(map(str, problems[:3]))}{more})"


def people_of_pairs(count: int, reference: Indices, probe: Indices, same: Any) -> Indices:
    """Number the people in pictures: those that genuine pairs link are of one person.

    Parameters
    ----------
    count
        The number of pictures.
    reference, probe, same
        See `Pairs`.

    Returns
    -------
    int (count,)
        The number of the person in each picture; one in no genuine pair is a person by itself.
    """
    parent = np.arange(count)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for a, b in zip(reference[same], probe[same], strict=True):
        parent[root(int(a))] = root(int(b))
    return np.unique([root(i) for i in range(count)], return_inverse=True)[1].astype(np.intp)
