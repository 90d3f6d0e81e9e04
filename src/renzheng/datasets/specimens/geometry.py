"""Plane homographies of a card before a pinhole camera or on a scanner, for pixels and corners.

Points follow `Corners`: (0, 0) is the corner of the first pixel, whose centre is (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.datasets.specimens.layouts import MM_AN_INCH
from renzheng.datasets.specimens.specimen import Corners
from renzheng.types import Image

Matrix = npt.NDArray[np.float64]  # (3, 3)
_HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from pixel indices to places


def project(matrix: npt.ArrayLike, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Map points (n, 2) xy."""
    places = np.asarray(points, np.float64)
    mapped = np.concatenate([places, np.ones((len(places), 1))], axis=1) @ np.asarray(matrix).T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def area(corners: npt.ArrayLike) -> float:
    """Return the area of a simple polygon (n, 2), positive if its corners run clockwise."""
    x, y = np.asarray(corners, np.float64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def scaled(factor: float) -> Matrix:
    """Return the homography that scales about (0, 0)."""
    return np.diag((factor, factor, 1.0))


def moved(x: float, y: float) -> Matrix:
    """Return the homography that shifts."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def rolled(degrees: float) -> Matrix:
    """Return the homography that turns clockwise, as seen, around (0, 0)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def warp(image: Image, matrix: Matrix, size: tuple[int, int], *, border: int) -> Image:
    """Resample an image along a homography.

    Parameters
    ----------
    image
        uint8 (h, w) or (h, w, 3).
    matrix
        The homography from places in `image` to places in the result.
    size
        Width and height of the result.
    border
        OpenCV's code for what lies beyond the image.

    Returns
    -------
    uint8 (height, width) or (height, width, 3)
        Where the result is smaller, pixels are averaged first, because bilinear sampling skips
        some.
    """
    height, width = image.shape[:2]
    outline = [[0, 0], [width, 0], [width, height], [0, height]]
    shrink = math.sqrt(abs(area(project(matrix, outline))) / (width * height))
    if shrink < 0.8:
        small = max(1, round(width * shrink)), max(1, round(height * shrink))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix @ np.diag((width / small[0], height / small[1], 1.0))
    indices = np.linalg.inv(_HALF) @ matrix @ _HALF
    return np.asarray(
        cv2.warpPerspective(
            image, indices, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=0
        ),
        np.uint8,
    )


@dataclass(frozen=True)
class PinholeCamera:
    """A pinhole camera: focal length and image size in pixels, the optical axis in its middle."""

    focal: float
    width: int
    height: int

    def view(
        self, tilts: tuple[float, float], roll: float, shift: tuple[float, float], distance: float
    ) -> Matrix:
        """Return the homography of a plane before the camera.

        Parameters
        ----------
        tilts
            The plane's rotations about its horizontal and its vertical axis, degrees.
        roll
            The rotation in the image, clockwise, degrees.
        shift
            The distances of the plane's origin from the optical axis, in the plane's units.
        distance
            The distance of the plane's origin along the optical axis, in the plane's units.

        Returns
        -------
        float64 (3, 3)
            From places on the plane, origin in its middle, to places in the image.
        """
        a, b, c = (math.radians(v) for v in (*tilts, roll))
        about_x = np.array(
            [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
        )
        about_y = np.array(
            [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
        )
        about_z = np.array(
            [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
        )
        rotation = about_z @ about_x @ about_y
        pose = np.column_stack([rotation[:, 0], rotation[:, 1], (*shift, distance)])
        lens = np.array(
            [[self.focal, 0, self.width / 2], [0, self.focal, self.height / 2], [0, 0, 1]]
        )
        return np.asarray(lens @ pose)

    def frame(
        self,
        size: tuple[float, float],
        tilts: tuple[float, float],
        roll: float,
        fill: float,
        place: tuple[float, float],
        margin: float = 0.02,
    ) -> Matrix:
        """Return the homography of a card that fills a share of the image.

        Parameters
        ----------
        size
            The card's width and height.
        tilts, roll
            See `view`.
        fill
            The width of the card's bounding box over the image's; less where the card would
            reach beyond the image's margin otherwise.
        place
            The place of that box in the room that is left: 0 to 1 from left and from top.
        margin
            The share of the image's sides that is kept free.

        Returns
        -------
        float64 (3, 3)
            From places on the card, its top left corner (0, 0), to places in the image.
        """
        width, height = size
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
        centred = moved(-width / 2, -height / 2)
        sides = np.array((self.width, self.height))
        inner = sides * (1 - 2 * margin)
        shift, distance = np.zeros(2), self.focal * width / (fill * self.width)
        matrix = np.eye(3)
        # Size and place depend on each other under perspective; this settles in a few rounds.
        for _ in range(30):
            matrix = self.view(tilts, roll, (shift[0], shift[1]), distance) @ centred
            box = project(matrix, corners)
            low, high = box.min(axis=0), box.max(axis=0)
            extent = high - low
            wanted = min(fill * self.width / extent[0], *(inner / extent))
            room = np.maximum(sides - extent * wanted, 0)
            free = np.maximum(room - 2 * margin * sides, 0)
            goal = (room - free) / 2 + free * place
            distance /= wanted
            offset = goal + extent * wanted / 2 - (low + high) / 2
            shift = shift + offset * distance / self.focal
        return matrix


def dots_per_inch(card: Corners, millimetres: tuple[float, float]) -> float:
    """Return the mean resolution of a card of a known size in an image."""
    return MM_AN_INCH * math.sqrt(abs(area(card)) / (millimetres[0] * millimetres[1]))
