"""Pictures turned and resized, and where their faces come to lie."""

from __future__ import annotations

import math

import cv2
import numpy as np

from renzheng.faces.documents.perspective import Homography
from renzheng.types import Face, Floats, Image


def turned(image: Image, turns: int) -> Image:
    """A picture turned clockwise by quarters."""
    return np.ascontiguousarray(np.rot90(image, -turns)) if turns else image


def turn_matrix(shape: tuple[int, ...], turns: int) -> Homography:
    """Pixels of a picture of this height and width to pixels of the picture turned clockwise."""
    height, width = shape[:2]
    # One quarter clockwise: what was at the left bottom comes to the left top.
    places = (
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, -1, height - 1], [1, 0, 0], [0, 0, 1]],
        [[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]],
        [[0, 1, 0], [-1, 0, width - 1], [0, 0, 1]],
    )
    return np.array(places[turns], np.float64)


def askew(image: Image) -> tuple[Image, Homography]:
    """A picture turned by 45 degrees on a canvas that holds all of it, and the way there."""
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


def reduced(image: Image, most: int) -> Image:
    """A picture of so many pixels at most."""
    height, width = image.shape[:2]
    if height * width <= most:
        return image
    return resized(image, math.sqrt(most / (height * width)), cv2.INTER_AREA)


def resized(image: Image, scale: float, how: int) -> Image:
    """A picture resized by cv2's interpolation of this number."""
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def resize_matrix(shape: tuple[int, ...], smaller: tuple[int, ...]) -> Homography:
    """Pixels of a picture of this height and width to pixels of the resized one."""
    y, x = (part / whole for part, whole in zip(smaller[:2], shape[:2], strict=True))
    # Pixels count by their centres.
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)


def mapped(face: Face, matrix: Homography) -> Face:
    """A face in the pixels of another picture, its box grown to stand upright there."""
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
    """A face of a resized picture in pixels of the picture itself, both counted by centres."""

    def place(points: Floats) -> Floats:
        return np.asarray((points + 0.5) * factors - 0.5, np.float32)

    return Face(place(face.box.reshape(2, 2)).reshape(4), place(face.landmarks), face.score)
