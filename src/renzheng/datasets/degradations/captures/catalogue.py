"""The list of the degradations of captures.

Rates are fitted and tested on different people and on different degradations: whole
families are held out, and of the others some strengths. They were divided before any rate was
fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from renzheng.datasets.degradations.captures import coverings, files, sensors
from renzheng.datasets.degradations.captures.degradation import CaptureDegradation, Loss, in_turn

# Raise it with every change of what a degradation does: embeddings computed before no longer count.
REVISION = 1

HELD_OUT_FAMILIES = frozenset({"motion", "tones", "aspect", "missing"})
_HELD_OUT = frozenset(
    {
        *("noise-45", "noise-80", "blur-5", "median-9", "jpeg-2", "jpeg-7", "webp-1"),
        *("mosaic-12", "mosaic-32", "small-12", "small-32", "contrast-4"),
        *("one-eye", "cap", "hand", "small-24-blur-2", "mask-blur-3", "dark-8-noise-10"),
    }
)


def _family(family: str, *rows: tuple[str, Loss, str]) -> Iterator[CaptureDegradation]:
    for name, loss, description in rows:
        held_out = family in HELD_OUT_FAMILIES or name in _HELD_OUT
        yield CaptureDegradation(name, description, family, loss, held_out)


def _all() -> Iterator[CaptureDegradation]:
    yield from _family(
        "noise",
        *(
            (f"noise-{sigma}", sensors.noise(sigma), f"normal noise, sigma {sigma} levels")
            for sigma in (30, 45, 60, 80, 100)
        ),
        ("impulses-30", sensors.impulses(0.3), "30 % of the pixels black or white"),
    )
    yield from _family(
        "blur",
        *(
            (f"blur-{sigma}", sensors.blur(sigma), f"out of focus, sigma {sigma} px")
            for sigma in (2, 3, 4, 5, 6, 8)
        ),
        ("median-9", sensors.median(9), "median filter of 9 px"),
        ("median-15", sensors.median(15), "median filter of 15 px"),
        ("beauty", sensors.beautified, "smoothed skin, as by a beauty filter"),
    )
    yield from _family(
        "motion",
        ("shaken-15", sensors.shaken(15), "moved sideways by 15 px"),
        ("shaken-25", sensors.shaken(25), "moved sideways by 25 px"),
        ("shaken-15-anyhow", sensors.shaken_anyhow(15), "moved by 15 px in any direction"),
        ("shaken-25-anyhow", sensors.shaken_anyhow(25), "moved by 25 px in any direction"),
    )
    yield from _family(
        "coding",
        *((f"jpeg-{q}", files.jpeg(q), f"JPEG of quality {q}") for q in (1, 2, 3, 5, 7, 10)),
        ("webp-1", files.webp(1), "WebP of quality 1"),
    )
    yield from _family(
        "mosaic",
        *(
            (f"mosaic-{n}", files.mosaic(n), f"patches, {n} to the width of the face")
            for n in (12, 16, 24, 32)
        ),
        *(
            (f"small-{n}", files.small(n), f"a face of {n} px, enlarged smoothly")
            for n in (12, 16, 24, 32)
        ),
    )
    yield from _family(
        "tones",
        ("binarised", files.binarised, "black and white at one threshold"),
        ("dithered", files.dithered, "black and white dots"),
        *(
            (f"posterised-{n}", files.posterised(n), f"{n} levels of each colour")
            for n in (2, 3, 4)
        ),
        ("sketch", files.sketch, "edges alone, as a sketch"),
    )
    yield from _family(
        "contrast",
        ("contrast-10", sensors.contrast(0.1), "a tenth of the contrast"),
        ("contrast-4", sensors.contrast(0.04), "4 % of the contrast"),
        ("dark-8", sensors.light(0.08), "8 % of the light"),
        ("light-4x", sensors.light(4), "four times the light"),
        ("glare", sensors.glare, "a lamp's spot burnt into the face"),
    )
    yield from _family(
        "aspect",
        ("half-as-wide", files.squeezed(0.5, 1), "half as wide"),
        ("half-as-high", files.squeezed(1, 0.5), "half as high"),
    )
    yield from _family(
        "eyes",
        ("eye-bar", coverings.eye_bar, "a black bar over the eyes"),
        ("sunglasses", coverings.sunglasses, "dark glasses"),
        ("one-eye", coverings.one_eye, "hair over one eye"),
        ("cap", coverings.cap, "all above the eyes covered"),
    )
    yield from _family(
        "mouth",
        ("mask", coverings.mask, "a surgical mask"),
        ("hand", coverings.hand, "a hand before the mouth"),
    )
    yield from _family(
        "missing",
        ("lower-half-gone", coverings.lower_gone(0.5), "the lower half of the face is grey"),
        ("left-half-gone", coverings.left_gone(0.5), "the left half of the face is grey"),
    )
    yield from _family("orientation", ("upside-down", files.upside_down, "upside down"))
    yield from _family(
        "colour",
        ("grey", files.grey, "without colour"),
        ("negative", files.negative, "a negative"),
        ("red-and-blue-swapped", files.swapped, "red and blue exchanged"),
        ("lines", files.lines, "every third line dark"),
    )
    small, blur, noise = files.small, sensors.blur, sensors.noise
    mask = coverings.mask
    yield from _family(
        "combined",
        ("small-24-blur-2", in_turn(small(24), blur(2)), "a face of 24 px, out of focus"),
        ("mask-sunglasses", in_turn(mask, coverings.sunglasses), "a mask and dark glasses"),
        ("blur-3-noise-30", in_turn(blur(3), noise(30)), "out of focus and noisy"),
        ("small-24-jpeg-10", in_turn(small(24), files.jpeg(10)), "a face of 24 px, JPEG 10"),
        ("mask-blur-3", in_turn(mask, blur(3)), "a mask, out of focus"),
        ("dark-8-noise-10", in_turn(sensors.light(0.08), noise(10)), "dark and noisy"),
    )


DEGRADATIONS: Mapping[str, CaptureDegradation] = MappingProxyType({d.name: d for d in _all()})
