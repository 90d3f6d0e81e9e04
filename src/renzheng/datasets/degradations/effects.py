"""What lies between a portrait and the machine that sees it, effect by effect.

Every effect takes float32 (H, W, 3) RGB, 0 to 255, and a random generator, and gives the same;
lengths are shares of the portrait's height unless said otherwise, so that large and small portraits
look alike. Strengths are those of a careless hotel desk, not of an attack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

# Raise it with every change of what an effect does: what was computed before then counts no more.
REVISION = 2

Pixels = npt.NDArray[np.float32]

_GREY = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601 luma
_STRIP = 48  # rows printed at a time: what the processor's cache holds
_SCREEN_ANGLES = (15, 75, 0, 45)  # degrees; cyan, magenta, yellow, black
# How much of red, green and blue each ink lets through: real inks are not pure.
_INKS_PASS = ((0.05, 0.65, 0.85), (0.85, 0.1, 0.5), (0.97, 0.9, 0.1), (0.1, 0.1, 0.1))


class Effect(Protocol):
    """One step of a channel."""

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""


@dataclass(frozen=True)
class Resize:
    """Resample to fixed pixels, as a chip or a card's print engine holds them."""

    width: int
    height: int

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        how = cv2.INTER_AREA if self.height < portrait.shape[0] else cv2.INTER_CUBIC
        return _pixels(cv2.resize(portrait, (self.width, self.height), interpolation=how))


@dataclass(frozen=True)
class Jpeg:
    """Code and decode; quality as libjpeg counts it, 1 to 100."""

    quality: int

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        pixels = np.clip(portrait + 0.5, 0, 255).astype(np.uint8)
        _, coded = cv2.imencode(
            ".jpg",
            np.ascontiguousarray(pixels[:, :, ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, self.quality],
        )
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # what was just coded can be decoded
        return _pixels(decoded[:, :, ::-1])


@dataclass(frozen=True)
class Halftone:
    """Print four inks in rotated screens of round dots.

    The angles are the trade's: cyan 15, magenta 75, yellow 0, black 45 degrees, 30 or 15 apart so
    that no coarse moire arises. `cell` is the screen's period in pixels of the portrait: 300 dpi
    over 133 lines an inch are 2.3.
    """

    cell: float = 2.3
    gain: float = 1.08  # dots spread in the paper

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        fine = 4  # dots are drawn four times as fine and seen through the scanner's pixels
        height, width = portrait.shape[:2]
        large = cv2.resize(portrait, (width * fine, height * fine), interpolation=cv2.INTER_LINEAR)
        inks = 1 - np.clip(large, 0, 255) / 255
        black = inks.min(axis=2, keepdims=True) * 0.7  # grey component replacement
        plates = np.concatenate([(inks - black) / (1 - black + 1e-6), black], axis=2) * self.gain
        y, x = np.mgrid[0 : height * fine, 0 : width * fine].astype(np.float32)
        paper = np.ones_like(large)
        for k, angle in enumerate(_SCREEN_ANGLES):
            step = 2 * np.pi / (self.cell * fine)
            # Python's floats, since numpy's would turn the plates into float64.
            a, b = step * math.cos(math.radians(angle)), step * math.sin(math.radians(angle))
            phase = [float(p) for p in rng.uniform(0, 2 * np.pi, 2)]
            screen = np.cos(x * a + y * b + phase[0]) + np.cos(y * a - x * b + phase[1])
            # A soft threshold: ink has edges, but not of one pixel.
            dot = np.clip(plates[:, :, k] * 4 - screen - 1.5, 0, 1)[:, :, None]
            paper *= 1 - dot * (1 - np.array(_INKS_PASS[k], np.float32))
        seen = cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA)
        return _pixels(seen * 255)


@dataclass(frozen=True)
class Defocus:
    """A lens out of focus, and a hand that moved: radius of the disc and length of the streak."""

    radius: float = 0.010
    motion: float = 0.012

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height = portrait.shape[0]
        out = portrait
        radius = self.radius * height
        if radius > 0:
            reach = max(1, int(np.ceil(radius)))
            y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
            disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
            out = _spread(out, disc)
        length = self.motion * height
        if length > 0:
            angle = rng.uniform(0, np.pi)
            reach = max(1, int(np.ceil(length / 2)))
            y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
            along = x * np.cos(angle) + y * np.sin(angle)
            beside = y * np.cos(angle) - x * np.sin(angle)
            streak = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(
                1 - np.abs(beside), 0, 1
            )
            out = _spread(out, streak)
        return _pixels(out)


