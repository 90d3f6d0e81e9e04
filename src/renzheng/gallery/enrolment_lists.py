"""Lists of people to enrol: a folder of pictures, or a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from renzheng import images
from renzheng._support import csv_tables
from renzheng.errors import InvalidInput
from renzheng.gallery.capture import Enrolment
from renzheng.gallery.conditions import check_metadata, check_name, parse_value

_KNOWN = ("id", "picture", "person")


@dataclass(frozen=True)
class EnrolmentList:
    """Enrolments, and what could not be read as one.

    Attributes
    ----------
    enrolments
        The pictures to enrol, each id once.
    problems
        The files or rows that were left out, with the reason.
    """

    enrolments: tuple[Enrolment, ...]
    problems: tuple[str, ...] = ()


def read_folder(folder: Path, max_pictures: int | None = None) -> EnrolmentList:
    """Read a folder of people: ``WHO/PICTURE.jpg``, or ``WHO.jpg``.

    An entry's id is its path in the folder without the suffix, its person the name of the person's
    folder or else of the picture. Hidden files, other kinds of files and deeper folders are
    skipped.

    Parameters
    ----------
    folder
        The folder.
    max_pictures
        The most pictures per person, the first by name; None is all.

    Raises
    ------
    InvalidInput
        If there are no pictures, or two would have one id.
    """
    found: dict[str, Enrolment] = {}
    problems = []
    for path in _pictures(folder, max_pictures):
        id = path.relative_to(folder).with_suffix("").as_posix()
        person = path.parent.name if path.parent != folder else id
        try:
            check_name("an entry's id", id)
        except InvalidInput as error:
            problems.append(f"{images.printable(str(path))}: {error.reason}")
            continue
        if id in found:
            problems.append(
                f"{path}: {found[id].picture.name} has the same name with another suffix"
            )
            continue
        found[id] = Enrolment(id=id, picture=path, person=person)
    if not found:
        raise InvalidInput(
            "there are no pictures in this folder" + "".join(f"; {each}" for each in problems[:3]),
            source=str(folder),
            remedy="add some, with a folder per person if there are several of each",
        )
    return EnrolmentList(tuple(found.values()), tuple(problems))


def read_table(path: Path, root: Path | None = None) -> EnrolmentList:
    """Read a table of people.

    Parameters
    ----------
    path
        CSV with a header: ``picture``, a path; ``id`` and ``person``, which may be missing: the
        id is then the path as written, without the suffix. Every other column is metadata, read
        by `parse_value`, and an empty cell is no value.
    root
        The folder that relative paths start from; by default the table's.

    Raises
    ------
    InvalidInput
        If it is no such table, or has nobody to enrol.
    """
    columns, rows = csv_tables.read(path, _KNOWN)
    csv_tables.require(path, columns, ("picture",))
    root = path.parent if root is None else root
    found: dict[str, Enrolment] = {}
    problems: list[str] = []
    for number, row in rows:
        place = row["picture"]
        id = row.get("id") or place.removesuffix(Path(place).suffix)
        extra = {
            key: parse_value(value) for key, value in row.items() if key not in _KNOWN and value
        }
        try:
            if not place:
                raise InvalidInput("it names no picture")
            check_name("an entry's id", id)
            if id in found:
                raise InvalidInput(f"the id {id!r} comes twice")
            found[id] = Enrolment(
                id=id,
                picture=root / place,
                person=row.get("person", ""),
                metadata=check_metadata(extra),
            )
        except InvalidInput as error:
            problems.append(f"{path.name} row {number}: {error.reason}")
    if not found:
        reasons = "; ".join(problems[:3]) or "it has no rows"
        raise InvalidInput(f"nobody can be enrolled: {reasons}", source=str(path))
    return EnrolmentList(tuple(found.values()), tuple(problems))


def _pictures(folder: Path, max_pictures: int | None) -> Iterator[Path]:
    def visible(place: Path) -> list[Path]:
        return sorted(path for path in place.iterdir() if not path.name.startswith("."))

    try:
        for path in visible(folder):
            if path.is_dir():
                yield from [each for each in visible(path) if _is_picture(each)][:max_pictures]
            elif _is_picture(path):
                yield path
    except OSError as error:
        raise InvalidInput(
            f"the folder cannot be read: {error.strerror}", source=str(error.filename or folder)
        ) from error


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in images.SUFFIXES
