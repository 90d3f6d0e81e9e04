"""From a picture to the one face of it that is compared: one side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from renzheng import images
from renzheng._support.timing import Clock
from renzheng.errors import NoFace, UnreadableImage
from renzheng.faces import alignment, quality
from renzheng.faces.documents import DetectedFaces, Homography, mapped, search_faces, turn_matrix
from renzheng.faces.selection import Alike, choose_person, choose_portrait
from renzheng.types import Capture, Choice, Face, Floats, Image, Measurement, Rectification, Role
from renzheng.verification.distance import distances
from renzheng.verification.face_models import FaceModels

_REMEDIES = {
    Role.DOCUMENT: "scan it again, flat and sharp, with the whole portrait in the picture",
    Role.LIVE: "look at the camera, with the whole face in the picture and light from the front",
    Role.PHOTO: "use an upright, sharp picture in which the whole face is visible",
}
# Two faces of one document nearer than the distance of this false match rate are one person's. A
# ghost portrait is too faint to lie as near: of 37 on specimens, scanned or photographed, 33 lay
# within the distance of 5e-2 and 30 within that of 1e-2. The others, of 0.07 to 0.14 of the
# portrait's area, lay up to that of 0.72: as far as strangers do, so that only size and contrast
# tell such a ghost from a faint portrait of somebody else.
_COPY_FMR, _GHOST_FMR, _POSSIBLE_FMR = 1e-3, 5e-2, 0.8
_MOST_COMPARED = 6  # faces of a document, the largest


def acquire(
    picture: Any,
    role: Role,
    instruments: FaceModels,
    *,
    name: str | None = None,
    clock: Clock | None = None,
    side: str = "picture",
    limits: images.Limits = images.DEFAULT_LIMITS,
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
    name
        What to call the picture; by default `renzheng.images.describe` says.
    clock
        Told how long each step takes, under the name of `side`.
    limits
        The sizes of pictures that are accepted.

    Raises
    ------
    InvalidInput
        If the picture is of a type that is not accepted.
    """
    clock = clock or Clock()
    name = images.describe(picture) if name is None else name
    try:
        with clock(f"{side}_read"):
            image = images.read(picture, limits=limits)
    except UnreadableImage as error:
        return Capture(source=name, role=role, error=told(error))
    try:
        with clock(f"{side}_detect"):
            prepared = find_faces(image, role, instruments)
        with clock(f"{side}_choose"):
            choice, embedding = choose(image, prepared, role, instruments)
    except NoFace as error:
        return Capture(source=name, role=role, image=image, error=told(error))
    with clock(f"{side}_align"):
        crop = alignment.align(prepared.image, choice.face.landmarks, instruments.template)
        measures = _measure(image, prepared, choice.face, instruments.template)
    return Capture(
        source=name,
        role=role,
        image=prepared.image,
        faces=prepared.faces,
        choice=choice,
        rectification=Rectification(
            size=(image.shape[1], image.shape[0]),
            matrix=prepared.matrix,
            turns=prepared.turns,
            outline=None if prepared.outline is None else prepared.outline.corners,
            steps=prepared.steps,
            certain=prepared.certain,
        ),
        crop=crop,
        embedding=embedding,
        quality=measures,
    )


def find_faces(image: Image, role: Role, instruments: FaceModels) -> DetectedFaces:
    """The faces of a picture that can be aligned, and how it was prepared to find them.

    Raises
    ------
    NoFace
        If there is none.
    """
    smallest = instruments.detector.min_face_size
    if role is Role.DOCUMENT:
        prepared = search_faces(image, instruments.detect, smallest)
    else:
        prepared = DetectedFaces(image, tuple(instruments.detect(image)))
    if not prepared.faces:
        # A camera that does not say how it was held is common; a face at a quarter turn is not
        # compared, since upside down the detector sees faces where there are none.
        turned = prepared
        if role is not Role.DOCUMENT:
            turned = search_faces(image, instruments.detect, smallest)
        if turned.turns:
            raise NoFace(
                "no face stands upright",
                remedy=f"turn the picture by {90 * turned.turns} degrees clockwise: it seems to "
                "lie on its side or head",
            )
        raise NoFace("no face was found", remedy=_REMEDIES[role])
    return prepared


def choose(
    image: Image, prepared: DetectedFaces, role: Role, instruments: FaceModels
) -> tuple[Choice, Floats | None]:
    """The face that is compared, and its embedding where it was needed for that.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, as it was read.
    prepared
        With at least one face.
    """
    faces = prepared.faces
    if role is not Role.DOCUMENT:
        size = prepared.image.shape[1], prepared.image.shape[0]
        return choose_person(faces, size, role), None
    compared, rest = faces[:_MOST_COMPARED], faces[_MOST_COMPARED:]
    crops = alignment.align_all(prepared.image, compared, instruments.template)
    beside = prepared.beside[:_MOST_COMPARED]
    if beside:
        # They lie outside the straightened document: their pixels are in the whole picture.
        upright, back = _as_read(image, prepared)
        there = [mapped(face, back) for face in beside]
        crops = np.concatenate([crops, alignment.align_all(upright, there, instruments.template)])
    embeddings = instruments.embedder.embed(crops)
    choice = choose_portrait(
        (*compared, *beside),
        [_contrast(crop) for crop in crops],
        distances(embeddings[:, None], embeddings[None]),
        alike(instruments),
        on_document=[True] * len(compared) + [False] * len(beside),
        others=(*rest, *prepared.beside[_MOST_COMPARED:]),
    )
    chosen = next(k for k, face in enumerate(compared) if face is choice.face)
    return choice, embeddings[chosen]


def alike(instruments: FaceModels) -> Alike | None:
    """Up to which distances two faces of one document are one person's; None if nobody knows."""
    calibration = instruments.calibration
    if calibration is None:
        return None
    return Alike(
        *(
            calibration.threshold_at(max(rate, calibration.resolution))
            for rate in (_COPY_FMR, _GHOST_FMR, _POSSIBLE_FMR)
        )
    )


def told(error: UnreadableImage | NoFace) -> str:
    """An error about a picture, without the picture's name."""
    return f"{error.reason} ({error.remedy})" if error.remedy else error.reason


def _measure(
    image: Image, prepared: DetectedFaces, face: Face, template: alignment.AlignmentTemplate
) -> dict[str, Measurement]:
    """Quality, in the pixels that were handed in: flattening makes up pixels and hides others."""
    faces: Sequence[Face] = prepared.faces
    if np.allclose(prepared.matrix, turn_matrix(image.shape, prepared.turns)):
        return quality.measure(prepared.image, face, template, faces)
    upright, back = _as_read(image, prepared)
    as_read = {id(each): mapped(each, back) for each in faces}
    return quality.measure(upright, as_read[id(face)], template, tuple(as_read.values()))


def _as_read(image: Image, prepared: DetectedFaces) -> tuple[Image, Homography]:
    """The picture as read, but for quarter turns, and the way to it from the prepared one."""
    turn = turn_matrix(image.shape, prepared.turns)
    upright = np.ascontiguousarray(np.rot90(image, -prepared.turns))
    return upright, np.asarray(turn @ np.linalg.inv(prepared.matrix), np.float64)


def _contrast(crop: Image) -> float:
    """Standard deviation of the luminance in the middle of an aligned face, 0 to 255."""
    edge = crop.shape[0] // 5
    inner = np.ascontiguousarray(crop[edge:-edge, edge:-edge])
    return float(cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).std())
