"""Labeled Faces in the Wild: the lists of View 1 and View 2 (Huang et al. 2007)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renzheng._support import files
from renzheng._support.csv_tables import MAX_BYTES
from renzheng.datasets.types import Pairs, Picture
from renzheng.errors import InvalidInput

_LISTS = {1: ("pairsDevTrain.txt", "pairsDevTest.txt"), 2: ("pairs.txt",)}
_IMAGES = ("lfw-deepfunneled", "lfw", "lfw_funneled", "lfwa", "lfw-a")


def images(folder: Path) -> Path:
    """Return the folder that holds one folder a person.

    Raises
    ------
    InvalidInput
        If no folder has one of the names that the set is distributed with.
    """
    for name in _IMAGES:
        if (folder / name).is_dir():
            return folder / name
    raise InvalidInput(
        f"no folder of pictures here: looked for {', '.join(_IMAGES)}",
        source=str(folder),
        remedy="name the folder that holds pairs.txt and lfw-deepfunneled/",
    )


def read(folder: Path, view: int = 2) -> Pairs:
    """Read one of LFW's views.

    Parameters
    ----------
    folder
        The folder with the lists (``pairs.txt`` ...) and a folder of pictures.
    view
        View 2 is for reporting: 10 folds of 300 genuine and 300 impostor pairs. View 1 is for
        development: the training list and the test list together, as two folds.

    Raises
    ------
    InvalidInput
        If a list or the pictures are missing, or a row is not in LFW's form.
    """
    if view not in _LISTS:
        raise InvalidInput(f"LFW has view 1 and view 2, not {view}")
    root = images(folder)
    index: dict[tuple[str, int], int] = {}
    rows: list[tuple[int, int, bool, int, str]] = []
    for list_number, name in enumerate(_LISTS[view]):
        path = folder / name
        try:
            lines = files.read(path, MAX_BYTES).decode("utf-8").splitlines()
        except (InvalidInput, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"LFW's list cannot be read: {error.reason}",
                source=str(path),
                remedy="name the folder that holds pairs.txt",
            ) from error
        header = lines[0].split() if lines else []
        # View 2 starts with "10 300": folds, then pairs of each kind in a fold.
        fold_size = 2 * int(header[1]) if len(header) == 2 and header[1].isdigit() else None
        for k, line in enumerate(lines[1:]):
            where = f"{name} row {k + 2}"
            words = line.split("\t") if "\t" in line else line.split()
            try:
                if len(words) == 3:
                    sides = ((words[0], int(words[1])), (words[0], int(words[2])))
                elif len(words) == 4:
                    sides = ((words[0], int(words[1])), (words[2], int(words[3])))
                else:
                    raise ValueError("it does not have 3 or 4 words")
            except ValueError as error:
                raise InvalidInput(
                    f"row {k + 2} is not a pair of LFW: {line[:80]!r}", source=str(path)
                ) from error
            a, b = (index.setdefault(side, len(index)) for side in sides)
            fold = list_number if fold_size is None else k // fold_size
            rows.append((a, b, len(words) == 3, fold, where))
    if not rows:
        raise InvalidInput("the list is empty", source=str(folder / _LISTS[view][0]))
    reference, probe, same, folds, where_ = zip(*rows, strict=True)
    people = [person for person, _ in index]
    return Pairs(
        name=f"LFW View {view}",
        pictures=[Picture(f"{who}_{n:04d}", root / who / f"{who}_{n:04d}.jpg") for who, n in index],
        person=np.unique(people, return_inverse=True)[1].astype(np.intp),
        reference=np.array(reference, np.intp),
        probe=np.array(probe, np.intp),
        same=np.array(same, bool),
        where=np.array(where_),
        folds=np.array(folds, np.intp),
    )
