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

# The largest face over the picture's shorter side: the part outside the picture is filled with
# grey. Without that border, only smaller windows see a face that fills the picture, and its
# landmarks come out wrong.
_LARGEST = 1.5
# Windows and boxes of at least the first two shares of the shorter side see the grey border, whose
# width is the third share. With a border around smaller ones, the half of a face that the frame
# cuts off would look like a whole face, and faces inside the picture would be found by other
# windows than in the plain cascade.
_LARGE_WINDOW, _LARGE_BOX, _BORDER = 1.0, 0.8, 0.4
GREY = 128

# Levels above the first scale are sampled between the pixels of the picture, or of the picture at
# half its size, if they have at least the second share of its pixels per side: averaging takes
# OpenCV seven times as long, but at a smaller share sampling would skip pixels.
_SAMPLED_FROM, _SAMPLED_SHARE = 1 / 3, 0.58
# A level is made from another level if there is one of at least this many times its scale.
_FINER = 3.9

# Pixels of a level per P-Net call: few enough that the network's maps stay in the processor's
# cache, enough that the overlap with the next strip is small.
_MIN_STRIP, _MAX_STRIP = 20_000, 100_000


def area(image: Image, height: int, width: int) -> npt.NDArray[Any]:
    """Resample to a size, each new pixel the mean of what it covers."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _sampled(image: Image, height: int, width: int) -> npt.NDArray[Any]:
    """Resample to a size, each new pixel from the four around its centre."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))


def scales(height: int, width: int, min_face_size: int, factor: float) -> list[float]:
    """Return the scales at which faces of `min_face_size` px and more fit P-Net's window.

    The largest of these faces are 1.5 times the picture's shorter side.
    """
    scale = CELL / min_face_size
    found = []
    while _LARGEST * min(height, width) * scale >= CELL:
        found.append(scale)
        scale *= factor
    return found


def sees_border(box: float, height: int, width: int) -> bool:
    """Return whether a box with this side sees the grey border of a picture of this size."""
    return box >= _LARGE_BOX * min(height, width)


def border(height: int, width: int) -> int:
    """Return the width of the grey border that boxes see, in pixels of the picture."""
    return math.ceil(_BORDER * min(height, width))


def border_of_level(height: int, width: int, scale: float) -> int:
    """Return the border of a level in its pixels: even, and 0 if a window is smaller than it."""
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
    """A picture, uint8 (H, W, 3), at its size, half of it, a quarter and so on, each made once."""

    def __init__(self, image: Image):
        self._made = [image]

    def __getitem__(self, halvings: int) -> Image:
        while len(self._made) <= halvings:
            self._made.append(_halved(self._made[-1]))
        return self._made[halvings]


def _halved(image: Image) -> Image:
    """Return a picture at half its size, rounded up."""
    below, beside = (side % 2 for side in image.shape[:2])
    even = image
    if below or beside:
        even = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="edge")
    return np.asarray(area(even, even.shape[0] // 2, even.shape[1] // 2), np.uint8)


def levels(
    octaves: Octaves, at: Sequence[float], resample: Resample, *, exact: bool
) -> Iterator[npt.NDArray[Any]]:
    """Yield the picture at every scale, one after another.

    Parameters
    ----------
    octaves
        The picture.
    at
        Scales, the largest first.
    resample
        How pictures are scaled where they are not sampled.
    exact
        Make all levels from the whole picture by `resample`. Otherwise large levels are sampled
        between the pixels of the picture, or of the picture at half its size. Later levels are
        made from a level of about four times their scale, but not from a level that was sampled
        from the picture itself, which shows the picture's finest stripes as coarse ones. The
        others are made from the picture at half its size.
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
    """Consecutive rows of P-Net's answers for one level, and the pixels that they need.

    Attributes
    ----------
    level
        The number of the picture, and of the level in its pyramid.
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
        """The network's input, float32 (1, 3, h, w)."""
        return planes(self.pixels[None])


def strip_size(pixels: float, threads: int) -> int:
    """Return the size of strips, in pixels, for a pyramid of so many pixels and some threads."""
    return int(min(max(pixels / (3 * threads), _MIN_STRIP), _MAX_STRIP))


def strips(number: tuple[int, int], level: npt.NDArray[Any], size: int) -> Iterator[Strip]:
    """Yield a level in horizontal strips, whose joined answers are those for the whole level.

    P-Net has no padding, and every second row starts a window, so strips start on even rows and
    overlap by the height of a window less one step.
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
    """Yield strips in shares of about equal work: small levels go together."""
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
    """Convert pictures (n, H, W, 3) to float32 (n, 3, H, W)."""
    return pictures.transpose(0, 3, 1, 2).astype(np.float32, order="C")
