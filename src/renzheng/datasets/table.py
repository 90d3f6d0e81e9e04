"""Protocols in tables: comparisons (reference, probe, label), pictures of people (picture, person)
or presentations (picture, type).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from renzheng._support import csv_tables
from renzheng._support.csv_tables import Row
from renzheng.datasets.types import (
    Names,
    Pairs,
    People,
    Picture,
    Presentations,
    Problem,
    people_of_pairs,
)
from renzheng.errors import InvalidInput

_SAME = {"1", "true", "same", "genuine", "match", "yes", "mated"}
_DIFFERENT = {
    "0",
    "-1",
    "false",
    "different",
    "impostor",
    "nonmatch",
    "non-match",
    "no",
    "nonmated",
}
_BONA_FIDE = {"bona_fide", "bonafide", "live", "genuine", "real"}
_SIDES = ("reference", "probe")
_SIDES_PEOPLE = ("reference_person", "probe_person")


def read_pairs(path: Path, root: Path | None = None) -> Pairs:
    """Read comparisons from a table.

    Parameters
    ----------
    path
        CSV with a header; separated by comma, semicolon or tab; UTF-8. Columns: ``reference``,
        ``probe`` (paths), ``label`` (1 or ``genuine``: same person; 0 or ``impostor``:
        different people). Optional: ``reference_person`` and ``probe_person`` (names; label
        may then be missing), ``fold``. Every other column is a group.
    root
        The folder that relative paths start from; by default the table's.

    Returns
    -------
    Pairs
        Rows that cannot be used are in `problems`.

    Raises
    ------
    InvalidInput
        If the table is empty, lacks a column, or leaves no pair.
    """
    columns, rows = csv_tables.read(path)
    named = all(column in columns for column in _SIDES_PEOPLE)
    csv_tables.require(path, columns, _SIDES if named else (*_SIDES, "label"))
    root = path.parent if root is None else root
    found = _Comparisons(root, named)
    problems: list[Problem] = []
    for number, row in rows:
        where = f"{path.name} row {number}"
        try:
            found.add(row, where)
        except ValueError as error:
            problems.append(Problem(where, str(error)))
    if not found.rows:
        raise _nothing_left(path, "pair", problems)
    reference, probe = (np.array(side, np.intp) for side in zip(*found.sides, strict=True))
    same = np.array(found.same)
    if named:
        people = [found.people[i] for i in range(len(found.index))]
        person = np.unique(people, return_inverse=True)[1].astype(np.intp)
    else:
        person = people_of_pairs(len(found.index), reference, probe, same)
        _check_labels(path, ~same & (person[reference] == person[probe]), found.where)
    folds = None
    if "fold" in columns:
        folds = np.unique([row["fold"] for row in found.rows], return_inverse=True)[1]
    return Pairs(
        name=path.name,
        pictures=_pictures(found.index, root),
        person=person,
        reference=reference,
        probe=probe,
        same=same,
        where=np.array(found.where),
        folds=folds,
        groups=_groups(columns, found.rows, (*_SIDES, "label", "fold", *_SIDES_PEOPLE)),
        problems=tuple(problems),
    )


class _Comparisons:
    """The comparisons of a table, row by row.

    Attributes
    ----------
    index
        The number of each picture, by path.
    people
        The name of the person in each picture, by its number; empty where the table has none.
    rows, sides, same, where
        One for each comparison: the row, its pictures' numbers, its label and its place.
    """

    def __init__(self, root: Path, named: bool):
        self._root, self._named = root, named
        self._seen: dict[frozenset[str], str] = {}
        self.index: dict[str, int] = {}
        self.people: dict[int, str] = {}
        self.rows: list[Row] = []
        self.sides: list[tuple[int, int]] = []
        self.same: list[bool] = []
        self.where: list[str] = []

    def add(self, row: Row, where: str) -> None:
        """Add a row.

        Raises
        ------
        ValueError
            If it cannot be used.
        """
        same = _label(row, self._named)
        places = [_place(row[side], self._root) for side in _SIDES]
        if places[0] == places[1]:
            raise ValueError(f"reference and probe are the same file {row['reference']!r}")
        for side, place in zip(_SIDES, places, strict=True):
            if not Path(place).is_file():
                raise ValueError(f"there is no {side} file {place}")
        first = self._seen.setdefault(frozenset(places), where)
        if first != where:
            raise ValueError(f"the same pair as {first}")
        a, b = (self.index.setdefault(place, len(self.index)) for place in places)
        if self._named:
            for picture, column in zip((a, b), _SIDES_PEOPLE, strict=True):
                before = self.people.setdefault(picture, row[column])
                if before != row[column]:
                    raise ValueError(f"{column} is {row[column]!r}, before {before!r}")
        self.rows.append(row)
        self.sides.append((a, b))
        self.same.append(same)
        self.where.append(where)


def _check_labels(path: Path, contradicted: npt.NDArray[np.bool_], where: Sequence[str]) -> None:
    """Refuse impostor comparisons of pictures that genuine ones link as one person's."""
    if contradicted.any():
        raise InvalidInput(
            f"{where[int(np.argmax(contradicted))]} calls two pictures different people that other "
            f"rows link as one person ({int(contradicted.sum())} such rows)",
            source=str(path),
            remedy="correct the labels",
        )


