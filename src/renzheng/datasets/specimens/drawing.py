"""Draw a specimen document around a portrait."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from renzheng.datasets.registry import find
from renzheng.datasets.specimens import ornaments
from renzheng.datasets.specimens.holder import Holder, invent
from renzheng.datasets.specimens.layouts import LAYOUTS, MM_AN_INCH, PORTRAIT_RATIO, Layout, Spot
from renzheng.datasets.specimens.schemes import SCHEMES, Colour, Scheme, guilloche
from renzheng.datasets.specimens.specimen import Specimen, generator, rectangle
from renzheng.errors import InvalidInput
from renzheng.types import Image

MIN_DPI, MAX_DPI = 100, 600
# The ghost portrait's width over the main portrait's, and its opacity: least and greatest.
GHOST_SIZES, GHOST_OPACITIES = (0.3, 0.6), (0.3, 0.7)

_LABEL_SIZE = 1.6  # mm
_MACHINE_PAPER: Colour = (247, 249, 246)
_MACHINE_INK: Colour = (20, 20, 24)


def draw(
    portrait: Image, *, layout: str | None = None, seed: int = 0, dpi: float = 300
) -> Specimen:
    """Draw a specimen document around a portrait.

    Parameters
    ----------
    portrait
        uint8 (H, W, 3) RGB; cropped centrally to 35 to 45.
    layout
        A name in `LAYOUTS`; None chooses one by the seed.
    seed
        Chooses the colours, the invented holder and the ghost; 0 or more.
    dpi
        Pixels an inch, 100 to 600.

    Returns
    -------
    Specimen
        The card fills the picture. The same arguments give the same pixels.

    Raises
    ------
    InvalidInput
        If the portrait is not RGB, the layout is unknown, or a number is out of range.
    """
    if portrait.ndim != 3 or portrait.shape[2] != 3 or portrait.dtype != np.uint8:
        raise InvalidInput(
            f"the portrait must be uint8 (H, W, 3), not {portrait.dtype} {portrait.shape}"
        )
    if min(portrait.shape[:2]) == 0:
        raise InvalidInput("the portrait is empty")
    check_dpi(dpi)
    rng = generator(seed)
    form = _layout(layout, rng)
    scheme_name = form.schemes[int(rng.integers(len(form.schemes)))]
    scheme, scale = SCHEMES[scheme_name], dpi / MM_AN_INCH
    holder = invent(rng)

    pixels = _blank(form.name, scheme_name, float(dpi)).copy()
    left, top, width, height = portrait_place(form, dpi)
    fitted = fit(portrait, width, height)
    frame = max(1, round(0.17 * scale))
    pixels[top - frame : top + height + frame, left - frame : left + width + frame] = scheme.accent
    pixels[top : top + height, left : left + width] = fitted
    ghost = None
    if form.ghost is not None:
        ghost = rectangle(*_draw_ghost(pixels, fitted, form, scheme, scale, rng))

    card = Pictures.fromarray(pixels)
    pen = _Pen(card, scale)
    _write_values(pen, form, scheme, holder)
    _write_machine_lines(pen, form, holder)
    image = np.array(card, np.uint8)
    if form.signature is not None:
        ornaments.signature(image, form.signature, scheme.ink, scale, rng)
    return Specimen(
        image=image,
        layout=form.name,
        portrait=rectangle(left, top, width, height),
        ghost=ghost,
        card=rectangle(0, 0, image.shape[1], image.shape[0]),
        dpi=float(dpi),
    )


def check_dpi(dpi: float) -> None:
    """Make sure that a card is readable and not needlessly large.

    Raises
    ------
    InvalidInput
        If the resolution is not 100 to 600 dpi.
    """
    if not MIN_DPI <= dpi <= MAX_DPI:
        raise InvalidInput(f"the resolution must be {MIN_DPI} to {MAX_DPI} dpi, not {dpi:g}")


def portrait_place(layout: Layout, dpi: float) -> tuple[int, int, int, int]:
    """Return the main portrait's place on the card: left, top, width and height in pixels."""
    left, top, width = (round(v * dpi / MM_AN_INCH) for v in layout.portrait)
    return left, top, width, round(width / PORTRAIT_RATIO)


def fit(image: Image, width: int, height: int) -> Image:
    """Crop centrally to the given ratio, then resample to (height, width, 3)."""
    have_height, have_width = image.shape[:2]
    crop_width = max(1, min(have_width, round(have_height * width / height)))
    crop_height = max(1, min(have_height, round(have_width * height / width)))
    left, top = (have_width - crop_width) // 2, (have_height - crop_height) // 2
    crop = np.ascontiguousarray(image[top : top + crop_height, left : left + crop_width])
    how = cv2.INTER_AREA if crop_width > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (width, height), interpolation=how), np.uint8)


class _Pen:
    """A pen that writes on a card, in millimetres."""

    def __init__(self, picture: Pictures.Image, scale: float):
        self.ink = ImageDraw.Draw(picture)
        self.scale = scale

    def write(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        fill: Colour,
        anchor: str = "ls",
        width: float | None = None,
    ) -> None:
        font = _font(size * self.scale)
        for _ in range(3):  # letters of few pixels are rounded: they do not shrink in proportion
            wide = font.getlength(words) / self.scale
            if width is None or wide <= width:
                break
            size *= width / wide
            font = _font(size * self.scale)
        self.ink.text((x * self.scale, y * self.scale), words, fill, font, anchor)


@lru_cache(maxsize=128)
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # a size asks for the one that scales
    return font


def _layout(name: str | None, rng: np.random.Generator) -> Layout:
    if name is None:
        return tuple(LAYOUTS.values())[int(rng.integers(len(LAYOUTS)))]
    return find(LAYOUTS, name, "layout")


