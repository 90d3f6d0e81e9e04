"""From a picture to the one face of it that is compared: one side of a comparison."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from renzheng import alignment, images, quality
from renzheng.choosing import choose_person, choose_portrait
from renzheng.clock import Clock
from renzheng.comparison import distances
from renzheng.documents import View, search
from renzheng.errors import NoFace, UnreadableImage
from renzheng.instruments import Instruments
from renzheng.types import Capture, Choice, Image, Preparation, Role

_REMEDIES = {
    Role.DOCUMENT: "scan it again, flat and sharp, with the whole portrait in the picture",
    Role.LIVE: "look at the camera, with the whole face in the picture and light from the front",
    Role.PHOTO: "use an upright, sharp picture in which the whole face is visible",
}
# Two faces of one document nearer than the distance of this false match rate are one person's: a
# document has few faces, and a ghost portrait is too faint to lie as near as a good picture. Of 35
# ghosts on specimens, scanned or photographed, 34 lay nearer; at 1e-2 it would have been 27.
_ALIKE_FMR = 5e-2
_MOST_COMPARED = 6  # faces of a document, the largest


def acquire(
    picture: Any,
    role: Role,
    instruments: Instruments,
    clock: Clock | None = None,
    side: str = "picture",
) -> Capture:
    """Read a picture, find its faces, choose one, align and measure it.

    A failure to acquire (ISO/IEC 19795-1) is a capture with an `error`, not an exception.

    Parameters
    ----------
    picture
        Anything that `renzheng.images.read` takes.
    role
        What it is a picture of.
    instruments
        What finds and embeds faces.
    clock
        Told how long each step takes, under the name of `side`.

    Raises
    ------
    InvalidInput
        If the picture is of a type that is not accepted.
    """
    clock = clock or Clock()
    name = images.describe(picture)
    try:
        with clock(f"{side}_read"):
            image = images.read(picture)
    except UnreadableImage as error:
        return Capture(source=name, role=role, error=told(error))
    with clock(f"{side}_detect"):
        view = find_faces(image, role, instruments)
    try:
        with clock(f"{side}_choose"):
            choice = choose(view, role, instruments)
    except NoFace as error:
        return Capture(source=name, role=role, image=image, error=told(error))
    with clock(f"{side}_align"):
        crop = alignment.align(view.image, choice.face.landmarks, instruments.template)
        measures = quality.measure(view.image, choice.face, instruments.template, view.faces)
    return Capture(
        source=name,
        role=role,
        image=view.image,
        faces=view.faces,
        choice=choice,
        preparation=Preparation(
            matrix=view.matrix,
            turns=view.turns,
            outline=None if view.outline is None else view.outline.corners,
            steps=view.steps,
        ),
        crop=crop,
        quality=measures,
    )


def find_faces(image: Image, role: Role, instruments: Instruments) -> View:
    """The faces of a picture, and how it was turned or flattened to find them."""
    if role is Role.DOCUMENT:
        return search(image, instruments.detector.detect)
    return View(image, tuple(instruments.detector.detect(image)))


def choose(view: View, role: Role, instruments: Instruments) -> Choice:
    """The face that is compared.

    Raises
    ------
    NoFace
        If there is none.
    """
    faces = view.faces
    if not faces:
        raise NoFace("no face was found", remedy=_REMEDIES[role])
    if role is not Role.DOCUMENT or len(faces) == 1:
        return choose_person(faces, (view.image.shape[1], view.image.shape[0]), role)
    faces = faces[:_MOST_COMPARED]
    crops = alignment.align_all(view.image, faces, instruments.template)
    embeddings = instruments.embedder.embed(crops)
    calibration = instruments.calibration
    return choose_portrait(
        faces,
        [_contrast(crop) for crop in crops],
        distances(embeddings[:, None], embeddings[None]),
        None
        if calibration is None
        else calibration.threshold_at(max(_ALIKE_FMR, calibration.resolution)),
    )


def told(error: UnreadableImage | NoFace) -> str:
    """An error about a picture, without the picture's name."""
    return f"{error.reason} ({error.remedy})" if error.remedy else error.reason


def _contrast(crop: Image) -> float:
    """Standard deviation of the luminance in the middle of an aligned face, 0 to 255."""
    edge = crop.shape[0] // 5
    inner = np.ascontiguousarray(crop[edge:-edge, edge:-edge])
    return float(cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).std())
