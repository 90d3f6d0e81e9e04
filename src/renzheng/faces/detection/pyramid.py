"""The image pyramid under P-Net: its levels, and the strips in which P-Net sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats, Image

Resample = Callable[[Image, int, int], npt.NDArray[Any]]  # picture, height, width -> picture

CELL, STRIDE = 12, 2  # P-Net's window and the step between windows, in pixels of a level

# A face may be so much wider than the picture's shorter side: what the picture lacks of it is grey.
# Without that, a face that fills the picture is seen by smaller windows alone, and its landmarks
# come out wrong.
_LARGEST = 1.5
# Windows and boxes of at least these shares of the shorter side see such a border, as wide as the
# third. With smaller ones the half of a face that the frame cuts off would look like a whole one,
# and faces that lie in the picture would be found by other windows than in the plain cascade.
_LARGE_WINDOW, _LARGE_BOX, _BORDER = 1.0, 0.8, 0.4
GREY = 128

# Levels of a larger scale than this are sampled between the pixels of the picture, or of it at half
# its size, if they have as many to a side as this share of its: averaging what a pixel covers takes
# OpenCV seven times as long, but at fewer pixels sampling would pass some over.
_SAMPLED_FROM, _SAMPLED_SHARE = 1 / 3, 0.58
# Levels for which there is a level of so many times their scale are made from that.
_FINER = 3.9

# What a P-Net call works on, in pixels of a level: so few that its maps stay in the processor's
# cache, so many that the overlap with the next strip is little.
_LEAST, _MOST = 20_000, 100_000


def area(image: Image, height: int, width: int) -> npt.NDArray[Any]:
    """Resample to a size, each new pixel the mean of what it covers."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _sampled(image: Image, height: int, width: int) -> npt.NDArray[Any]:
    """Resample to a size, each new pixel from the four around its middle."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))


def scales(height: int, width: int, min_face_size: int, factor: float) -> list[float]:
    """Return the scales at which faces from `min_face_size` on meet P-Net's window.

    The largest of these faces are half as large again as the picture's shorter side.
    """
    scale = CELL / min_face_size
    found = []
    while _LARGEST * min(height, width) * scale >= CELL:
        found.append(scale)
        scale *= factor
    return found


def sees_border(box: float, height: int, width: int) -> bool:
    """Return whether a box of this side sees grey beyond a picture of this size."""
    return box >= _LARGE_BOX * min(height, width)


def border(height: int, width: int) -> int:
    """Return how far beyond a picture of this size boxes see grey, in its pixels."""
    return math.ceil(_BORDER * min(height, width))


def border_of_level(height: int, width: int, scale: float) -> int:
    """Return the border of a level in its pixels: even, and 0 where its window is small."""
    side = min(height, width) * scale
    return 0 if _LARGE_WINDOW * side > CELL else 2 * math.ceil(_BORDER * side / 2)


def framed(level: npt.NDArray[Any], border: int) -> npt.NDArray[Any]:
    """Return a level, (h, w, 3), with a grey border."""
    if not border:
        return level
    grey = (GREY, GREY, GREY)
    return np.asarray(
        cv2.copyMakeBorder(level, border, border, border, border, cv2.BORDER_CONSTANT, value=grey)
    )


class Octaves:
    """A picture, uint8 (H, W, 3), and it at half its size, a quarter and so on, each made once."""

    def __init__(self, image: Image):
        self._made = [image]

    def __getitem__(self, halvings: int) -> Image:
        while len(self._made) <= halvings:
            self._made.append(_halved(self._made[-1]))
        return self._made[halvings]


def _halved(image: Image) -> Image:
    """Half the size, rounded up."""
    below, beside = (side % 2 for side in image.shape[:2])
    even = image
    if below or beside:
        even = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge")
    return np.asarray(area(even, even.shape[0] // 2, even.shape[1] // 2), np.uint8)


def levels(
    octaves: Octaves, at: Sequence[float], resample: Resample, *, exact: bool
) -> Iterator[npt.NDArray[Any]]:
    """The picture at every scale, one after another.

    Parameters
    ----------
    octaves
        Of the picture.
    at
        Scales, the largest first.
    resample
        How pictures are scaled where they are not sampled.
    exact
        Make all from the whole picture by `resample`. Otherwise the large ones are sampled between
        the pixels of the picture or of it at half its size; later ones are made from a level of at
        least four times their scale, but none that was sampled from the picture itself, whose
        finest stripes it shows as coarse ones; and the others from the picture at half its size.
    """
    height, width = octaves[0].shape[:2]
    sources: list[tuple[float, npt.NDArray[Any]]] = []  # levels that later ones are made from
    for scale in at:
        size = int(height * scale + 1), int(width * scale + 1)
        if exact:
            yield resample(octaves[0], *size)
            continue
        octave = 0 if scale > 0.5 else 1
        sampled = scale > _SAMPLED_FROM and scale * 2**octave >= _SAMPLED_SHARE
        finer = [level for other, level in sources if other >= _FINER * scale]
        if sampled:
            level = _sampled(octaves[octave], *size)
        else:
            level = resample(finer[-1] if finer else octaves[octave], *size)
        if octave or not sampled:
            sources.append((scale, level))
        yield level


@dataclass(frozen=True, eq=False)
class Strip:
    """Some rows of P-Net's answers for one level, and the pixels that they need.

    Attributes
    ----------
    level
        Which level: the number of the picture, and of the level in its pyramid.
    row
        The first row of answers.
    pixels
        (h, w, 3), a view of the level.
    """

    level: tuple[int, int]
    row: int
    pixels: npt.NDArray[Any]

    @property
    def planes(self) -> Floats:
        """float32 (1, 3, h, w)"""
        return planes(self.pixels[None])


def strip_size(pixels: float, threads: int) -> int:
    """How large strips should be, in pixels, where a pyramid has so many and threads share it."""
    return int(min(max(pixels / (3 * threads), _LEAST), _MOST))


def strips(number: tuple[int, int], level: npt.NDArray[Any], size: int) -> Iterator[Strip]:
    """A level in horizontal strips, whose answers joined are those for the whole level.

    P-Net has no padding, and every second row starts a window, so strips overlap by what a window
    is taller than a step and start on even rows.
    """
    height, width = level.shape[:2]
    overlap = CELL - STRIDE
    answers = -(-(height - overlap) // STRIDE)  # the last, incomplete pooling window counts
    count = max(1, round(height * width / size))
    rows = -(-answers // count)
    for row in range(0, answers, rows):
        end = (row + rows) * STRIDE + overlap
        yield Strip(number, row, level[row * STRIDE : end])


def shares(parts: Iterator[Strip], size: int) -> Iterator[list[Strip]]:
    """Strips in shares of about equal work: small levels go together."""
    share: list[Strip] = []
    pixels = 0
    for part in parts:
        share.append(part)
        pixels += part.pixels.shape[0] * part.pixels.shape[1]
        if pixels >= size // 2:
            yield share
            share, pixels = [], 0
    if share:
        yield share


def planes(pictures: npt.NDArray[Any]) -> Floats:
    """(n, H, W, 3) to float32 (n, 3, H, W)."""
    return pictures.transpose(0, 3, 1, 2).astype(np.float32, order="C")
