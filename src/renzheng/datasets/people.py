"""Folders of people: one folder a person, the form of LFW, VGGFace2 and most training sets; or one
picture a person, the form of sets for impostor comparisons.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.datasets.types import People, Picture
from renzheng.errors import InvalidInput


def read(folder: Path) -> People:
    """Read a folder of people.

    Parameters
    ----------
    folder
        The folder with ``WHO/PICTURE.jpg``; hidden files, other kinds of files and deeper folders
        are passed over.

    Raises
    ------
    InvalidInput
        If the folder does not exist, or shows fewer than two people.
    """
    _require_folder(folder)
    pictures, people = [], []
    for who in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in _pictures(who):
            pictures.append(Picture(f"{who.name}/{path.name}", path))
            people.append(who.name)
    if not pictures:
        raise InvalidInput(
            "the folder holds no pictures of people",
            source=str(folder),
            remedy="make one folder for each person and put the pictures into it",
        )
    return _people(folder, pictures, people)


def read_any(folder: Path) -> People:
    """Read a folder of people, or a folder of pictures each of which shows another person.

    Parameters
    ----------
    folder
        The folder with ``WHO/PICTURE.jpg`` as for `read`, or ``PICTURE.jpg`` alone.

    Raises
    ------
    InvalidInput
        If the folder does not exist, holds both, or shows fewer than two people.
    """
    _require_folder(folder)
    alone = _pictures(folder)
    if not alone:
        return read(folder)
    inner = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if any(_pictures(each) for each in inner):
        raise InvalidInput(
            "the folder holds both pictures and folders with pictures",
            source=str(folder),
            remedy="keep either: one picture or one folder for each person",
        )
    return _people(folder, [Picture(each.name, each) for each in alone], [p.name for p in alone])


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InvalidInput("there is no such folder of people", source=str(folder))


def _pictures(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in images.SUFFIXES
        and not path.name.startswith(".")
        and not path.is_dir()
    ]


def _people(folder: Path, pictures: list[Picture], people: list[str]) -> People:
    names, person = np.unique(people, return_inverse=True)
    return People(
        name=folder.resolve().name,
        pictures=pictures,
        person=person.astype(np.intp),
        names=tuple(map(str, names)),
    )
