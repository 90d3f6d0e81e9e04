"""A specimen ID card of no real country, and what a scanner would make of it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Face, Image

CARD_RATIO = 85.60 / 53.98  # ISO/IEC 7810 ID-1
PORTRAIT_RATIO = 35 / 45  # width over height, as in ICAO 9303
DESIGN_WIDTH = 1012  # ID-1 at 300 dpi: the layout's figures below are in its pixels

_PORTRAIT_AT = (48, 112, 280)  # left, top, width
_PAPER = (238, 243, 240)
_INK = (28, 44, 58)
_ACCENT = (16, 88, 104)
_BORDER_GREY = 205
_SCANNER_GREY = 172

_FIELDS = (
    ("Surname", "MUSTERMANN-LI"),
    ("Given names", "ALEX SAMPLE"),
    ("Date of birth", "01 JAN 1970"),
    ("Sex", "X"),
    ("Nationality", "UTOPIA"),
    ("Document no.", "RZ0000000"),
    ("Expires", "31 DEC 2099"),
)
_MACHINE_LINES = (
    "I<UTORZ0000000<<<<<<<<<<<<<<<<",
    "7001010X9912311UTO<<<<<<<<<<<0",
    "MUSTERMANN<LI<<ALEX<SAMPLE<<<<",
)


def portrait_place(width: int = DESIGN_WIDTH) -> tuple[int, int, int, int]:
    """Where `draw_card` puts the portrait: left, top, width and height in pixels."""
    scale = width / DESIGN_WIDTH
    left, top, wide = (round(v * scale) for v in _PORTRAIT_AT)
    return left, top, wide, round(wide / PORTRAIT_RATIO)


def portrait_from(image: Image, face: Face, *, headroom: float = 2.0) -> Image:
    """Crop a head-and-shoulders portrait of 35 to 45 around a face.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    face
        A face of that picture.
    headroom
        The portrait's height over the face box's height; ICAO 9303 wants the head to fill
        about 70 to 80 % of the height, and the box ends below the hairline.

    Returns
    -------
    uint8 (h, w, 3) RGB
        What lies beyond the picture's edge is grey.
    """
    height = max(9, round(face.height * headroom))
    width = max(7, round(height * PORTRAIT_RATIO))
    eyes = face.landmarks[:2].mean(axis=0)
    left = round(float(face.box[0] + face.box[2]) / 2 - width / 2)
    top = round(float(eyes[1]) - 0.48 * height)
    portrait = np.full((height, width, 3), _BORDER_GREY, np.uint8)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if x1 < x2 and y1 < y2:
        portrait[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    return portrait


def draw_card(portrait: Image, *, width: int = DESIGN_WIDTH) -> Image:
    """Draw a specimen ID-1 card around a portrait.

    Parameters
    ----------
    portrait
        uint8 (H, W, 3) RGB; cropped centrally to 35 to 45.
    width
        Of the card in pixels, at least 300.

    Returns
    -------
    uint8 (height, width, 3) RGB
        The same for the same portrait, pixel for pixel.

    Raises
    ------
    InvalidInput
        If the portrait is no RGB picture or the card too small to be read.
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    if portrait.ndim != 3 or portrait.shape[2] != 3 or portrait.dtype != np.uint8:
        raise InvalidInput(
            f"a portrait of shape (H, W, 3) uint8 wanted, got {portrait.shape} {portrait.dtype}"
        )
    if min(portrait.shape[:2]) == 0 or width < 300:
        raise InvalidInput("the portrait is empty or the card narrower than 300 pixels")
    height = round(width / CARD_RATIO)
    scale = width / DESIGN_WIDTH

    card = Pictures.fromarray(_guilloche(width, height))
    ink = ImageDraw.Draw(card)

    def write(
        x: float,
        y: float,
        text: str,
        size: float,
        fill: tuple[int, int, int] = _INK,
        anchor: str = "ls",
    ) -> None:
        font = ImageFont.load_default(size=size * scale)
        ink.text((x * scale, y * scale), text, fill, font, anchor)

    ink.rectangle((0, 0, width, round(84 * scale)), fill=_ACCENT)
    ink.rectangle((0, round(84 * scale), width, round(88 * scale)), fill=(226, 178, 74))
    write(48, 60, "RENZHENG", 46, (246, 250, 250))
    write(964, 58, "SPECIMEN", 34, (250, 216, 140), "rs")

    for n, (label, value) in enumerate(_FIELDS):
        row, column = (n, 0) if n < 2 else (2 + (n - 2) // 2, (n - 2) % 2)  # names are long
        x, y = 372 + 310 * column, 136 + 76 * row
        write(x, y, label, 19, (86, 112, 120))
        write(x, y + 33, value, 29)

    ghost = Pictures.new("L", card.size)
    ImageDraw.Draw(ghost).text(
        (670 * scale, 300 * scale),
        "SPECIMEN",
        52,
        ImageFont.load_default(size=118 * scale),
        "mm",
    )
    ghost = ghost.rotate(14, Pictures.Resampling.BICUBIC, center=(670 * scale, 300 * scale))
    card.paste((186, 40, 50), mask=ghost)

    ink.rectangle((0, round(500 * scale), width, height), fill=(247, 249, 246))
    pitch = 916 / len(_MACHINE_LINES[0])
    for n, line in enumerate(_MACHINE_LINES):
        for k, letter in enumerate(line):  # the default font is not monospaced
            write(48 + (k + 0.5) * pitch, 540 + 38 * n, letter, 30, (20, 20, 24), "ms")

    left, top, wide, high = portrait_place(width)
    frame = max(1, round(2 * scale))
    ink.rectangle(
        (left - frame, top - frame, left + wide + frame - 1, top + high + frame - 1), _ACCENT
    )
    card.paste(Pictures.fromarray(_fit(portrait, wide, high)), (left, top))
    return np.array(card, np.uint8)


def degrade(card: Image, *, seed: int = 0) -> Image:
    """Print a card and scan it badly: halftone, skew, blur, uneven light, cast, noise, JPEG.

    Parameters
    ----------
    card
        uint8 (H, W, 3) RGB.
    seed
        Chooses the skew, the cast, the light and the noise; equal seeds give equal scans.

    Returns
    -------
    uint8 (H', W', 3) RGB
        The card lying 2 to 3 degrees askew on scanner grey, a tenth larger each way.
    """
    chance = np.random.default_rng(seed)
    height, width = card.shape[:2]

    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    # A 45 degree screen of about 4 px: the usual angle of a black plate, near 150 lpi.
    screen = np.sin((x + y) * 1.11) * np.sin((x - y) * 1.11)
    printed = card + (7.0 * screen)[:, :, None] + chance.normal(0, 4, card.shape)

    out_height, out_width = round(height * 1.14), round(width * 1.1)
    angle = float(chance.uniform(2, 3) * chance.choice((-1, 1)))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turn[:, 2] += ((out_width - width) / 2, (out_height - height) / 2)
    scan = cv2.warpAffine(
        printed.astype(np.float32),
        turn,
        (out_width, out_height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(_SCANNER_GREY,) * 3,
    )
    scan = cv2.GaussianBlur(scan, (0, 0), 1.1 * max(width / DESIGN_WIDTH, 0.5))

    direction = chance.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, out_width)[None, :] * np.cos(direction)
    down = np.linspace(-1, 1, out_height)[:, None] * np.sin(direction)
    light = 0.97 + 0.11 * (across + down)
    cast = np.array((1.04, 1.0, 0.92)) + chance.uniform(-0.02, 0.02, 3)
    scan = scan * light[:, :, None] * cast + chance.normal(0, 3, scan.shape)

    pixels = np.clip(scan, 0, 255).astype(np.uint8)
    done, coded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR) if done else None
    if decoded is None:  # pragma: no cover - OpenCV's wheels always have JPEG
        raise InvalidInput("the scan cannot be coded as JPEG")
    return np.ascontiguousarray(decoded[:, :, ::-1], np.uint8)