@dataclass(frozen=True)
class Glare:
    """Light mirrored by the laminate: soft streaks that burn out, and a veil over the rest."""

    streaks: int = 2
    strength: float = 1.0
    veil: float = 0.12

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        light = np.full((height, width), self.veil, np.float32)
        for _ in range(self.streaks):
            cx, cy = rng.uniform(0.1, 0.9) * width / height, rng.uniform(0.1, 0.9)
            turn = rng.uniform(0, np.pi)
            long, short = rng.uniform(0.14, 0.3), rng.uniform(0.03, 0.06)
            along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
            beside = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
            light += self.strength * np.exp(-((along / long) ** 2) - (beside / short) ** 2)
        # Mirrored light adds to what the paper gives; the camera closes a little for it.
        out = portrait * (1 - 0.5 * self.veil) + 255 * light[:, :, None]
        return _pixels(np.clip(out, 0, 255))


@dataclass(frozen=True)
class ColourCast:
    """Wrong white balance, saturation and gamma; each is drawn up to these strengths."""

    balance: float = 0.25
    saturation: float = 0.5
    gamma: float = 0.35

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        # Along the blue-yellow line mostly, as lamps differ; a little along green-magenta.
        warm = rng.choice((-1, 1)) * rng.uniform(0.6, 1) * self.balance
        green = rng.uniform(-0.4, 0.4) * self.balance
        gains = np.array((1 + warm, 1 + green, 1 - warm), np.float32)
        exponent = float(np.exp(rng.uniform(-1, 1) * np.log1p(self.gamma)))
        colour = 1 + rng.uniform(-1, 0.6) * self.saturation
        out = np.clip(portrait * gains, 0, 255)
        grey = (out @ _GREY)[:, :, None]
        out = np.clip(grey + colour * (out - grey), 0, 255)
        return _pixels(255 * (out / 255) ** exponent)


@dataclass(frozen=True)
class Hologram:
    """A diffractive overlay: fine curves and patches in colours that change across the portrait."""

    strength: float = 0.3

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        turn, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi, 4)
        across = x * np.cos(turn) + y * np.sin(turn)
        hue = (0.9 * across + 0.06 * np.sin(9 * y + phase[0]) + phase[1] / (2 * np.pi)) % 1.0
        angles = 2 * np.pi * (hue[:, :, None] + np.array((0, 1 / 3, 2 / 3), np.float32))
        rainbow = 127.5 * (1 + np.cos(angles))
        wave = x + 0.05 * np.sin(2 * np.pi * (2.2 * y) + phase[2])
        curves = 0.5 + 0.5 * np.cos(2 * np.pi * 26 * wave)
        rings = 0.5 + 0.5 * np.cos(2 * np.pi * 14 * np.hypot(x - 0.4, y - 0.5) + phase[3])
        fine = np.maximum(curves**4, 0.8 * rings**4)
        # Only where the light falls right does a part of it light up.
        lit = 0.5 + 0.5 * np.sin(4.5 * across + phase[2]) * np.cos(3.5 * (y - x) + phase[0])
        alpha = (self.strength * lit * (0.35 + 0.65 * fine))[:, :, None]
        return _pixels(portrait * (1 - alpha) + rainbow * alpha + 40 * alpha)


@dataclass(frozen=True)
class Photocopy:
    """An office copier: grey, hard contrast, speckles of toner, bands across the drum."""

    contrast: float = 1.5
    speckle: float = 0.0015  # share of the pixels, black and white each

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height = portrait.shape[0]
        grey = _pixels(cv2.GaussianBlur(portrait @ _GREY, (0, 0), 0.0022 * height))
        low, high = np.percentile(grey, (2, 98))
        tone = (grey - low) / max(float(high - low), 1.0)
        tone = 1 / (1 + np.exp(-4 * self.contrast * (tone - 0.45)))
        bands = 1 + 0.05 * np.sin(
            2 * np.pi * np.arange(height) / height * rng.uniform(9, 16) + rng.uniform(0, 6)
        )
        tone = tone * bands[:, None] + rng.normal(0, 0.03, grey.shape)
        dots = rng.random(grey.shape) < self.speckle
        light = rng.random(grey.shape) < self.speckle
        tone = np.where(dots, 0.08, np.where(light, 0.95, tone))
        return _pixels(np.repeat(np.clip(255 * tone, 0, 255)[:, :, None], 3, axis=2))


