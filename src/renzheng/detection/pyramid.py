"""The image pyramid under P-Net: its levels, and the strips in which P-Net sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Floats, Image

Resample = Callable[[Image, int, int], npt.NDArray[Any]]  # picture, height, width -> picture

CELL, STRIDE = 12, 2  # P-Net's window and the step between windows, in pixels of a level

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
    """The scales at which a face of `min_face_size` and all larger ones meet P-Net's window."""
    scale = CELL / min_face_size
    found = []
    while min(height, width) * scale >= CELL:
        found.append(scale)
        scale *= factor
    return found


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
