"""A folder of people: one folder a person, the layout of LFW, VGGFace2 and most training sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.errors import InvalidInput
from renzheng.evaluation.trial import People, Picture


def read(folder: Path) -> People:
    """Read a folder of people.

    Parameters
    ----------
    folder
        Holds ``WHO/PICTURE.jpg``; hidden files, other kinds of files and deeper folders are
        passed over.

    Raises
    ------
    InvalidInput
        If there is no such folder, or it shows fewer than two people.
    """
    if not folder.is_dir():
        raise InvalidInput("no folder of people here", source=str(folder))
    pictures, people = [], []
    for who in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in sorted(who.iterdir()):
            if path.suffix.lower() in images.SUFFIXES and not path.name.startswith("."):
                pictures.append(Picture(f"{who.name}/{path.name}", path))
                people.append(who.name)
    if not pictures:
        raise InvalidInput(
            "no pictures of people here",
            source=str(folder),
            remedy="make one folder for each person and put the pictures into it",
        )
    names, person = np.unique(people, return_inverse=True)
    return People(
        name=folder.resolve().name,
        pictures=pictures,
        person=person.astype(np.intp),
        names=tuple(map(str, names)),
    )
