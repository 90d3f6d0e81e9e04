"""The scenes that are measured on: one face in front of a structured background.

The time of detection depends on the picture: everything that looks a little like a face goes on to
the next network of the cascade. So times on these scenes compare backends and machines, and do not
predict the time on other pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from renzheng.datasets import demo
from renzheng.errors import RenzhengError
from renzheng.types import Image


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with its description.

    Attributes
    ----------
    image
        uint8 (H, W, 3) RGB.
    what
        The content in words.
    """

    image: Image
    what: str


def scene(width: int, height: int) -> Scene:
    """Make a scene of this size, the same every time.

    It shows NASA's portrait of Eileen Collins if scikit-image has it, and a painted face otherwise;
    the margins are filled with mirror images.
    """
    try:
        face, what = demo.original(), "scikit-image's public-domain portrait"
    except RenzhengError:
        face, what = painted(512), "a painted face (the portrait comes with scikit-image)"
    side = min(width, height)
    square = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    left, top = (width - side) // 2, (height - side) // 2
    filled = cv2.copyMakeBorder(
        square, top, height - side - top, left, width - side - left, cv2.BORDER_REFLECT
    )
    return Scene(np.asarray(filled, np.uint8), what)


def painted(side: int) -> Image:
    """Paint a simple face that the cascade finds: uint8 (side, side, 3) RGB."""
    unit = side / 256
    canvas = np.full((side, side, 3), (96, 110, 132), np.float64)

    def blob(x: float, y: float, across: float, down: float, colour: tuple[int, int, int]) -> None:
        centre = (round((128 + x) * unit), round((118 + y) * unit))
        axes = (max(1, round(across * unit)), max(1, round(down * unit)))
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)

    blob(0, 20, 68, 92, (52, 40, 34))  # hair
    blob(0, 28, 56, 70, (206, 158, 128))
    for eye in (-25, 25):
        blob(eye, 10, 10, 5, (236, 232, 226))
        blob(eye, 10, 4.5, 4.5, (60, 42, 30))
        blob(eye, -2, 12, 2, (66, 48, 38))  # brow
    blob(0, 36, 7, 2.5, (150, 112, 92))
    blob(0, 61, 18, 5, (172, 84, 84))
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 1)), (0, 0), max(0.4 * unit, 0.4))
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    shade = 1 - 0.25 * (np.hypot(x - 128 * unit, y - 140 * unit) / (90 * unit)) ** 2
    light = np.clip(shade, 0.5, 1) * (1 + 0.06 * grain)
    face: Image = np.clip(canvas * light[:, :, None], 0, 255).astype(np.uint8)
    return face
