"""The role of a face detector, which MTCNN and YuNet fill alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.types import Face, Image


class FaceDetector(Protocol):
    """A detector of upright faces.

    Every implementation keeps the following, so that nothing else has to know which one it is:

    - Faces come the largest first, of `min_face_size` px to 1.5 times the picture's shorter side.
      One that fills the frame counts.
    - Landmarks are in the order of `Face.landmarks`: left before right as seen in the picture.
    - A score is a probability on MTCNN's scale, whatever a network answers: 0.7 is the least that
      is returned, below 0.9 a face is doubtful, and from 0.998 on it is so surely an upright one
      that a document is not turned any further (`renzheng.faces.documents`).
    - It is safe to share between threads and repeats bit for bit.

    Turned and tilted faces are left to those who turn the picture.

    Attributes
    ----------
    min_face_size
        The smallest face that is looked for, in pixels.
    """

    @property
    def min_face_size(self) -> int:
        """The smallest face that is looked for, in pixels."""

    def detect(self, image: Image) -> list[Face]:
        """Find the faces of one picture, uint8 (H, W, 3) RGB, the largest first."""

    def detect_batch(self, images: Sequence[Image]) -> list[list[Face]]:
        """Find the faces of several pictures; the answer for each is that of `detect`."""


def check_pictures(images: Sequence[Image]) -> None:
    """Check that pictures are uint8 (H, W, 3).

    Raises
    ------
    InvalidInput
        If one is not.
    """
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InvalidInput(
                f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}"
            )
