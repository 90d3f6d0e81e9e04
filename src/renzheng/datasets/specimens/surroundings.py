"""The ground that a card lies on, and the shadow that it throws there."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.specimens.geometry import Matrix, project, warp
from renzheng.types import Image

_WOODS = ((150, 112, 76), (186, 150, 108), (96, 68, 48), (208, 184, 150))
_CLOTHS = ((70, 84, 104), (120, 60, 58), (176, 172, 160), (62, 78, 66))
_STONES = ((188, 188, 184), (120, 122, 126), (226, 224, 218), (66, 68, 72))
_PAINTS = ((236, 236, 232), (52, 54, 58), (204, 196, 182), (150, 166, 178))


def desk(matrix: Matrix, size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Draw the top of a desk: wood, cloth, stone or paint.

    Parameters
    ----------
    matrix
        The homography from the desk's plane to the image: its grain is seen in perspective.
    size
        Width and height of the image.

    Returns
    -------
    uint8 (height, width, 3) RGB
    """
    width, height = size
    seen = project(np.linalg.inv(matrix), [[0, 0], [width, 0], [width, height], [0, height]])
    low = seen.min(axis=0)
    extent = seen.max(axis=0) - low
    rows = 480
    columns = max(64, min(1600, round(rows * extent[0] / extent[1])))
    kinds = (_wood, _cloth, _stone, _paint)
    texture = kinds[int(rng.integers(len(kinds)))](rows, columns, rng)
    plane = np.array([[extent[0] / columns, 0, low[0]], [0, extent[1] / rows, low[1]], [0, 0, 1]])
    return warp(texture, matrix @ plane, size, border=cv2.BORDER_REFLECT)


def lay(
    card: Image,
    mask: Image,
    ground: Image,
    *,
    shadow: float,
    reach: float,
    towards: float,
) -> npt.NDArray[np.float32]:
    """Put a card onto a ground.

    Parameters
    ----------
    card, ground
        uint8 (H, W, 3) RGB of one size.
    mask
        uint8 (H, W): 255 where the card is.
    shadow
        The darkness beside the card, 0 to 1.
    reach
        The shadow's distance from the card and its softness, in pixels.
    towards
        The shadow's direction, in radians.

    Returns
    -------
    float32 (H, W, 3) RGB, 0 to 255
    """
    height, width = mask.shape
    coarse = max(1, min(8, round(reach / 2)))  # a soft shadow needs few pixels
    small = cv2.resize(mask, (max(1, width // coarse), max(1, height // coarse)))
    offset = reach * 0.6 / coarse
    move = np.array(
        [[1, 0, offset * math.cos(towards)], [0, 1, offset * math.sin(towards)]], np.float64
    )
    thrown = cv2.warpAffine(small, move, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(thrown, (0, 0), max(0.6, reach / coarse / 2))
    dark = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    light = 1 - dark.astype(np.float32) * np.float32(shadow / 255)
    under = ground * light[:, :, None]
    share = mask.astype(np.float32)[:, :, None] / 255
    under += share * (card - under)
    return np.asarray(under, np.float32)


def _pick(
    colours: tuple[tuple[int, int, int], ...], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    colour = np.array(colours[int(rng.integers(len(colours)))], np.float64)
    return colour * rng.uniform(0.85, 1.1) + rng.uniform(-6, 6, 3)


def _noise(
    rows: int, columns: int, cells: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    coarse = rng.uniform(-1, 1, (max(2, cells[0]), max(2, cells[1]))).astype(np.float32)
    return np.asarray(
        cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _shaded(colour: npt.NDArray[np.float64], tone: npt.NDArray[np.float32]) -> Image:
    return np.asarray(np.clip(tone[:, :, None] * colour.astype(np.float32), 0, 255), np.uint8)


def _wood(rows: int, columns: int, rng: np.random.Generator) -> Image:
    bend = _noise(rows, columns, (6, 4), rng) * 3
    y = np.arange(rows, dtype=np.float32)[:, None] / rows
    rings = np.sin(2 * np.pi * (float(rng.uniform(7, 13)) * y + 0.5 * bend))
    fibres = _noise(rows, columns, (rows // 2, 14), rng)
    tone = 1 + 0.07 * rings + 0.07 * fibres + 0.05 * _noise(rows, columns, (5, 3), rng)
    joints = np.ones((rows, 1), np.float32)
    joints[:: max(2, rows // int(rng.integers(2, 5)))] = 0.6
    return _shaded(_pick(_WOODS, rng), tone * joints)


def _cloth(rows: int, columns: int, rng: np.random.Generator) -> Image:
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    weave = np.sin(2 * np.pi * x / 5) * np.sin(2 * np.pi * y / 5)
    tone = 1 + 0.1 * weave + 0.1 * _noise(rows, columns, (rows // 3, columns // 3), rng)
    folds = _noise(rows, columns, (4, 5), rng)
    return _shaded(_pick(_CLOTHS, rng), np.asarray(tone + 0.1 * folds, np.float32))


def _stone(rows: int, columns: int, rng: np.random.Generator) -> Image:
    tone = np.ones((rows, columns), np.float32)
    for cells, share in ((6, 0.06), (24, 0.05), (90, 0.05), (rows // 2, 0.07)):
        tone += share * _noise(rows, columns, (cells, cells * columns // rows), rng)
    return _shaded(_pick(_STONES, rng), tone)


def _paint(rows: int, columns: int, rng: np.random.Generator) -> Image:
    tone = 1 + 0.02 * _noise(rows, columns, (5, 7), rng)
    tone += 0.015 * _noise(rows, columns, (rows // 2, columns // 2), rng)
    return _shaded(_pick(_PAINTS, rng), tone)
