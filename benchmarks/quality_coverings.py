"""Coverings and other losses drawn over faces, to train `renzheng.faces.quality.appearance`.

They differ from those of `renzheng.datasets.degradations.captures`, on which it is tested: shapes,
colours, shades, textures and places are drawn by chance. Lengths are distances between the eyes,
from the middle between them, across and down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from renzheng.datasets.degradations import captures
from renzheng.datasets.degradations.captures import files, sensors
from renzheng.types import Face, Image

Rng = np.random.Generator
Loss = Callable[[Image, Face, Rng], Image]
Point = tuple[float, float]

SKIN = np.array(
    [(236, 196, 172), (224, 172, 140), (198, 146, 116), (160, 110, 82), (110, 72, 52), (72, 48, 36)]
)


def places(face: Face, points: Sequence[Point]) -> np.ndarray:
    left, right = face.landmarks[:2].astype(float)
    across = right - left
    down = np.array([-across[1], across[0]])
    return np.rint([(left + right) / 2 + x * across + y * down for x, y in points]).astype(np.int32)


def area(image: Image, face: Face, points: Sequence[Point]) -> np.ndarray:
    mask = np.zeros(image.shape[:2], np.float32)
    return cv2.fillPoly(mask, [places(face, points)], 1.0)


def oval(image: Image, face: Face, centre: Point, radii: Point, angle: float = 0) -> np.ndarray:
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    around = np.linspace(0, 2 * np.pi, 40)
    points = np.stack([radii[0] * np.cos(around), radii[1] * np.sin(around)], axis=1) @ turn.T
    return area(image, face, [(centre[0] + x, centre[1] + y) for x, y in points])


def line(
    image: Image, face: Face, points: Sequence[Point], colour: np.ndarray, width: float
) -> None:
    thick = max(1, round(width * face.inter_eye_distance))
    levels = tuple(int(v) for v in np.clip(colour, 0, 255))
    cv2.polylines(image, [places(face, points)], False, levels, thick, cv2.LINE_AA)


def any_colour(rng: Rng) -> np.ndarray:
    kind = rng.integers(6)
    if kind == 0:
        return np.full(3, rng.uniform(0, 40))
    if kind == 1:
        return np.full(3, rng.uniform(180, 255))
    if kind == 2:
        return np.array([150, 190, 215]) + rng.normal(0, 20, 3)
    if kind == 3:
        return np.full(3, rng.uniform(40, 200)) + rng.normal(0, 8, 3)
    return skin(rng) if kind == 4 else rng.uniform(0, 255, 3)


def skin(rng: Rng) -> np.ndarray:
    return SKIN[rng.integers(len(SKIN))] + rng.normal(0, 12, 3)


def cover(
    image: Image,
    mask: np.ndarray,
    colour: np.ndarray,
    rng: Rng,
    opacity: float = 1.0,
    shade: float = 0.25,
    texture: float = 0.0,
) -> Image:
    """Paint a colour over a part, lighter towards one side, with a pattern of so many levels."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] / max(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    light = 1 + 3 * shade * rng.uniform(-1, 1) * (along - along.mean())
    paint = np.clip(np.asarray(colour, float)[None, None] * light[:, :, None], 0, 255)
    if texture:
        kind = rng.integers(3)
        if kind == 0:
            coarse = rng.normal(0, 1, (max(2, height // 4), max(2, width // 4)))
            pattern = cv2.resize(coarse, (width, height))
        else:
            stripes = np.sin(along * rng.uniform(40, 200))
            pattern = stripes if kind == 1 else rng.normal(0, 1, (height, width))
        paint = np.clip(paint + texture * pattern[:, :, None], 0, 255)
    share = (cv2.GaussianBlur(mask, (0, 0), 0.7) * opacity)[:, :, None]
    return np.clip(np.rint(image * (1 - share) + paint * share), 0, 255).astype(np.uint8)


def _pattern(rng: Rng) -> float:
    return float(rng.choice([0, 0, 4, 10, 25]))


def eye_bar(image: Image, face: Face, rng: Rng) -> Image:
    up, down, wide = rng.uniform(0.22, 0.5), rng.uniform(0.2, 0.5), rng.uniform(0.75, 1.7)
    colour = np.full(3, rng.uniform(0, 30)) if rng.random() < 0.5 else any_colour(rng)
    corners = [(-wide, -up), (wide, -up), (wide, down), (-wide, down)]
    return cover(image, area(image, face, corners), colour, rng, 1, 0.2, _pattern(rng))


def sunglasses(image: Image, face: Face, rng: Rng) -> Image:
    rx, ry, dy = rng.uniform(0.3, 0.5), rng.uniform(0.24, 0.45), rng.uniform(-0.02, 0.1)
    dx, kind = 0.5 + rng.uniform(-0.04, 0.04), rng.integers(3)
    corners = (
        [(-1, -1), (1, -1), (0.8, 1), (-0.7, 1)],
        [(-0.9, -0.7), (0, -1), (1, -0.8), (0.9, 0.4), (0, 1), (-0.8, 0.5)],
    )
    mask = np.zeros(image.shape[:2], np.float32)
    for side in (-1, 1):
        if kind == 2:
            lens = oval(image, face, (side * dx, dy), (rx, ry))
        else:
            lens = area(
                image, face, [(side * (dx + x * rx), dy + y * ry) for x, y in corners[kind]]
            )
        mask = np.maximum(mask, lens)
    colour = np.full(3, rng.uniform(0, 55)) + rng.normal(0, 10, 3)
    if rng.random() < 0.2:
        colour = np.array([rng.uniform(30, 120), rng.uniform(20, 80), rng.uniform(10, 60)])
    out = cover(image, mask, np.clip(colour, 0, 255), rng, rng.uniform(0.72, 1), 0.5)
    if rng.random() < 0.5:  # a lamp's reflection
        at = (rng.choice([-1, 1]) * dx + rng.uniform(-0.2, 0.2), dy + rng.uniform(-0.2, 0.1))
        spot = oval(image, face, at, (0.08, 0.08))
        out = cover(out, spot * mask, np.array([235, 240, 245]), rng, rng.uniform(0.3, 0.8), 0)
    if rng.random() < 0.7:
        width = rng.uniform(0.03, 0.1)
        colour = any_colour(rng) if rng.random() < 0.4 else np.full(3, rng.uniform(0, 50))
        _temples(out, face, (dx, dy, rx, ry), colour, width)
    return out


def _temples(
    out: Image,
    face: Face,
    lens: tuple[float, float, float, float],
    colour: np.ndarray,
    width: float,
) -> None:
    dx, dy, rx, ry = lens
    line(out, face, [(rx - dx, dy - 0.3 * ry), (dx - rx, dy - 0.3 * ry)], colour, width)
    for side in (-1, 1):
        ends = [(side * (dx + 0.95 * rx), dy - 0.3 * ry), (side * 1.3, dy - 0.1)]
        line(out, face, ends, colour, width)


def eye_hand(image: Image, face: Face, rng: Rng) -> Image:
    centre = rng.uniform(-0.25, 0.25), rng.uniform(-0.1, 0.1)
    radii = rng.uniform(0.95, 1.5), rng.uniform(0.35, 0.6)
    mask = oval(image, face, centre, radii, rng.uniform(-0.3, 0.3))
    return _fingers(cover(image, mask, skin(rng), rng, 1, 0.4, _pattern(rng)), face, rng, -0.5, 0.4)


def _fingers(out: Image, face: Face, rng: Rng, top: float, low: float) -> Image:
    if rng.random() < 0.6:
        colour, count = 0.8 * SKIN[rng.integers(2, 6)], rng.integers(2, 5)
        lying = rng.random() < 0.5
        for share in (np.arange(count) + 1) / (count + 1):
            y, x = top + (low - top) * share, 1.6 * share - 0.8
            ends = [(-0.9, y), (0.9, y + 0.1)] if lying else [(x, top), (x + 0.1, low)]
            line(out, face, ends, colour, 0.03)
    return out


def one_eye(image: Image, face: Face, rng: Rng) -> Image:
    side = rng.choice([-1, 1])
    if rng.random() < 0.5:
        mask = oval(image, face, (side * 0.5, 0), (rng.uniform(0.35, 0.6), rng.uniform(0.28, 0.5)))
    else:
        inner, outer = side * 0.1, side * 1.1
        corners = [(inner, -0.45), (outer, -0.45), (outer, 0.35), (inner, 0.35)]
        mask = area(image, face, corners)
    return cover(image, mask, any_colour(rng), rng, 1, 0.3, _pattern(rng))


def mask(image: Image, face: Face, rng: Rng) -> Image:
    """A mask of cloth or paper, with folds and loops."""
    top, side, low = rng.uniform(0.3, 0.65), rng.uniform(0.35, 0.8), rng.uniform(1.6, 2.1)
    wide, narrow = rng.uniform(0.8, 1.2), rng.uniform(0.35, 0.75)
    colours = (
        np.array([150, 190, 215]),
        np.full(3, rng.uniform(200, 250)),
        np.full(3, rng.uniform(5, 50)),
        np.array([230, 180, 195]),
        any_colour(rng),
    )
    colour = colours[rng.integers(5)] + rng.normal(0, 10, 3)
    half = [(0, top), (0.25, top + 0.05), (wide, side), (0.95 * wide, (side + low) / 2)]
    half.append((narrow, low))
    corners = half + [(-x, y) for x, y in half[:0:-1]]
    pattern = float(rng.choice([0, 0, 0, 4, 12]))
    out = cover(image, area(image, face, corners), colour, rng, 1, 0.5, pattern)
    if rng.random() < 0.6:
        count, fold = rng.integers(1, 4), colour * rng.uniform(0.75, 1.05)
        for share in (np.arange(count) + 1) / (count + 1):
            y = top + 0.35 + (low - top - 0.5) * share
            middle = (0.0, y + rng.uniform(-0.05, 0.1))
            line(out, face, [(-0.9 * wide, y), middle, (0.9 * wide, y)], fold, 0.03)
    if rng.random() < 0.4:
        for where in (-1, 1):
            ends = [(where * wide, side + 0.05), (where * 1.35, rng.uniform(-0.1, 0.3))]
            line(out, face, ends, colour, 0.03)
    return out


def mouth_hand(image: Image, face: Face, rng: Rng) -> Image:
    centre = rng.uniform(-0.3, 0.3), 1.1 + rng.uniform(-0.2, 0.2)
    radii = rng.uniform(0.6, 1.3), rng.uniform(0.4, 0.9)
    part = oval(image, face, centre, radii, rng.uniform(-0.5, 0.5))
    return _fingers(cover(image, part, skin(rng), rng, 1, 0.4, _pattern(rng)), face, rng, 0.6, 1.7)


def scarf(image: Image, face: Face, rng: Rng) -> Image:
    y, slope = rng.uniform(0.4, 0.85), rng.uniform(-0.2, 0.2)
    part = area(image, face, [(-2.5, y - slope), (2.5, y + slope), (2.5, 3.5), (-2.5, 3.5)])
    return cover(image, part, any_colour(rng), rng, 1, 0.4, float(rng.choice([0, 8, 20, 40])))


def mouth_bar(image: Image, face: Face, rng: Rng) -> Image:
    top, low, wide = rng.uniform(0.65, 0.85), rng.uniform(1.35, 1.9), rng.uniform(0.55, 1.4)
    part = area(image, face, [(-wide, top), (wide, top), (wide, low), (-wide, low)])
    return cover(image, part, any_colour(rng), rng, 1, 0.2, _pattern(rng))


def spectacles(image: Image, face: Face, rng: Rng) -> Image:
    """Ordinary glasses, which cover nothing."""
    out, width = image.copy(), rng.uniform(0.02, 0.1)
    rx, ry, dy = rng.uniform(0.3, 0.45), rng.uniform(0.2, 0.38), rng.uniform(0, 0.08)
    colour = np.full(3, rng.uniform(0, 80)) if rng.random() < 0.7 else any_colour(rng)
    around, is_round = np.linspace(0, 2 * np.pi, 40), rng.integers(2)
    for side in (-1, 1):
        if rng.random() < 0.4:
            glass = oval(image, face, (side * 0.5, dy), (rx, ry))
            out = cover(out, glass, any_colour(rng), rng, rng.uniform(0.03, 0.2), 0)
        shape = [(1, -1), (0.9, 1), (-0.9, 1), (-1, -1), (1, -1)]
        if is_round:
            shape = list(zip(np.cos(around), np.sin(around), strict=True))
        line(out, face, [(side * 0.5 + x * rx, dy + y * ry) for x, y in shape], colour, width)
    _temples(out, face, (0.5, dy, rx, ry), colour, width)
    return out


def cap(image: Image, face: Face, rng: Rng) -> Image:
    """Something over the forehead, above the brows."""
    y = rng.uniform(-0.7, -0.4)
    low = (0.0, y + rng.uniform(-0.1, 0.08))
    part = area(image, face, [(-1.5, -2.5), (1.5, -2.5), (1.4, y), low, (-1.4, y)])
    return cover(image, part, any_colour(rng), rng, 1, 0.4, _pattern(rng))


def aside_of_face(image: Image, face: Face, rng: Rng) -> Image:
    centre = rng.choice([-1, 1]) * rng.uniform(1.0, 1.4), rng.uniform(-0.8, 1.6)
    part = oval(image, face, centre, (rng.uniform(0.2, 0.5), rng.uniform(0.3, 0.8)))
    return cover(image, part, any_colour(rng), rng, 1, 0.4, _pattern(rng))


def tint(image: Image, face: Face, rng: Rng) -> Image:
    return np.clip(np.rint(image * rng.uniform(0.6, 1.3, 3)), 0, 255).astype(np.uint8)


def side_light(image: Image, face: Face, rng: Rng) -> Image:
    ramp = np.linspace(0, 1, image.shape[1])[:: rng.choice([-1, 1])]
    light = rng.uniform(0.15, 0.5) + ramp * rng.uniform(0.6, 1)
    return np.clip(image * light[None, :, None], 0, 255).astype(np.uint8)


def poor(image: Image, face: Face, rng: Rng) -> Image:
    """A loss that covers nothing: it must not be taken for a covering."""
    eyes, strength = face.inter_eye_distance, rng.uniform(0, 1)
    losses: Sequence[Loss] = (
        sensors.blur((0.02 + 0.1 * strength) * eyes),
        sensors.noise(5 + 45 * strength),
        files.jpeg(round(2 + 28 * strength)),
        files.mosaic(round(16 + 24 * strength)),
        files.small(round(16 + 24 * strength)),
        captures.get("grey").loss,
        tint,
        side_light,
        sensors.contrast(0.1 + 0.5 * strength),
        sensors.light(0.1 + 0.4 * strength),
        sensors.light(1.3 + 1.2 * strength),
        sensors.glare,
    )
    return losses[rng.integers(len(losses))](image, face, rng)


def upside_down(image: Image, face: Face, rng: Rng) -> Image:
    return np.ascontiguousarray(image[::-1, ::-1])


def on_its_side(image: Image, face: Face, rng: Rng) -> Image:
    return np.ascontiguousarray(np.rot90(image, rng.choice([1, 3])))


def squeezed(image: Image, face: Face, rng: Rng) -> Image:
    factor, (height, width) = rng.uniform(0.42, 0.62), image.shape[:2]
    grown, shrunk = 1 / np.sqrt(factor), np.sqrt(factor)
    across, down = (shrunk, grown) if rng.random() < 0.5 else (grown, shrunk)
    size = max(8, round(width * across)), max(8, round(height * down))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def one_of(*losses: Loss) -> Loss:
    return lambda image, face, rng: losses[rng.integers(len(losses))](image, face, rng)


def in_turn(*losses: Loss) -> Loss:
    def apply(image: Image, face: Face, rng: Rng) -> Image:
        for loss in losses:
            image = loss(image, face, rng)
        return image

    return apply


EYES = one_of(eye_bar, sunglasses, sunglasses, sunglasses, eye_hand, one_eye)
MOUTH = one_of(mask, mask, mask, mouth_hand, mouth_hand, scarf, mouth_bar)
NEITHER = one_of(spectacles, spectacles, cap, aside_of_face, poor, poor, poor, side_light)

# A loss, and whether it covers the eyes, covers the mouth, turns and distorts the face.
VARIANTS: Mapping[str, tuple[Loss, tuple[int, int, int, int]]] = {
    "clean": (lambda image, face, rng: image, (0, 0, 0, 0)),
    "neither": (NEITHER, (0, 0, 0, 0)),
    "neither twice": (in_turn(NEITHER, NEITHER), (0, 0, 0, 0)),
    "eyes": (EYES, (1, 0, 0, 0)),
    "eyes again": (EYES, (1, 0, 0, 0)),
    "eyes, poor": (in_turn(EYES, poor), (1, 0, 0, 0)),
    "mouth": (MOUTH, (0, 1, 0, 0)),
    "mouth again": (MOUTH, (0, 1, 0, 0)),
    "mouth, poor": (in_turn(MOUTH, poor), (0, 1, 0, 0)),
    "both": (in_turn(MOUTH, EYES), (1, 1, 0, 0)),
    "upside down": (upside_down, (0, 0, 1, 0)),
    "neither, upside down": (in_turn(NEITHER, upside_down), (0, 0, 1, 0)),
    "on its side": (on_its_side, (0, 0, 1, 0)),
    "squeezed": (squeezed, (0, 0, 0, 1)),
    "neither, squeezed": (in_turn(NEITHER, squeezed), (0, 0, 0, 1)),
}
