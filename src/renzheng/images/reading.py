"""Any picture, from a file, bytes, Pillow or numpy, as one upright RGB array.

Every stage after this one trusts what it gets, so what is not a picture that can be read safely
and completely stops here, with one error that names the file. The size of the file is checked
before it is read, and the size of the picture before it is decoded.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import stat
import sys
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.images.containers import container_of, excess, guess, jpeg_scans, webp_size
from renzheng.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | PillowImage"
    " | npt.NDArray[Any]"
)


@dataclass(frozen=True)
class Limits:
    """What a picture may be at most, and must be at least.

    Attributes
    ----------
    max_bytes
        Size of the encoded file.
    max_pixels
        Width times height. 64 Mpx decode to 192 MiB.
    min_side
        The shorter side in pixels; P-Net sees 12 x 12 windows, so less cannot hold a face.
    max_elongation
        The longer side over the shorter one.
    """

    max_bytes: int = 50 * 1024 * 1024
    max_pixels: int = 64_000_000
    min_side: int = 12
    max_elongation: float = 20.0


DEFAULT_LIMITS = Limits()

_ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC"
# Of files that are taken for pictures where a folder is read; what they hold decides later.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"),
)
_RESAVE = f"give a picture saved as {_ACCEPTED}"
_EXPORT_AGAIN = "copy or export the file again"

_DECODERS = {  # Pillow's module and class, imported one at a time: all of them cost 30 ms
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "HEIC": ("pillow_heif", "HeifImageFile"),
}

_MAX_SCANNED_PIXELS = 1_000_000_000

_PILLOW_WARNINGS = (
    "ignore",
    None,
    UserWarning,
    re.compile(r"PIL\.(Tiff|Png)ImagePlugin"),
    0,
)


def read(source: Source, *, name: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Read a picture as an upright RGB array.

    Parameters
    ----------
    source
        A path; the bytes of a picture file; a binary file object, read from where it stands; a
        Pillow image; or an array: (H, W, 3) RGB, (H, W, 4) RGBA, (H, W) or (H, W, 1) grey, of
        uint8, uint16 (0 to 65535) or float32/float64 (0 to 1).
    name
        What errors call the source; by default `describe(source)`.
    limits
        The sizes that are accepted.

    Returns
    -------
    Image
        uint8 (H, W, 3) RGB, contiguous, upright by its EXIF orientation. An array that is so
        already comes back without a copy.

    Raises
    ------
    UnreadableImage
        There is no picture that can be read safely and completely.
    InvalidInput
        The source is of a type, or an array of a shape, type or range, that is not accepted.

    Notes
    -----
    Transparency is laid on white. 16-bit values are divided by 257, so that full range stays
    full range whatever the picture shows; 32-bit integers and floats are taken to fill the
    smallest of the usual ranges (1 for floats, 255, 65535, 2**31 - 1 for integers) that holds
    them. Embedded ICC profiles other than sRGB are converted to sRGB; a broken one is ignored.
    Of several frames or pages the first is read.

    Examples
    --------
    >>> import numpy as np
    >>> read(np.zeros((20, 30), np.uint8)).shape
    (20, 30, 3)
    """
    label = printable(name) if name is not None else describe(source)
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source, label, limits)
        if _is_pillow(source):
            return _from_pillow(source, label, limits)
        data = _bytes_of(source, label, limits)
        return _from_pillow(_open(data, label, limits), label, limits, encoded=True)
    except RenzhengError:
        raise
    except MemoryError as error:
        raise UnreadableImage(
            "the picture does not fit into memory", source=label, remedy="give a smaller picture"
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly everything on damaged data
        detail = printable(str(error)) or type(error).__name__
        raise UnreadableImage(
            f"the picture is damaged or incomplete: {detail}",
            source=label,
            remedy=_EXPORT_AGAIN,
        ) from error


def read_bytes(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a picture file, for whoever needs their digest too; `read` takes them.

    Raises
    ------
    UnreadableImage
        If there is no such file, or it is no regular one, or too large.
    """
    return _read_path(os.fspath(path), describe(path), limits)


def describe(source: object) -> str:
    """Name a source as errors and reports show it.

    Examples
    --------
    >>> describe("people/anna.jpg"), describe(b"..."), describe(np.zeros((2, 2)))
    ('people/anna.jpg', '<bytes>', '<array>')
    """
    if isinstance(source, str | os.PathLike):
        return printable(os.fsdecode(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, np.ndarray):
        return "<array>"
    pillow = _is_pillow(source)
    given = getattr(source, "filename" if pillow else "name", None)
    if isinstance(given, str) and given:
        return printable(given)
    if pillow:
        return "<Pillow image>"
    return "<file object>" if hasattr(source, "read") else f"<{type(source).__name__}>"


def printable(text: str) -> str:
    """Escape what a terminal or an encoder would trip over, such as control characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_pillow(source: object) -> TypeGuard[PillowImage]:
    # Whoever holds a Pillow image has imported Pillow: no need to import it in order to ask.
    module = sys.modules.get("PIL.Image")
    # Half made by another thread, it has no such class yet, and nobody holds a picture of it.
    kind = getattr(module, "Image", None)
    return kind is not None and isinstance(source, kind)


# --- bytes ---------------------------------------------------------------------------------


def _bytes_of(source: Any, label: str, limits: Limits) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        _check_bytes(size, label, limits)
        data = bytes(source)
    elif isinstance(source, str | os.PathLike):
        data = _read_path(os.fspath(source), label, limits)
    elif callable(getattr(source, "read", None)):
        data = _read_stream(source, label, limits)
        if not data:
            raise UnreadableImage(
                "the file object has nothing left to read",
                source=label,
                remedy="rewind it with seek(0)",
            )
    else:
        raise InvalidInput(
            f"a picture cannot be read from {type(source).__name__}",
            source=label,
            remedy="give a path, bytes, a binary file object, a Pillow image or a numpy array",
        )
    if not data:
        raise UnreadableImage("the file is empty", source=label, remedy=_EXPORT_AGAIN)
    return data


def _read_path(path: str | bytes, label: str, limits: Limits) -> bytes:
    try:
        _check_regular(os.stat(path), label)  # noqa: PTH116 - Path() cannot hold bytes
        # O_NONBLOCK: were the file replaced by a pipe just now, opening it would wait forever
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            _check_regular(status, label)
            _check_bytes(status.st_size, label, limits)
            return _read_stream(stream, label, limits)
    except FileNotFoundError as error:
        remedy = "download it first" if "://" in label else "check the path"
        raise UnreadableImage("there is no such file", source=label, remedy=remedy) from error
    except PermissionError as error:
        raise UnreadableImage(
            "the file may not be read", source=label, remedy="check its permissions"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImage(
            f"the file cannot be opened: {reason}", source=label, remedy="check the path"
        ) from error


def _check_regular(status: os.stat_result, label: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableImage(
            "this is a folder, not a picture", source=label, remedy="give the path of one file"
        )
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage(
            "this is a pipe or a device, not a regular file",
            source=label,
            remedy="save the picture to a file, or pass an open file object",
        )


def _check_bytes(size: int, label: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise UnreadableImage(
            f"the file is larger than {limits.max_bytes / 2**20:.4g} MiB",
            source=label,
            remedy="save it smaller, or raise Limits.max_bytes",
        )


def _read_stream(stream: Any, label: str, limits: Limits) -> bytes:
    parts: list[bytes] = []
    total = 0
    while total <= limits.max_bytes:  # raw streams may give less than they are asked for
        part = stream.read(limits.max_bytes + 1 - total)
        if isinstance(part, str):
            raise InvalidInput(
                "the file object gives text", source=label, remedy='open the file with mode "rb"'
            )
        if not part:
            break
        parts.append(bytes(part))
        total += len(part)
    _check_bytes(total, label, limits)
    return b"".join(parts)


# --- containers ----------------------------------------------------------------------------


def _open(data: bytes, label: str, limits: Limits) -> PillowImage:
    """Parse the header only. Pillow decodes when the picture is loaded."""
    container = container_of(data)
    if container is None:
        raise UnreadableImage(f"this is {guess(data)}", source=label, remedy=_RESAVE)
    _check_cost(container, data, label, limits)
    _quieten_pillow()
    module, decoder = _DECODERS[container]
    try:
        plugin = importlib.import_module(module)
    except ImportError as error:
        if container != "HEIC":
            raise UnreadableImage(
                f"this Pillow has no support for {container}", source=label, remedy=_RESAVE
            ) from error
        raise UnreadableImage(
            "reading HEIC needs pillow-heif",
            source=label,
            remedy="pip install 'renzheng[heic]', or export the picture as JPEG",
        ) from error
    try:
        # Not Image.open: it would try other formats, and warn by Pillow's own global limit.
        picture: PillowImage = getattr(plugin, decoder)(io.BytesIO(data))
    except SyntaxError as error:
        raise UnreadableImage(
            f"the {container} header is damaged or incomplete: {printable(str(error))}",
            source=label,
            remedy=_EXPORT_AGAIN,
        ) from error
    return picture


def _check_cost(container: str, data: bytes, label: str, limits: Limits) -> None:
    if container == "WebP":
        size = webp_size(data)
        if size is not None:  # libwebp takes memory for the canvas when it opens the file
            _check_size(*size, label, limits)
    reason = excess(container, data)
    if reason is not None:
        raise UnreadableImage(
            reason, source=label, remedy="save the picture again, as an ordinary JPEG or PNG"
        )


def _check_size(width: int, height: int, label: str, limits: Limits) -> None:
    shorter, longer = sorted((width, height))
    if width * height > limits.max_pixels:
        most = f"{limits.max_pixels / 1e6:.4g} megapixels"
        raise UnreadableImage(
            f"the picture is {width} x {height}, more than {most}",
            source=label,
            remedy="scale it down, or raise Limits.max_pixels",
        )
    if shorter < limits.min_side:
        raise UnreadableImage(
            f"the picture is only {width} x {height}",
            source=label,
            remedy=f"give one of at least {limits.min_side} pixels a side",
        )
    if longer > limits.max_elongation * shorter:
        raise UnreadableImage(
            f"the picture is {width} x {height}, a strip rather than a photograph",
            source=label,
            remedy="crop it",
        )


def _quieten_pillow() -> None:
    # Damaged metadata makes two plugins warn, about files that we read or refuse anyway. A
    # narrow standing filter: catch_warnings would swap the filters under other threads' feet.
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_WARNINGS[3].pattern, category=UserWarning)


# --- pixels --------------------------------------------------------------------------------


def _from_pillow(
    picture: PillowImage, label: str, limits: Limits, *, encoded: bool = False
) -> Image:
    _check_size(*picture.size, label, limits)
    if encoded and picture.format == "JPEG":
        _check_scans(picture, label)
    picture.load()
    # TIFF tells its true size, and turns itself upright, on loading
    _check_size(*picture.size, label, limits)
    rgb = _to_rgb(picture, label)
    method = _upright_method(picture)
    if method is not None:
        rgb = rgb.transpose(method)
    return np.array(rgb, dtype=np.uint8, order="C")


def _check_scans(picture: PillowImage, label: str) -> None:
    stream = getattr(picture, "fp", None)
    if not isinstance(stream, io.BytesIO):
        return
    scans = jpeg_scans(stream.getvalue())
    # The decoder walks all pixels once a scan; cameras write about 10
    if scans > 12 and scans * picture.width * picture.height > _MAX_SCANNED_PIXELS:
        raise UnreadableImage(
            f"the JPEG has {scans} scans, far more than a camera writes",
            source=label,
            remedy="save the picture again, as an ordinary JPEG",
        )


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
        # not NaN, which compares false with everything
        top = 1.0 if values.size and values.max() <= 1 else _full_scale(values.max())
    elif picture.mode == "I" and picture.format != "PNG":
        top = _full_scale(values.max())
    else:  # I;16 in its byte orders; Pillow before 11 reads a 16-bit PNG as I
        bits = getattr(picture, "tag_v2", {}).get(258, (16,))
        top = 4095.0 if bits in (12, (12,)) else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise UnreadableImage(
            f"its values, {values.min():.4g} to {values.max():.4g}, fill no usual range",
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
    """Convert by the embedded profile; None where there is none to convert by."""
    profile = profile or picture.info.get("icc_profile")
    # Bytes 16 to 19 of an ICC header name the colours that the profile describes
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


# --- arrays --------------------------------------------------------------------------------


def _from_array(array: npt.NDArray[Any], label: str, limits: Limits) -> Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise InvalidInput(
            f"an array of shape {array.shape} is no picture",
            source=label,
            remedy="give (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey",
        )
    _check_size(array.shape[1], array.shape[0], label, limits)
    pixels = _eight_bit(array, label).reshape(*array.shape[:2], channels)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    elif channels == 4:
        alpha = pixels[..., 3:].astype(np.uint16)
        # on white; at most 255 * 255 + 127, which uint16 holds
        blended = pixels[..., :3] * alpha + (255 - alpha) * np.uint16(255) + np.uint16(127)
        pixels = (blended // 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def _eight_bit(array: npt.NDArray[Any], label: str) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype.newbyteorder("=") == np.uint16:
        return _scaled(array, 65535.0)
    if array.dtype.newbyteorder("=") in (np.dtype(np.float32), np.dtype(np.float64)):
        # written so that NaN fails too
        if not (array.min() >= 0 and array.max() <= 1):
            raise InvalidInput(
                f"a float array must lie in 0 to 1; this one spans {array.min():.4g}"
                f" to {array.max():.4g}",
                source=label,
                remedy="divide by 255, or convert to uint8",
            )
        return _scaled(array, 1.0)
    raise InvalidInput(
        f"an array of {array.dtype} is no picture",
        source=label,
        remedy="give uint8, uint16 or float32 in 0 to 1",
    )
