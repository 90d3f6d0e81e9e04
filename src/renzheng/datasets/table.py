"""Protocols as tables: comparisons (reference, probe, label), pictures of people (picture, person)
or presentations (picture, type).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renzheng._support import csv_tables
from renzheng._support.csv_tables import Row
from renzheng.datasets.types import (
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
_SIDES = ("reference_person", "probe_person")


def read_pairs(path: Path, root: Path | None = None) -> Pairs:
    """Read comparisons from a table.

    Parameters
    ----------
    path
        CSV with a header; separated by comma, semicolon or tab; UTF-8. Columns: ``reference``,
        ``probe`` (paths), ``label`` (1 or ``genuine``: same person; 0 or ``impostor``:
        different people). Optional: ``reference_person`` and ``probe_person`` (who it is; label
        may then be missing), ``fold``. Every other column is a group.
    root
        What relative paths start from; by default the table's folder.

    Returns
    -------
    Pairs
        Rows that cannot be used are in `problems`.

    Raises
    ------
    InvalidInput
        If the table is empty, lacks a column, or leaves no pair of one kind.
    """
    columns, rows = csv_tables.read(path)
    named = all(side in columns for side in _SIDES)
    csv_tables.require(
        path, columns, ("reference", "probe") if named else ("reference", "probe", "label")
    )
    known = {"reference", "probe", "label", "fold", *_SIDES}
    root = path.parent if root is None else root
    index: dict[str, int] = {}
    who: dict[int, str] = {}
    problems: list[Problem] = []
    kept: list[tuple[int, int, bool, str]] = []
    values: list[Row] = []
    seen: dict[frozenset[str], str] = {}
    for number, row in rows:
        where = f"{path.name} row {number}"
        try:
            same = _label(row, named)
            sides = [_place(row[side], root) for side in ("reference", "probe")]
            if sides[0] == sides[1]:
                raise ValueError(f"reference and probe are the same file {row['reference']!r}")
            for side, place in zip(("reference", "probe"), sides, strict=True):
                if not Path(place).is_file():
                    raise ValueError(f"there is no {side} file {place}")
            first = seen.setdefault(frozenset(sides), where)
            if first != where:
                raise ValueError(f"the same pair as {first}")
            a, b = (index.setdefault(place, len(index)) for place in sides)
            if named:
                for picture, side in zip((a, b), _SIDES, strict=True):
                    if who.setdefault(picture, row[side]) != row[side]:
                        raise ValueError(f"{side} is {row[side]!r}, before {who[picture]!r}")
        except ValueError as error:
            problems.append(Problem(where, str(error)))
            continue
        kept.append((a, b, same, where))
        values.append(row)
    if not kept:
        reasons = "; ".join(map(str, problems[:3])) or "it has no rows"
        raise InvalidInput(f"no pair can be used: {reasons}", source=str(path))
    reference, probe, labels, places = (list(part) for part in zip(*kept, strict=True))
    sides_ = np.array(reference, np.intp), np.array(probe, np.intp)
    same_ = np.array(labels, bool)
    if named:
        person = np.unique([who[i] for i in range(len(index))], return_inverse=True)[1]
    else:
        person = people_of_pairs(len(index), *sides_, same_)
        torn = ~same_ & (person[sides_[0]] == person[sides_[1]])
        if torn.any():
            first_torn = places[int(np.argmax(torn))]
            raise InvalidInput(
                f"{first_torn} calls two pictures different people that other rows link as one "
                f"person ({int(torn.sum())} such rows)",
                source=str(path),
                remedy="mend the labels",
            )
    folds = None
    if "fold" in columns:
        folds = np.unique([row["fold"] for row in values], return_inverse=True)[1]
    return Pairs(
        name=path.name,
        pictures=[Picture(_shown(place, root), Path(place)) for place in index],
        person=person.astype(np.intp),
        reference=sides_[0],
        probe=sides_[1],
        same=same_,
        where=np.array(places),
        folds=folds,
        groups={c: np.array([row[c] for row in values]) for c in columns if c not in known},
        problems=tuple(problems),
    )


def read_people(path: Path, root: Path | None = None, *, each_another: bool = False) -> People:
    """Read pictures and their people from a table.

    Parameters
    ----------
    path
        CSV as for `read_pairs`; columns ``picture`` (a path) and ``person``. Every other column
        is a group.
    root
        What relative paths start from; by default the table's folder.
    each_another
        Whether the column ``person`` may be missing: every picture then shows another person.

    Raises
    ------
    InvalidInput
        If the table is empty, lacks a column, or shows fewer than two people.
    """
    columns, rows = csv_tables.read(path)
    alone = each_another and "person" not in columns
    csv_tables.require(path, columns, ("picture",) if alone else ("picture", "person"))
    root = path.parent if root is None else root
    kept: dict[str, Row] = {}
    problems: list[Problem] = []
    for number, row in rows:
        where = f"{path.name} row {number}"
        place = _place(row["picture"], root)
        if not alone and not row["person"]:
            problems.append(Problem(where, "the person is missing"))
        elif not row["picture"] or not Path(place).is_file():
            problems.append(Problem(where, f"there is no file {place}"))
        elif place in kept:
            problems.append(Problem(where, f"{row['picture']} was listed before"))
        else:
            kept[place] = row
    people = list(kept) if alone else [row["person"] for row in kept.values()]
    names, person = np.unique(people, return_inverse=True)
    return People(
        name=path.name,
        pictures=[Picture(_shown(place, root), Path(place)) for place in kept],
        person=person.astype(np.intp),
        names=tuple(map(str, names)),
        groups={
            column: np.array([row[column] for row in kept.values()])
            for column in columns
            if column not in ("picture", "person")
        },
        problems=tuple(problems),
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
        What relative paths start from; by default the table's folder.

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
    kept: dict[str, tuple[Row, str, str]] = {}
    problems: list[Problem] = []
    for number, row in rows:
        where = f"{path.name} row {number}"
        place = _place(row["picture"], root)
        kind = " ".join(row["type"].lower().split())
        if not kind:
            problems.append(Problem(where, "the type is missing"))
        elif not row["picture"] or not Path(place).is_file():
            problems.append(Problem(where, f"there is no file {place}"))
        elif place in kept:
            problems.append(Problem(where, f"{row['picture']} was listed before"))
        else:
            bona_fide = kind.replace(" ", "_").replace("-", "_") in _BONA_FIDE
            kept[place] = row, "" if bona_fide else kind, where
    if not kept:
        reasons = "; ".join(map(str, problems[:3])) or "it has no rows"
        raise InvalidInput(f"no picture can be used: {reasons}", source=str(path))
    return Presentations(
        name=path.name,
        pictures=[Picture(_shown(place, root), Path(place)) for place in kept],
        attack=np.array([kind for _, kind, _ in kept.values()]),
        where=np.array([where for _, _, where in kept.values()]),
        groups={
            column: np.array([row[column] for row, _, _ in kept.values()])
            for column in columns
            if column not in ("picture", "type")
        },
        problems=tuple(problems),
    )


def _label(row: Row, named: bool) -> bool:
    label = row.get("label", "").lower()
    if named:
        people = [row[side] for side in _SIDES]
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


def _shown(place: str, root: Path) -> str:
    path = Path(place)
    return str(path.relative_to(root)) if path.is_relative_to(root) else place
