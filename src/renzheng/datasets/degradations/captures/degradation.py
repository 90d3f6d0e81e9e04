"""The interface of a degradation of a capture, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Face, Image

Rng = np.random.Generator

# uint8 (H, W, 3) RGB, its face and the source of chance; returns uint8 (h, w, 3) RGB.
Loss = Callable[[Image, Face, Rng], Image]

# Strengths are in pixels, and chosen on LFW, whose faces are some 95 px wide. The faces of the sets
# that rates are fitted on are up to 177 px wide; wider ones would hardly feel a blur of 3 px.
MAX_FACE_WIDTH = 180.0


@dataclass(frozen=True, eq=False)
class CaptureDegradation:
    """One way in which a capture loses what tells people apart.

    Attributes
    ----------
    name
        The name in commands and tables.
    description
        A line for people.
    family
        The kind of loss: degradations of one family differ in strength or detail.
    loss
        The function that makes the loss.
    held_out
        Whether rates are tested on it, and not fitted.
    """

    name: str
    description: str
    family: str
    loss: Loss
    held_out: bool = False

    def __call__(self, image: Image, face: Face, rng: Rng) -> Image:
        """Return the degraded picture.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB; it is not changed.
        face
            The face in it.
        rng
            Chooses what varies from capture to capture.

        Returns
        -------
        uint8 (h, w, 3) RGB
            The size changes only where the aspect ratio is lost.
        """
        return np.ascontiguousarray(self.loss(image, face, rng))


def in_turn(*losses: Loss) -> Loss:
    """Return the loss that makes several, one after the other."""

    def apply(image: Image, face: Face, rng: Rng) -> Image:
        for loss in losses:
            image = loss(image, face, rng)
        return image

    return apply


def to_levels(values: npt.ArrayLike) -> Image:
    """Round values to the nearest level, 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def grey_image(grey: npt.NDArray[np.generic]) -> Image:
    """Return uint8 levels (H, W) three times over, as an RGB image."""
    return np.repeat(np.asarray(grey, np.uint8)[:, :, None], 3, axis=2)


def at_scale(image: Image, face: Face, max_width: float = MAX_FACE_WIDTH) -> tuple[Image, Face]:
    """Reduce a picture whose face is wider than the strengths of the degradations are made for.

    Parameters
    ----------
    image, face
        uint8 (H, W, 3) RGB, and a face in it.
    max_width
        The width of the widest face that stays as it is, in pixels.

    Returns
    -------
    (image, face)
        The picture with a face of at most this width, and the face in its pixels.
    """
    factor = max_width / max(face.width, 1e-9)
    if factor >= 1:
        return image, face
    width, height = (max(2, round(side * factor)) for side in image.shape[1::-1])
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    scale = np.array((width, height)) / image.shape[1::-1]
    # Pixel centres lie at whole numbers.
    points = ((face.landmarks + 0.5) * scale - 0.5).astype(np.float32)
    box = ((face.box.reshape(2, 2) + 0.5) * scale - 0.5).astype(np.float32).ravel()
    return small, replace(face, box=box, landmarks=points)