@dataclass(frozen=True)
class Scan:
    """A flatbed scanner: a slight skew in degrees, blur and noise in its own pixels and levels."""

    skew: float = 1.5
    blur: float = 0.6
    noise: float = 2.5

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), float(rng.uniform(-self.skew, self.skew)), 1.0
        )
        out = cv2.warpAffine(
            portrait, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        out = cv2.GaussianBlur(out, (0, 0), self.blur)
        return _pixels(out + rng.normal(0, self.noise, out.shape))


@dataclass(frozen=True)
class Print:
    """Four inks in rotated screens as `Halftone` has them, for whole cards.

    Some thirty times as fast: a screen is a product of two thin matrices, and dots are drawn only
    as fine as `cell` asks. That changes single dots, hence an effect of its own.
    """

    cell: float = 2.3
    gain: float = 1.08

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        fine = min(6, max(1, math.ceil(4.5 / self.cell)))  # a dot needs 4 to 5 samples across
        height, width = portrait.shape[:2]
        inks = 1 - np.clip(portrait, 0, 255) / 255
        black = inks.min(axis=2, keepdims=True) * 0.7
        plates = np.concatenate([(inks - black) / (1 - black + 1e-6), black], axis=2)
        plates = plates * (4 * self.gain) - 1.5
        plates = np.concatenate([plates[:1], plates, plates[-1:]])
        screens = [self._screen(width * fine, height * fine, fine, k, rng) for k in range(4)]
        out = np.empty((height, width, 3), np.float32)
        for start in range(0, height, _STRIP):
            stop = min(start + _STRIP, height)
            strip = slice(start * fine, stop * fine)
            paper = np.ones((3, (stop - start) * fine, width * fine), np.float32)
            for k, (rows, columns) in enumerate(screens):
                plate = np.ascontiguousarray(plates[start : stop + 2, :, k])
                large = cv2.resize(plate, (width * fine, len(plate) * fine))[fine:-fine]
                dot = large - rows[strip] @ columns
                np.clip(dot, 0, 1, out=dot)
                for seen, passed in zip(paper, _INKS_PASS[k], strict=True):
                    seen *= 1 - dot * np.float32(1 - passed)
            for channel, seen in enumerate(paper):
                out[start:stop, :, channel] = cv2.resize(
                    seen, (width, stop - start), interpolation=cv2.INTER_AREA
                )
        return _pixels(out * 255)

    def _screen(
        self, width: int, height: int, fine: int, plate: int, rng: np.random.Generator
    ) -> tuple[Pixels, Pixels]:
        """cos(ax + by + p) + cos(ay - bx + q) as (height, 4) times (4, width)."""
        step = 2 * math.pi / (self.cell * fine)
        angle = math.radians(_SCREEN_ANGLES[plate])
        a, b = step * math.cos(angle), step * math.sin(angle)
        p, q = (float(phase) for phase in rng.uniform(0, 2 * np.pi, 2))
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        rows = np.stack((np.cos(b * y), -np.sin(b * y), np.cos(a * y), np.sin(a * y)), axis=1)
        columns = np.stack(
            (np.cos(a * x + p), np.sin(a * x + p), np.cos(b * x - q), np.sin(b * x - q))
        )
        return rows, columns


@dataclass(frozen=True)
class Moire:
    """A screen's pixels beating with the camera's: coloured, bent stripes and a fine grid."""

    strength: float = 0.1
    period: float = 0.05  # of the stripes

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y = (np.arange(height, dtype=np.float32) / height)[:, None]
        x = (np.arange(width, dtype=np.float32) / height)[None, :]
        gain = np.ones((height, width, 3), np.float32)
        start = float(rng.uniform(0, np.pi))
        for turn, share in ((start, 1.0), (start + float(rng.uniform(1.2, 1.9)), 0.6)):
            step = 2 * math.pi / (self.period * float(rng.uniform(0.7, 1.4)))
            # Perspective and the lens bend the beat: a phase of second order.
            bend = [float(v) * 0.35 * step for v in rng.uniform(-1, 1, 3)]
            phase = (step * math.cos(turn) * x + bend[0] * x * x) + (
                step * math.sin(turn) * y + bend[1] * y * y
            )
            phase += bend[2] * x * y
            cosine, sine = np.cos(phase), np.sin(phase)
            for channel in range(3):  # red, green and blue stripes lie side by side
                third = 2 * math.pi * channel / 3
                wave = cosine * np.float32(math.cos(third)) - sine * np.float32(math.sin(third))
                gain[:, :, channel] += np.float32(self.strength * share) * wave
        cell = float(rng.uniform(2.2, 3.2))
        lines = [
            0.5 * self.strength * np.cos(2 * np.pi / cell * np.arange(n)) for n in (height, width)
        ]
        grid = (1 + lines[0][:, None]) * (1 + lines[1][None, :])
        gain *= grid.astype(np.float32)[:, :, None]
        return _pixels(portrait * gain)


@dataclass(frozen=True)
class Laminate:
    """Tube lamps mirrored by a laminate: long rippled bands that burn out, a halo, a veil."""

    streaks: int = 2
    strength: float = 1.2
    veil: float = 0.06

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        turn = float(rng.uniform(0, np.pi))
        across, along = math.cos(turn), math.sin(turn)
        ripple = _smooth(rng, (height, width), 7) * 0.03
        distance = (x - width / height / 2) * across + (y - 0.5) * along + ripple
        light = np.full((height, width), self.veil, np.float32)
        at = float(rng.uniform(-0.35, 0.35))
        for _ in range(self.streaks):
            wide = float(rng.uniform(0.015, 0.035))
            beside = np.abs(distance - np.float32(at)) / np.float32(wide)
            light += np.float32(self.strength) * np.exp(-(np.minimum(beside, 6) ** 2))
            light += np.float32(0.12 * self.strength) * np.exp(-np.minimum(beside / 4, 6))
            at += float(rng.uniform(0.2, 0.45)) * (1 if at < 0 else -1)
        # Mirrored light adds to what the paper gives, as in `Glare`.
        return _pixels(np.clip(portrait * (1 - self.veil) + 255 * light[:, :, None], 0, 255))


@dataclass(frozen=True)
class TwoTone:
    """Black and white only, as a fax: error diffusion, an 8 x 8 screen or a plain threshold."""

    ways: tuple[str, ...] = ("diffused", "screened", "threshold")

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        from PIL import Image as Pictures  # slow to import, and this alone needs it

        grey = np.clip(portrait @ _GREY, 0, 255)
        # Copiers stretch what they see first; paper white must not be screened.
        low, high = np.percentile(grey[::4, ::4], (2, 90))
        grey = np.clip((grey - low) * (255 / max(float(high - low), 1.0)), 0, 255)
        way = self.ways[int(rng.integers(len(self.ways)))]
        if way == "diffused":  # Floyd and Steinberg 1976
            black = Pictures.fromarray(grey.astype(np.uint8)).convert("1")
            tone = np.asarray(black, np.float32) * 255
        elif way == "screened":
            height, width = grey.shape
            screen = np.tile(_bayer(8), (-(-height // 8), -(-width // 8)))[:height, :width]
            tone = np.where(grey > screen * 255, 255, 0).astype(np.float32)
        else:
            level = float(rng.uniform(105, 140))
            tone = np.where(grey > level, 255, 0).astype(np.float32)
        return _pixels(np.repeat(tone[:, :, None], 3, axis=2))


@dataclass(frozen=True)
class Scratches:
    """Hairlines across the surface, mostly light, and spots where it is rubbed off."""

    lines: int = 40
    spots: int = 12
    strength: float = 0.6

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        light, dark = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        turn = rng.uniform(0, np.pi)
        for _ in range(self.lines):
            start = rng.uniform(0, 1, 2) * (width, height)
            # Cards are pushed into slots and wallets one way mostly.
            angle = turn + rng.normal(0, 0.35)
            length = rng.exponential(0.25) * height
            bow = rng.normal(0, 0.02) * length
            t = np.linspace(0, 1, 9)
            x = start[0] + t * length * np.cos(angle) + bow * np.sin(np.pi * t)
            y = start[1] + t * length * np.sin(angle) + bow * np.sin(np.pi * t)
            points = np.round(np.stack((x, y), axis=-1) * 16).astype(np.int32)
            mark = light if rng.random() < 0.75 else dark
            level = int(rng.uniform(60, 255) * (1 if mark is light else 0.5))
            thick = max(1, round(rng.uniform(0.0005, 0.003) * height))
            cv2.polylines(mark, [points], False, level, thick, cv2.LINE_AA, shift=4)
        for _ in range(self.spots):
            place = rng.uniform(0, 1, 2) * (width, height)
            axes = rng.uniform(0.002, 0.012, 2) * height
            centre = (round(float(place[0])), round(float(place[1])))
            size = (max(1, round(float(axes[0]))), max(1, round(float(axes[1]))))
            level = int(rng.uniform(60, 200))
            cv2.ellipse(light, centre, size, float(rng.uniform(0, 180)), 0, 360, level, -1)
        marks = [
            cv2.GaussianBlur(m, (0, 0), 0.6).astype(np.float32)[:, :, None] * (self.strength / 255)
            for m in (light, dark)
        ]
        out = portrait + marks[0] * (238 - portrait)
        return _pixels(out + marks[1] * (45 - out))


@dataclass(frozen=True)
class Faded:
    """Inks bleached by years of light: less contrast and colour, a yellow veil, rubbed patches."""

    strength: float = 0.35

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        amount = self.strength * float(rng.uniform(0.6, 1))
        height, width = portrait.shape[:2]
        grey = (portrait @ _GREY)[:, :, None]
        out = grey + np.float32(1 - 1.2 * amount) * (portrait - grey)
        rubbed = np.float32(amount) * (1 + 0.5 * _smooth(rng, (height, width), 5))[:, :, None]
        paper = np.array((240, 234, 216), np.float32)
        return _pixels(out + rubbed * (paper - out))


@dataclass(frozen=True)
class UnevenLight:
    """A lamp to one side, the lens's falling off towards the corners, its colour."""

    strength: float = 0.22
    cast: float = 0.08

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        turn = float(rng.uniform(0, 2 * np.pi))
        # Light has no edges: a coarse grid is enough, and a hundred times as fast.
        y, x = np.mgrid[-1:1:24j, -1:1:32j]
        slope = x * math.cos(turn) + y * math.sin(turn)
        lamp = np.exp(-((x - 0.8 * math.cos(turn)) ** 2) - (y - 0.8 * math.sin(turn)) ** 2)
        # Exposed for the brightest place, so the rest is darker.
        strength = self.strength * float(rng.uniform(0.5, 1.5))
        gain = 1 + strength * (0.35 * slope + 0.5 * lamp - 0.2 * (x**2 + y**2) - 0.5)
        whole = cv2.resize(gain.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        warm, green = rng.uniform(-1, 1) * self.cast, rng.uniform(-0.3, 0.3) * self.cast
        colour = np.array((1 + warm, 1 + green, 1 - warm), np.float32)
        return _pixels(portrait * whole[:, :, None] * colour)


@dataclass(frozen=True)
class SensorNoise:
    """A camera's noise: grainy in brightness, coarser and weaker in colour; sigma in levels."""

    level: float = 3.0

    def __call__(self, portrait: Pixels, rng: np.random.Generator) -> Pixels:
        """The portrait after the step."""
        height, width = portrait.shape[:2]
        # 256 quantiles of the normal distribution, drawn by bytes: ten times as fast as numpy's.
        steps = (np.arange(256) + 0.5) / 256
        normal = np.array([NormalDist().inv_cdf(float(q)) for q in steps], np.float32)

        def draw(rows: int, columns: int, sigma: float) -> Pixels:
            drawn = np.frombuffer(rng.bytes(rows * columns), np.uint8).reshape(rows, columns)
            return _floats(cv2.LUT(drawn, normal * np.float32(sigma)))

        grain = draw(height, width, self.level)
        half = (-(-height // 2), -(-width // 2))
        tints = [
            _floats(cv2.resize(draw(*half, self.level * 0.8), (width, height))) for _ in range(2)
        ]
        noise = cv2.merge([grain + tints[0], grain, grain + tints[1]])
        return _pixels(portrait + noise)


def _spread(portrait: Pixels, kernel: npt.NDArray[np.float64]) -> Pixels:
    whole = kernel / kernel.sum()
    return _pixels(cv2.filter2D(portrait, -1, whole, borderType=cv2.BORDER_REPLICATE))


def _pixels(values: npt.ArrayLike) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.float32)


def _floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _smooth(rng: np.random.Generator, size: tuple[int, int], cells: int) -> Pixels:
    """Gentle hills of -1 to 1: (height, width), about `cells` across."""
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    whole = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return _floats(np.clip(whole, -1, 1))


def _bayer(size: int) -> Pixels:
    """Thresholds of an ordered screen, above 0 and below 1 (Bayer 1973); a power of two."""
    cell = np.zeros((1, 1))
    while len(cell) < size:
        cell = np.block([[4 * cell, 4 * cell + 2], [4 * cell + 3, 4 * cell + 1]])
    return _floats((cell + 0.5) / size**2)
