"""Acquisition: from a picture to the one of its faces that is compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from renzheng import images
from renzheng._support.threads import both
from renzheng._support.timing import Clock
from renzheng.errors import NoFace, UnreadableImage
from renzheng.faces import alignment, quality
from renzheng.faces.documents import DetectedFaces, Homography, mapped, search_faces, turn_matrix
from renzheng.faces.selection import SamePersonLimits, choose_person, choose_portrait
from renzheng.types import Capture, Choice, Face, Floats, Image, Measurement, Rectification, Role
from renzheng.verification.distance import distances
from renzheng.verification.face_models import FaceModels

SIDES = ("reference", "probe")

_REMEDIES = {
    Role.DOCUMENT: "scan it again, flat and sharp, with the whole portrait in the picture",
    Role.LIVE: "look at the camera, with the whole face in the picture and light from the front",
    Role.PHOTO: "use an upright, sharp picture in which the whole face is visible",
}
# Two faces of one document nearer than the distance of this false match rate are one person's. A
# ghost portrait is too faint to lie as near: of 37 on specimens, scanned or photographed, 33 lay
# within the distance of 5e-2 and 30 within that of 1e-2. The others, of 0.07 to 0.14 of the
# portrait's area, lay up to that of 0.72: as far as impostors do, so that only size and contrast
# tell such a ghost from a faint portrait of somebody else.
_COPY_FMR, _GHOST_FMR, _POSSIBLE_FMR = 1e-3, 5e-2, 0.8
_MAX_COMPARED = 6  # faces of a document, the largest


def acquire(
    picture: Any,
    role: Role,
    models: FaceModels,
    *,
    name: str | None = None,
    clock: Clock | None = None,
    side: str = "picture",
    limits: images.Limits = images.DEFAULT_LIMITS,
) -> Capture:
    """Read a picture, find its faces, choose one, align and measure it.

    The first page with a certain face counts, or else the first with any. A failure to acquire
    (ISO/IEC 19795-1) is a capture with an `error`, not an exception.

    Parameters
    ----------
    picture
        Anything that `renzheng.images.read` takes.
    role
        The picture's role.
    models
        The networks.
    name
        The picture's name in results; by default that of `renzheng.images.describe`.
    clock
        Takes the time of each step, under a name that begins with `side`.
    side
        ``reference``, ``probe``, or ``picture`` where it is neither.
    limits
        The sizes of pictures that are accepted.

    Raises
    ------
    InvalidInput
        If the picture is of a type that is not accepted.
    """
    clock = clock or Clock()
    name = images.describe(picture) if name is None else name
    pages = images.read_pages(picture, limits=limits)
    best: Capture | None = None
    looked = 0
    while True:
        try:
            with clock(f"{side}_read"):
                page = next(pages, None)
        except UnreadableImage as error:
            return best or Capture(source=name, role=role, error=error_message(error))
        if page is None:
            assert best is not None  # there is a page, or an error
            if best.error is not None and looked > 1:
                best = replace(best, error=f"on none of {looked} pages: {best.error}")
            return best
        looked += 1
        capture = _acquire_page(page, name, role, models, clock, side)
        if capture.error is None and capture.rectification.certain:
            return capture
        if best is None or (best.error is not None and capture.error is None):
            best = capture


def _acquire_page(
    page: images.ReadPicture, name: str, role: Role, models: FaceModels, clock: Clock, side: str
) -> Capture:
    image, origin = page.image, page.origin
    try:
        with clock(f"{side}_detect"):
            detected = find_faces(image, role, models)
        with clock(f"{side}_choose"):
            choice, embedded = choose(image, detected, role, models)
    except NoFace as error:
        reason = error_message(error)
        return Capture(source=name, role=role, image=image, error=reason, origin=origin)
    with clock(f"{side}_align"):
        crop = alignment.align(detected.image, choice.face.landmarks, models.template)
        measures = _measure(image, detected, choice.face, models.view)
    embedding, length = embedded or (None, None)
    return Capture(
        source=name,
        role=role,
        image=detected.image,
        faces=detected.faces,
        choice=choice,
        rectification=Rectification(
            size=(image.shape[1], image.shape[0]),
            matrix=detected.matrix,
            turns=detected.turns,
            outline=None if detected.outline is None else detected.outline.corners,
            steps=detected.steps,
            certain=detected.certain,
        ),
        crop=crop,
        embedding=embedding,
        embedding_length=length,
        quality=measures,
        origin=origin,
    )


def acquire_both(
    pictures: tuple[Any, Any],
    roles: tuple[Role, Role],
    models: FaceModels,
    clock: Clock,
    limits: images.Limits,
) -> tuple[Capture, Capture]:
    """Acquire the reference and the probe, two threads at work.

    Parameters
    ----------
    pictures, roles
        The reference's and the probe's.
    models, clock, limits
        As in `acquire`.
    """

    def side(k: int, picture: Any, name: str | None = None) -> Capture:
        return acquire(
            picture, roles[k], models, name=name, clock=clock, side=SIDES[k], limits=limits
        )

    reference, probe = pictures
    if reference is not probe or isinstance(reference, str | bytes | os.PathLike):
        return both(lambda: side(0, reference), lambda: side(1, probe))
    # A stream gives its bytes once, and a picture that loads lazily must not load in two threads.
    name = images.describe(reference)
    try:
        image = images.read(reference, limits=limits)
    except UnreadableImage as error:
        reason = error_message(error)
        return (
            Capture(source=name, role=roles[0], error=reason),
            Capture(source=name, role=roles[1], error=reason),
        )
    return side(0, image, name), side(1, image, name)


def find_faces(image: Image, role: Role, models: FaceModels) -> DetectedFaces:
    """Find the faces of a picture that can be aligned, a document's after its rectification.

    Raises
    ------
    NoFace
        If there is none.
    """
    smallest = models.detector.min_face_size
    if role is Role.DOCUMENT:
        detected = search_faces(image, models.detect, smallest)
    else:
        detected = DetectedFaces(image, tuple(models.detect(image)))
    if not detected.faces:
        # Many cameras do not record how they were held. A face at a quarter turn is not compared,
        # since upside down the detector sees faces where there are none.
        turned = detected
        if role is not Role.DOCUMENT:
            turned = search_faces(image, models.detect, smallest)
        if turned.turns:
            raise NoFace(
                "no face stands upright",
                remedy=f"turn the picture by {90 * turned.turns} degrees clockwise: it seems to "
                "lie on its side or head",
            )
        raise NoFace("no face was found", remedy=_REMEDIES[role])
    return detected


def choose(
    image: Image, detected: DetectedFaces, role: Role, models: FaceModels
) -> tuple[Choice, tuple[Floats, float] | None]:
    """Choose the face that is compared; return its embedding too where the choice needed it.

    The embedding comes with its length before it was scaled to unit length.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB, as it was read.
    detected
        Its faces, at least one.
    role, models
        As in `acquire`.
    """
    faces = detected.faces
    if role is not Role.DOCUMENT:
        size = detected.image.shape[1], detected.image.shape[0]
        return choose_person(faces, size, role), None
    compared, rest = faces[:_MAX_COMPARED], faces[_MAX_COMPARED:]
    crops = alignment.align_all(detected.image, compared, models.template)
    beside = detected.beside[:_MAX_COMPARED]
    if beside:
        # They lie outside the straightened document: their pixels are in the whole picture.
        upright, back = _as_read(image, detected)
        moved = [mapped(face, back) for face in beside]
        crops = np.concatenate([crops, alignment.align_all(upright, moved, models.template)])
    embeddings, lengths = models.embedder.embed_with_lengths(crops)
    choice = choose_portrait(
        (*compared, *beside),
        [_contrast(crop) for crop in crops],
        distances(embeddings[:, None], embeddings[None]),
        same_person_limits(models),
        on_document=[True] * len(compared) + [False] * len(beside),
        others=(*rest, *detected.beside[_MAX_COMPARED:]),
    )
    chosen = next(k for k, face in enumerate(compared) if face is choice.face)
    return choice, (embeddings[chosen], float(lengths[chosen]))


def same_person_limits(models: FaceModels) -> SamePersonLimits | None:
    """Return the distances up to which two faces of one document count as one person's.

    None without a calibration.
    """
    calibration = models.calibration
    if calibration is None:
        return None
    return SamePersonLimits(
        *(
            calibration.threshold_at(max(rate, calibration.resolution))
            for rate in (_COPY_FMR, _GHOST_FMR, _POSSIBLE_FMR)
        )
    )


def error_message(error: UnreadableImage | NoFace) -> str:
    """Return the message of an error about a picture, without the picture's name."""
    return f"{error.reason} ({error.remedy})" if error.remedy else error.reason


def _measure(
    image: Image, detected: DetectedFaces, face: Face, template: alignment.AlignmentTemplate
) -> dict[str, Measurement]:
    """Measure quality in the pixels as read: flattening makes up pixels and hides others."""
    faces: Sequence[Face] = detected.faces
    if np.allclose(detected.matrix, turn_matrix(image.shape, detected.turns)):
        return quality.measure(detected.image, face, template, faces)
    upright, back = _as_read(image, detected)
    as_read = {id(each): mapped(each, back) for each in faces}
    return quality.measure(upright, as_read[id(face)], template, tuple(as_read.values()))


def _as_read(image: Image, detected: DetectedFaces) -> tuple[Image, Homography]:
    """Return the image as read, turned upright, and the map to it from the rectified image."""
    turn = turn_matrix(image.shape, detected.turns)
    upright = np.ascontiguousarray(np.rot90(image, -detected.turns))
    return upright, np.asarray(turn @ np.linalg.inv(detected.matrix), np.float64)


def _contrast(crop: Image) -> float:
    """Return the standard deviation of the luminance amid an aligned face, 0 to 255."""
    edge = crop.shape[0] // 5
    inner = np.ascontiguousarray(crop[edge:-edge, edge:-edge])
    return float(cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY).std())
