"""What a protocol asks for: pictures, whose they are, and which of them are compared."""

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
        What the protocol calls it.
    source
        Where it lies, or its bytes.
    """

    name: str
    source: Path | bytes


@dataclass(frozen=True)
class Failure:
    """Why a picture gave no embedding: a failure to acquire (ISO/IEC 19795-1).

    Attributes
    ----------
    kind
        ``unreadable``, ``no_face`` or ``several_faces``.
    reason
        In words.
    """

    kind: str
    reason: str


Acquired = Floats | Failure  # float32 (d,), unit length


@dataclass(frozen=True)
class Problem:
    """Something in the data that could not be used as it stands.

    Attributes
    ----------
    where
        The file and row, or the picture.
    reason
        What is wrong with it.
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
        Of the protocol, for people.
    pictures
        Every picture once.
    person
        int (pictures,): a number for each person.
    reference, probe
        int (n,): which picture is on either side.
    same
        bool (n,): whether the comparison is genuine.
    where
        str (n,): how messages name a comparison (``pairs.csv row 7``).
    folds
        int (n,), or None if the protocol has none.
    groups
        By column, str (n,): the value for each comparison.
    problems
        What was left out, and why.
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
            If there are not.
        """
        both = [kind for kind in (True, False) if np.any(self.same == kind)]
        if len(both) < 2:
            kind = "impostor" if True in both else "genuine" if False in both else "usable"
            raise InvalidInput(
                f"error rates need genuine and impostor comparisons; there is no {kind} one"
                + _told(self.problems),
                source=self.name,
                remedy="give pairs of both kinds",
            )

    def select(self, chosen: npt.NDArray[Any], problems: Sequence[Problem] = ()) -> Pairs:
        """Only the chosen comparisons, a mask or indices, with further problems noted."""
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
        As in `Pairs`.
    person
        int (n,): whose picture each is.
    groups
        By column, str (n,): the value for each picture.
    names
        Of the people, by their numbers in `person`.
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
                f"picture(s) of {len(np.unique(self.person))}" + _told(self.problems),
                source=self.name,
            )

    def select(self, chosen: npt.NDArray[Any], problems: Sequence[Problem] = ()) -> People:
        """Only the chosen pictures, a mask or indices, with further problems noted."""
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
        As in `People`.
    attack
        str (n,): the attack's type (the species of its presentation attack instrument), or empty
        where the presentation is bona fide: a live face.
    where
        str (n,): how messages name a presentation (``table.csv row 7``).
    """

    name: str
    pictures: Sequence[Picture]
    attack: Names
    where: Names
    groups: Mapping[str, Names] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def _told(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f" (left out: {'; '.join(map(str, problems[:3]))}{more})"


def people_of_pairs(count: int, reference: Indices, probe: Indices, same: Any) -> Indices:
    """Whose picture each is, as far as genuine pairs tell: pictures that they link are one person.

    Parameters
    ----------
    count
        How many pictures there are.
    reference, probe, same
        As in `Pairs`.

    Returns
    -------
    int (count,)
        A number for each person; a picture in no genuine pair is a person by itself.
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
