"""Crops of people by every alignment template, each face found once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from renzheng import images
from renzheng._support import processes
from renzheng._support.cpu import cores
from renzheng.datasets.types import Indices, People
from renzheng.errors import InvalidInput, NoFace, UnreadableImage
from renzheng.evaluation.acquisition import read_content
from renzheng.evaluation.sampling import draw_people, first_pictures
from renzheng.faces.alignment import TEMPLATES, align
from renzheng.faces.detection import Detector
from renzheng.faces.selection import choose_face
from renzheng.models import packs
from renzheng.types import Crops

Progress = Callable[[str, int, int], None]  # step, done, whole

MIN_PEOPLE = 20  # fewer tell a wrong scale from a right one, and hardly a wrong channel order

_CHUNK = 8  # pictures a task
_MIN_FOR_POOL = 48  # pictures; with fewer, starting processes takes longer than it saves
_LFW = ("lfw-deepfunneled", "lfw_funneled", "lfw")  # folders of the set's usual copies
_VARIABLE = "RENZHENG_LFW"


@dataclass(frozen=True, eq=False)
class TemplateCrops:
    """The same faces, cut out by several templates.

    Attributes
    ----------
    crops
        By template, uint8 (n, side, side, 3) RGB.
    person
        int (n,): the number of the person on each, from 0 without gaps.
    asked
        The number of pictures that were looked at.
    source
        The name of the set of people.
    """

    crops: Mapping[str, Crops]
    person: Indices
    asked: int
    source: str

    @property
    def people(self) -> int:
        """The number of people with two pictures or more."""
        return int((np.bincount(self.person) >= 2).sum())


def lfw() -> Path | None:
    """Return the folder of Labeled Faces in the Wild, if it lies in a usual place.

    The places are ``$RENZHENG_LFW``, the working directory, and scikit-learn's folder of data.
    """
    given = os.environ.get(_VARIABLE)
    places = [Path.cwd(), Path.home() / "scikit_learn_data" / "lfw_home"]
    candidates = [Path(given)] if given else [place / name for place in places for name in _LFW]
    return next((each for each in candidates if each.is_dir()), None)


def cut(
    people: People,
    side: int,
    *,
    count: int,
    pictures: int,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> TemplateCrops:
    """Find the faces of some people, and cut them out by every template.

    Parameters
    ----------
    people
        The people; those with two pictures are used.
    side
        The side of the crops in px.
    count, pictures
        The number of people to draw, and of their pictures to take.
    seed
        Seed of the draw.
    workers
        Processes that look for faces; by default one per core.
    progress
        Called with the number of pictures done.

    Raises
    ------
    InvalidInput
        If fewer than 20 people have two pictures with a face.
    """
    drawn = people.select(draw_people(people.person, count, seed=seed))
    drawn = drawn.select(first_pictures(drawn.person, pictures))
    whole = len(drawn.pictures)
    tasks = [list(range(whole))[i : i + _CHUNK] for i in range(0, whole, _CHUNK)]
    detector = packs.of_kind("detector", packs.DEFAULT_DETECTOR)
    found: list[list[Crops]] = []
    person: list[int] = []
    done = 0
    for part, results in processes.map_in_order(
        tasks,
        partial(_make_worker, detector.folder, side),
        load=lambda part: [(read_content(drawn.pictures[i]), drawn.pictures[i].name) for i in part],
        workers=(workers or cores()) if whole >= _MIN_FOR_POOL else 1,
    ):
        for i, result in zip(part, results, strict=True):
            if result is not None:
                found.append(result)
                person.append(int(drawn.person[i]))
        done += len(part)
        if progress:
            progress("finding faces", done, whole)
    numbers = _numbered(np.array(person, np.intp), seed)
    enough = int((np.bincount(numbers) >= 2).sum()) if len(numbers) else 0
    if enough < MIN_PEOPLE:
        raise InvalidInput(
            f"only {enough} people have two pictures that show a face, and {MIN_PEOPLE} are needed "
            "to try a preprocessing",
            source=people.name,
            remedy="give a folder with one folder for each person, and two pictures in it",
        )
    crops = {name: np.stack([each[k] for each in found]) for k, name in enumerate(TEMPLATES)}
    return TemplateCrops(crops, numbers, whole, people.name)


def _numbered(person: Indices, seed: int) -> Indices:
    """Return numbers from 0 without gaps, in random order: the first are a sample of all."""
    known, numbers = np.unique(person, return_inverse=True)
    order: Indices = np.random.default_rng(seed).permutation(len(known)).astype(np.intp)
    return order[numbers]


def _make_worker(
    detector: Path, side: int, threads: int | None
) -> Callable[[list[tuple[bytes, str]]], list[list[Crops] | None]]:
    finder = Detector.from_folder(detector, threads=threads)
    templates = [template.scaled(side) for template in TEMPLATES.values()]

    def cut_one(content: bytes, name: str) -> list[Crops] | None:
        try:
            image = images.read(content, name=name)
            face = choose_face(finder.detect(image), (image.shape[1], image.shape[0]))
            return [align(image, face.landmarks, template) for template in templates]
        except (UnreadableImage, NoFace, InvalidInput):
            return None

    return lambda pictures: [cut_one(content, name) for content, name in pictures]