def read_people(path: Path, root: Path | None = None, *, one_picture_each: bool = False) -> People:
    """Read pictures and their people from a table.

    Parameters
    ----------
    path
        CSV as for `read_pairs`; columns ``picture`` (a path) and ``person``. Every other column
        is a group.
    root
        The folder that relative paths start from; by default the table's.
    one_picture_each
        Whether the column ``person`` may be missing: every picture then shows another person.

    Raises
    ------
    InvalidInput
        If the table is empty, lacks a column, or shows fewer than two people.
    """
    columns, rows = csv_tables.read(path)
    alone = one_picture_each and "person" not in columns
    csv_tables.require(path, columns, ("picture",) if alone else ("picture", "person"))
    root = path.parent if root is None else root
    kept, problems = _read_pictures(path, root, rows, required=None if alone else "person")
    people = list(kept) if alone else [row["person"] for row, _ in kept.values()]
    names, person = np.unique(people, return_inverse=True)
    return People(
        name=path.name,
        pictures=_pictures(kept, root),
        person=person.astype(np.intp),
        names=tuple(map(str, names)),
        groups=_groups(columns, [row for row, _ in kept.values()], ("picture", "person")),
        problems=problems,
    )


def read_presentations(path: Path, root: Path | None = None) -> Presentations:
    """Read pictures of live faces and of attacks from a table.

    Parameters
    ----------
    path
        CSV as for `read_pairs`; columns ``picture`` (a path) and ``type``: ``bona_fide`` for a live
        face (or ``live``, ``genuine``, ``real``), anything else names the kind of attack (print,
        screen, mask ...), upper case as lower. Every other column is a group.
    root
        The folder that relative paths start from; by default the table's.

    Returns
    -------
    Presentations
        Rows that cannot be used are in `problems`.

    Raises
    ------
    InvalidInput
        If the table is empty, lacks a column, or leaves no picture.
    """
    columns, rows = csv_tables.read(path)
    csv_tables.require(path, columns, ("picture", "type"))
    root = path.parent if root is None else root
    kept, problems = _read_pictures(path, root, rows, required="type")
    if not kept:
        raise _nothing_left(path, "picture", problems)
    return Presentations(
        name=path.name,
        pictures=_pictures(kept, root),
        attack=np.array([_attack(row["type"]) for row, _ in kept.values()]),
        where=np.array([where for _, where in kept.values()]),
        groups=_groups(columns, [row for row, _ in kept.values()], ("picture", "type")),
        problems=problems,
    )


def _read_pictures(
    path: Path, root: Path, rows: Iterable[tuple[int, Row]], *, required: str | None
) -> tuple[dict[str, tuple[Row, str]], tuple[Problem, ...]]:
    """Return the usable rows and where they stand, by the picture's path, and the others' faults.

    `required` is a column that must not be empty.
    """
    kept: dict[str, tuple[Row, str]] = {}
    problems: list[Problem] = []
    for number, row in rows:
        where = f"{path.name} row {number}"
        place = _place(row["picture"], root)
        if required and not row[required]:
            problems.append(Problem(where, f"the {required} is missing"))
        elif not row["picture"] or not Path(place).is_file():
            problems.append(Problem(where, f"there is no file {place}"))
        elif place in kept:
            problems.append(Problem(where, f"{row['picture']} was listed before"))
        else:
            kept[place] = row, where
    return kept, tuple(problems)


def _attack(kind: str) -> str:
    """Return the attack's type in lower case, or an empty text for a live face."""
    kind = " ".join(kind.lower().split())
    return "" if kind.replace(" ", "_").replace("-", "_") in _BONA_FIDE else kind


def _groups(
    columns: Sequence[str], rows: Sequence[Row], known: Collection[str]
) -> dict[str, Names]:
    """Return the values of every column that is not a known one."""
    return {c: np.array([row[c] for row in rows]) for c in columns if c not in known}


def _nothing_left(path: Path, what: str, problems: Sequence[Problem]) -> InvalidInput:
    reasons = "; ".join(map(str, problems[:3])) or "it has no rows"
    return InvalidInput(f"no {what} can be used: {reasons}", source=str(path))


def _label(row: Row, named: bool) -> bool:
    label = row.get("label", "").lower()
    if named:
        people = [row[column] for column in _SIDES_PEOPLE]
        if not all(people):
            raise ValueError("a person is missing")
        if label and (label in _SAME) != (people[0] == people[1]):
            raise ValueError(f"the label {label!r} contradicts the people {people}")
        return people[0] == people[1]
    if label in _SAME:
        return True
    if label in _DIFFERENT:
        return False
    raise ValueError(f"the label is {label!r}, not 1 (same person) or 0 (different people)")


def _place(text: str, root: Path) -> str:
    return str(root / text) if text else ""


def _pictures(places: Iterable[str], root: Path) -> list[Picture]:
    """Return pictures that are named by their paths below `root` where they lie there."""
    paths = [Path(place) for place in places]
    return [Picture(str(p.relative_to(root) if p.is_relative_to(root) else p), p) for p in paths]