def _guilloche(width: int, height: int) -> Image:
    """Paper with interfering sine curves, as banknotes have: (height, width, 3) RGB."""
    fine = 2  # drawn twice as large, so that the hairlines come out thin
    paper = np.full((height * fine, width * fine, 3), _PAPER, np.uint8)
    x = np.linspace(0, 1, 400)
    for family, colour in enumerate(((176, 208, 206), (222, 206, 176), (190, 196, 222))):
        for n in range(46):
            phase = n * (0.10 + 0.03 * family)
            y = (
                (n - 3) / 40
                + 0.055 * np.sin(2 * np.pi * (1.5 + family) * x + phase)
                + 0.022 * np.sin(2 * np.pi * (5 - family) * x - 2 * phase)
            )
            points: npt.NDArray[np.int32] = np.stack(
                (x * width * fine, y * height * fine), axis=-1
            ).astype(np.int32)
            cv2.polylines(paper, [points], False, colour, 1, cv2.LINE_AA)
    return np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _fit(image: Image, width: int, height: int) -> Image:
    """Crop centrally to the wanted ratio, then resample to (height, width, 3)."""
    have_height, have_width = image.shape[:2]
    crop_width = max(1, min(have_width, round(have_height * width / height)))
    crop_height = max(1, min(have_height, round(have_width * height / width)))
    left, top = (have_width - crop_width) // 2, (have_height - crop_height) // 2
    crop = np.ascontiguousarray(image[top : top + crop_height, left : left + crop_width])
    how = cv2.INTER_AREA if crop_width > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (width, height), interpolation=how), np.uint8)
