"""A face painted around given landmarks: skin with pores, eyes, brows, nose, mouth, hair."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.faces.quality import pose
from renzheng.types import Face, Image

SKIN = (206, 158, 128)  # a* 12, b* 23: in the middle of what natural_colour calls natural


def landmarks(
    yaw: float = 0, pitch: float = 0, roll: float = 0, *, between_eyes: float = 90
) -> np.ndarray:
    """float64 (5, 2): the head model under a pose as a distant camera sees it, eyes at 0."""
    turned = (pose.MODEL @ pose.rotation(pose.Pose(yaw, pitch, roll)).T)[:, :2]
    return (turned - turned[:2].mean(axis=0)) * (between_eyes / 63)


def face_of(points: np.ndarray) -> Face:
    """The face with these landmarks, in a box from the hair to the chin."""
    middle = points.mean(axis=0)
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    half = float(np.linalg.norm(down)) * 1.3
    reach = np.array((0.8 * half, half))
    box = np.concatenate([middle - reach, middle + reach]).astype(np.float32)
    return Face(box, points.astype(np.float32), 0.999)


def paint(
    points: np.ndarray | None = None,
    *,
    size: tuple[int, int] = (420, 420),
    skin: tuple[int, int, int] = SKIN,
    seed: int = 0,
) -> tuple[Image, Face]:
    """A face with these landmarks; by default one that looks ahead, 90 px between the eyes.

    Returns the picture, uint8 (height, width, 3) RGB for a `size` of width and height, and the
    face in it.
    """
    width, height = size
    if points is None:
        points = landmarks() + np.array((width / 2, 0.42 * height))
    rng = np.random.default_rng(seed)
    left, right, nose, mouth_left, mouth_right = points
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    unit = float(np.linalg.norm(mouth - eyes)) / 65.5  # px a millimetre
    tilt = float(np.degrees(np.arctan2(*(right - left)[::-1])))
    picture = np.full((height, width, 3), (96, 110, 132), np.float64)

    def blob(centre: np.ndarray, axes: tuple[float, float], colour: tuple[int, ...]) -> None:
        place = tuple(int(v) for v in np.rint(centre))
        reach = tuple(max(round(v * unit), 1) for v in axes)
        cv2.ellipse(picture, place, reach, tilt, 0, 360, colour, -1, cv2.LINE_AA)

    down = (mouth - eyes) / 65.5
    blob(eyes + 20 * down, (85, 115), (52, 40, 34))  # hair
    blob(eyes + 28 * down, (72, 88), skin)
    for eye in (left, right):
        blob(eye, (13, 6), (236, 232, 226))
        blob(eye, (5.5, 5.5), (60, 42, 30))
        blob(eye - 15 * down, (15, 2.5), (66, 48, 38))
    blob(nose + 6 * down, (9, 2.5), tuple(int(0.7 * v) for v in skin))
    blob(mouth, (max(float(np.linalg.norm(mouth_right - mouth_left)) / 2 / unit, 4), 6),
         (172, 84, 84))  # fmt: skip

    # Broad shades and pores, so that there are levels to count and detail to blur.
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    shade = 1 - 0.28 * (np.hypot(x - eyes[0], (y - eyes[1] - 20 * unit)) / (80 * unit)) ** 2
    broad = cv2.resize(rng.normal(0, 1, (7, 7)), size, interpolation=cv2.INTER_CUBIC)
    broad = (broad + broad[:, ::-1]) / 2  # from neither side more light
    fine = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), max(0.5 * unit, 0.4))
    light = np.clip(shade, 0.55, 1) * (1 + 0.05 * broad + 0.1 * fine)
    return np.clip(picture * light[:, :, None], 0, 255).astype(np.uint8), face_of(points)
