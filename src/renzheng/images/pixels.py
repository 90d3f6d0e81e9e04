"""Decoded pixels and arrays, brought to upright 8-bit sRGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, UnreadableImage
from renzheng.images.limits import Limits
from renzheng.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


def check_rgb(image: npt.NDArray[Any]) -> None:
    """Check that an array is a picture as `renzheng.images.read` returns it.

    Raises
    ------
    InvalidInput
        If it is not uint8 (H, W, 3), or is empty.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InvalidInput(f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}")


def from_pillow(picture: PillowImage, label: str) -> Image:
    """Convert a loaded Pillow image to an upright uint8 (H, W, 3) RGB array.

    Raises
    ------
    UnreadableImage
        If its values fit none of the usual ranges; `label` is its name in the error.
    """
    rgb = _to_rgb(picture, label)
    method = _upright_method(picture)
    if method is not None:
        rgb = rgb.transpose(method)
    return np.array(rgb, dtype=np.uint8, order="C")


def _to_rgb(picture: PillowImage, label: str) -> PillowImage:
    from PIL import Image as Pillow

    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return Pillow.fromarray(_deep_to_grey(picture, label)).convert("RGB")
    if mode == "CMYK":
        return _to_srgb(picture, b"CMYK") or picture.convert("RGB")
    if mode == "LAB":
        return _lab_to_srgb(picture)
    if mode in ("La", "RGBa"):  # premultiplied
        picture = picture.convert("LA" if mode == "La" else "RGBA")
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        rgb = Pillow.new("RGB", picture.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
    else:
        rgb = picture if mode == "RGB" else picture.convert("RGB")
    profile = picture.info.get("icc_profile")
    if profile and mode not in ("YCbCr", "HSV"):
        rgb = _to_srgb(rgb, b"RGB ", profile) or rgb
    return rgb


def _deep_to_grey(picture: PillowImage, label: str) -> npt.NDArray[np.uint8]:
    values = np.asarray(picture)
    if picture.mode == "F":
        # NaN compares false with everything, and so gets the largest range
        top = 1.0 if values.size and values.max() <= 1 else _full_scale(values.max())
    elif picture.mode == "I" and picture.format != "PNG":
        top = _full_scale(values.max())
    else:  # I;16 in its byte orders; Pillow before 11 reads a 16-bit PNG as I
        bits = getattr(picture, "tag_v2", {}).get(258, (16,))
        top = 4095.0 if bits in (12, (12,)) else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise UnreadableImage(
            f"its values, {values.min():.4g} to {values.max():.4g}, fit no usual range",
            source=label,
            remedy="save it with 8 or 16 bits a channel",
        )
    return _scaled(values, top)


def _full_scale(largest: float) -> float:
    return next((top for top in (255.0, 65535.0) if largest <= top), 2.0**31 - 1)


def _scaled(values: npt.NDArray[Any], top: float) -> npt.NDArray[np.uint8]:
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        table = np.rint(np.minimum(np.arange(65536) * (255 / top), 255)).astype(np.uint8)
        eight: npt.NDArray[np.uint8] = table[values]
    else:
        eight = np.rint(values * np.float32(255 / top)).clip(0, 255).astype(np.uint8)
    return eight


def _to_srgb(
    picture: PillowImage, space: bytes, profile: bytes | None = None
) -> PillowImage | None:
    """Convert by the embedded profile; return None if there is no usable one."""
    profile = profile or picture.info.get("icc_profile")
    # Bytes 16 to 19 of an ICC header name the colour space that the profile describes.
    if not isinstance(profile, bytes) or profile[16:20] != space:
        return None
    if space == b"RGB " and (b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile):
        return None
    try:
        from PIL import ImageCms

        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except Exception:  # a broken profile says nothing about the pixels
        return None


def _lab_to_srgb(picture: PillowImage) -> PillowImage:
    from PIL import ImageCms

    converted = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # only None when converting in place
    return converted


def _upright_method(picture: PillowImage) -> Any:
    from PIL.Image import Transpose

    try:
        orientation = picture.getexif().get(0x0112)
    except Exception:  # broken metadata says nothing about the pixels
        return None
    if not isinstance(orientation, int):
        return None
    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)


def from_array(array: npt.NDArray[Any], label: str, limits: Limits) -> Image:
    """Convert an array to uint8 (H, W, 3) RGB.

    Raises
    ------
    InvalidInput
        If its shape, type or range is not that of a picture; `label` is its name in the error.
    UnreadableImage
        If its size is out of range.
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise InvalidInput(
            f"an array of shape {array.shape} is not a picture",
            source=label,
            remedy="give (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey",
        )
    limits.check_size(array.shape[1], array.shape[0], label)
    pixels = _eight_bit(array, label).reshape(*array.shape[:2], channels)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    elif channels == 4:
        alpha = pixels[..., 3:].astype(np.uint16)
        # blended with white; at most 255 * 255 + 127, which uint16 holds
        blended = pixels[..., :3] * alpha + (255 - alpha) * np.uint16(255) + np.uint16(127)
        pixels = (blended // 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _eight_bit(array: npt.NDArray[Any], label: str) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.newbyteorder("=") == np.uint16:
        return _scaled(array, 65535.0)
    if array.dtype.newbyteorder("=") in (np.dtype(np.float32), np.dtype(np.float64)):
        # written so that NaN fails, too
        if not (array.min() >= 0 and array.max() <= 1):
            raise InvalidInput(
                f"a float array must lie in 0 to 1; this one spans {array.min():.4g}"
                f" to {array.max():.4g}",
                source=label,
                remedy="divide by 255, or convert to uint8",
            )
        return _scaled(array, 1.0)
    raise InvalidInput(
        f"an array of {array.dtype} is not a picture",
        source=label,
        remedy="give uint8, uint16 or float32 in 0 to 1",
    )