# Everything but the holder's data; 18 pairs of layout and scheme, 2 to 5 MB each at 300 dpi.
@lru_cache(maxsize=18)
def _blank(layout: str, scheme_name: str, dpi: float) -> Image:
    form, scheme, scale = LAYOUTS[layout], SCHEMES[scheme_name], dpi / MM_AN_INCH
    width, height = (round(v * scale) for v in form.size)
    pixels = guilloche(width, height, scheme, scale)
    card = Pictures.fromarray(pixels)
    _overprint(card, form.overprint, scheme, scale)
    pen = _Pen(card, scale)
    for band in form.bands:
        box = (band.left, band.top, band.left + band.width, band.top + band.height)
        pen.ink.rectangle([round(v * scale) for v in box], getattr(scheme, band.colour))
    if form.machine_lines is not None:
        top = round(form.machine_lines.top * scale)
        pen.ink.rectangle((0, top, width, height), _MACHINE_PAPER)
    for text in form.texts:
        colour: Colour = getattr(scheme, text.colour)
        pen.write(text.x, text.y, text.words, text.size, colour, text.anchor)
    for field in form.fields:
        pen.write(field.x, field.y, field.label, _LABEL_SIZE, scheme.label)
    if form.signature is not None:
        spot = form.signature
        y = spot.y + spot.height / 2
        pen.ink.line(
            [v * scale for v in (spot.x - spot.width / 2, y, spot.x + spot.width / 2, y)],
            scheme.label,
            max(1, round(0.1 * scale)),
        )
    pixels = np.array(card, np.uint8)
    if form.emblem is not None:
        ink = scheme.highlight if _on_band(form, form.emblem) else scheme.accent
        ornaments.emblem(pixels, form.emblem, ink, scale)
    if form.chip is not None:
        ornaments.chip(pixels, form.chip, scale)
    pixels.flags.writeable = False
    return pixels


def _on_band(form: Layout, spot: Spot) -> bool:
    return any(
        band.left <= spot.x <= band.left + band.width
        and band.top <= spot.y <= band.top + band.height
        for band in form.bands
    )


def _write_values(pen: _Pen, form: Layout, scheme: Scheme, holder: Holder) -> None:
    words = holder.words()
    for field in form.fields:
        x, y = field.x + field.beside, field.y + (0 if field.beside else 0.55 + field.size)
        pen.write(x, y, words[field.key], field.size, scheme.ink, width=field.width)


def _write_machine_lines(pen: _Pen, form: Layout, holder: Holder) -> None:
    zone = form.machine_lines
    if zone is None:
        return
    lines = holder.td1() if zone.kind == "td1" else holder.td3()
    for line, y in zip(lines, zone.baselines, strict=True):
        for k, letter in enumerate(line):  # the default font is not monospaced
            x = zone.left + (k + 0.5) * zone.pitch
            pen.write(x, y, letter, zone.size, _MACHINE_INK, "ms")


def _overprint(card: Pictures.Image, spot: Spot, scheme: Scheme, scale: float) -> None:
    """Print the word SPECIMEN, slanting, below what is written later."""
    mask = Pictures.new("L", card.size)
    font = _font(10.0 * scale)
    font = _font(10.0 * scale * spot.width / (font.getlength("SPECIMEN") / scale))
    centre = (spot.x * scale, spot.y * scale)
    ImageDraw.Draw(mask).text(centre, "SPECIMEN", 70, font, "mm")
    mask = mask.rotate(14, Pictures.Resampling.BICUBIC, center=centre)
    card.paste(scheme.overprint, mask=mask)


def _draw_ghost(
    pixels: Image,
    portrait: Image,
    form: Layout,
    scheme: Scheme,
    scale: float,
    rng: np.random.Generator,
) -> tuple[int, int, int, int]:
    """Print the portrait again, small and faint; return left, top, width and height in pixels."""
    assert form.ghost is not None
    size, opacity = rng.uniform(*GHOST_SIZES), rng.uniform(*GHOST_OPACITIES)
    tint = ("grey", "tinted", "coloured")[int(rng.choice(3, p=(0.45, 0.35, 0.2)))]
    oval, threaded = rng.random() < 0.4, rng.random() < 0.5
    width = round(form.portrait[2] * size * scale)
    height = round(width / PORTRAIT_RATIO)
    left = round(form.ghost[0] * scale - width / 2)
    top = round(form.ghost[1] * scale - height / 2)
    small = np.asarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA))
    ghost = small.astype(np.float32)
    if tint != "coloured":
        grey = (ghost @ np.array((0.299, 0.587, 0.114), np.float32))[:, :, None] / 255
        dark = np.array(scheme.accent if tint == "tinted" else (40, 40, 40), np.float32)
        ghost = np.asarray(dark + grey * (250 - dark), np.float32)
    window = _window(width, height, oval=bool(oval))
    place = pixels[top : top + height, left : left + width]
    ground = place.astype(np.float32)
    shown = ground + window * np.float32(opacity) * (ghost - ground)
    if threaded:
        # The ground's fine curves once more, on top of the face.
        curves = np.minimum(1, ground / np.array(scheme.papers[1], np.float32)) ** 0.7
        shown *= 1 - window * (1 - curves)
    place[:] = np.clip(shown + 0.5, 0, 255)
    return left, top, width, height


def _window(width: int, height: int, *, oval: bool) -> npt.NDArray[np.float32]:
    """Return a soft-edged mask, float32 (height, width, 1), 1 inside."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = np.abs(2 * (x + 0.5) / width - 1), np.abs(2 * (y + 0.5) / height - 1)
    reach = np.hypot(x, y) if oval else np.maximum(x, y)
    return np.asarray(np.clip((1 - reach) / 0.08, 0, 1)[:, :, None], np.float32)
