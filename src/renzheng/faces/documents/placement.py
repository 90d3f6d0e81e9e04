"""Turning and resizing of pictures, and the positions of their faces afterwards."""

from __future__ import annotations

import math

import cv2
import numpy as np

from renzheng.faces.documents.perspective import Homography
from renzheng.types import Face, Floats, Image


def turned(image: Image, turns: int) -> Image:
    """Turn a picture clockwise by quarters."""
    return np.ascontiguousarray(np.rot90(image, -turns)) if turns else image


def turn_matrix(shape: tuple[int, ...], turns: int) -> Homography:
    """Return the matrix from pixels of a picture of this shape to those of it turned clockwise."""
    height, width = shape[:2]
    # One quarter clockwise: the bottom left corner becomes the top left corner.
    places = (
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, -1, height - 1], [1, 0, 0], [0, 0, 1]],
        [[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]],
        [[0, 1, 0], [-1, 0, width - 1], [0, 0, 1]],
    )
    return np.array(places[turns], np.float64)


def askew(image: Image) -> tuple[Image, Homography]:
    """Turn a picture by 45 degrees on a canvas that holds all of it; return it and the matrix."""
    height, width = image.shape[:2]
    side = math.ceil((width + height) * math.sqrt(0.5))
    middle = (width - 1) / 2, (height - 1) / 2
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(middle, 45, 1)
    matrix[:2, 2] += (side - width) / 2, (side - height) / 2
    canvas = cv2.warpAffine(
        image, matrix[:2], (side, side), flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128)
    )
    return np.asarray(canvas, np.uint8), matrix


def reduced(image: Image, max_pixels: int) -> Image:
    """Reduce a picture to at most so many pixels."""
    height, width = image.shape[:2]
    if height * width <= max_pixels:
        return image
    return resized(image, math.sqrt(max_pixels / (height * width)), cv2.INTER_AREA)


def resized(image: Image, scale: float, interpolation: int) -> Image:
    """Resize a picture with one of cv2's interpolations."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def resize_matrix(shape: tuple[int, ...], smaller: tuple[int, ...]) -> Homography:
    """Return the matrix from pixels of a picture of this shape to those of the resized one."""
    y, x = (part / whole for part, whole in zip(smaller[:2], shape[:2], strict=True))
    # pixel centres are at whole numbers
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)


def mapped(face: Face, matrix: Homography) -> Face:
    """Map a face to the pixels of another picture; its box is grown to stand upright there."""
    x1, y1, x2, y2 = (float(v) for v in face.box)
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    box = cv2.perspectiveTransform(corners.reshape(1, 4, 2), matrix)[0]
    points = face.landmarks.astype(np.float64).reshape(1, 5, 2)
    return Face(
        np.concatenate([box.min(axis=0), box.max(axis=0)]).astype(np.float32),
        cv2.perspectiveTransform(points, matrix)[0].astype(np.float32),
        face.score,
    )


def scaled(face: Face, factors: Floats) -> Face:
    """Map a face of a resized picture to the pixels of the picture itself.

    Pixel centres are at whole numbers in both.
    """

    def place(points: Floats) -> Floats:
        return np.asarray((points + 0.5) * factors - 0.5, np.float32)

    return Face(place(face.box.reshape(2, 2)).reshape(4), place(face.landmarks), face.score)
