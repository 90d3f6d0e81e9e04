"""Decoding with Pillow: the file's header is checked before a pixel is decoded."""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import warnings
from typing import TYPE_CHECKING

from renzheng.errors import UnreadableImage
from renzheng.images.containers import container_of, excess, guess, jpeg_scans, webp_size
from renzheng.images.limits import Limits
from renzheng.images.sources import EXPORT_AGAIN, printable
from renzheng.types import Origin

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

ACCEPTED = "JPEG, PNG, WebP, BMP, TIFF, GIF, JPEG 2000, HEIC, PDF or the face record of a chip"
_RESAVE = f"give a picture saved as {ACCEPTED}"

_DECODERS = {  # Pillow's module and class; importing them all at once would take 30 ms
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
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


def formats() -> dict[str, str]:
    """Return the formats that are known, each with what has to be installed to read it, or ""."""
    found = {}
    for container, (module, _) in _DECODERS.items():
        try:
            importlib.import_module(module)
            missing = ""
            if container == "JPEG 2000" and not _has_openjpeg():
                missing = "a Pillow with OpenJPEG"
        except ImportError:
            missing = "renzheng[heic]" if container == "HEIC" else "another Pillow"
        found[container] = missing
    found["PDF"] = "" if importlib.util.find_spec("pypdfium2") else "renzheng[pdf]"
    found["face records (EF.DG2, ISO/IEC 19794-5, 39794-5)"] = ""
    return found


def open_picture(data: bytes, label: str, limits: Limits) -> PillowImage:
    """Parse the header of a picture file. Pillow decodes the pixels in `load`.

    Raises
    ------
    UnreadableImage
        If it is no picture of an accepted format, is damaged, or would take too long to decode.
    """
    container = container_of(data)
    if container is None:
        raise UnreadableImage(f"this is {guess(data)}", source=label, remedy=_RESAVE)
    _check_cost(container, data, label, limits)
    _quieten_pillow()
    module, decoder = _DECODERS[container]
    try:
        plugin = importlib.import_module(module)
        if container == "JPEG 2000" and not _has_openjpeg():
            raise ImportError
    except ImportError as error:
        if container != "HEIC":
            raise UnreadableImage(
                f"the installed Pillow does not support {container}", source=label, remedy=_RESAVE
            ) from error
        raise UnreadableImage(
            "reading HEIC needs pillow-heif",
            source=label,
            remedy="pip install 'renzheng[heic]', or export the picture as JPEG",
        ) from error
    try:
        # Not Image.open: it would try other formats, and warn by Pillow's own global limit.
        picture: PillowImage = getattr(plugin, decoder)(io.BytesIO(data))
        if container == "TIFF":
            _turn_to_main_page(picture, data)
    except SyntaxError as error:
        raise UnreadableImage(
            f"the {container} header is damaged or incomplete: {printable(str(error))}",
            source=label,
            remedy=EXPORT_AGAIN,
        ) from error
    return picture


def _check_cost(container: str, data: bytes, label: str, limits: Limits) -> None:
    if container == "WebP":
        size = webp_size(data)
        if size is not None:  # libwebp takes memory for the canvas when it opens the file
            limits.check_size(*size, label)
    elif container == "JPEG 2000":
        _check_jpeg_2000(data, label, limits)
    reason = excess(container, data)
    if reason is not None:
        raise UnreadableImage(
            reason, source=label, remedy="save the picture again, as an ordinary JPEG or PNG"
        )


def _check_jpeg_2000(data: bytes, label: str, limits: Limits) -> None:
    from renzheng.images.jpeg2000 import Codestream

    try:
        stream = Codestream.of(data)
        limits.check_size(stream.width, stream.height, label)
        stream.check()
    except UnreadableImage as error:
        raise UnreadableImage(
            error.reason, source=label, remedy=error.remedy or EXPORT_AGAIN
        ) from None


def _turn_to_main_page(picture: PillowImage, data: bytes) -> None:
    from renzheng.images import tiff

    page = tiff.main_page(data)
    if page:
        picture.seek(page)


def _has_openjpeg() -> bool:
    from PIL import features

    return bool(features.check_codec("jpg_2000"))


def unpack(data: bytes, label: str) -> tuple[bytes, Origin]:
    """Return the file of the picture in a face record, and what the record says of it.

    Raises
    ------
    UnreadableImage
        If the record is damaged.
    """
    from renzheng.images import face_records

    try:
        return face_records.extract(data)
    except UnreadableImage as error:
        remedy = error.remedy or "read the chip again"
        raise UnreadableImage(error.reason, source=label, remedy=remedy) from None


def load(picture: PillowImage, label: str, limits: Limits, *, encoded: bool = False) -> None:
    """Decode a picture in place, once its size is known to be acceptable.

    Parameters
    ----------
    picture
        The picture.
    label
        Its name in errors.
    limits
        The sizes that are accepted.
    encoded
        Whether it comes from `open_picture` rather than from the caller.

    Raises
    ------
    UnreadableImage
        If its size or the number of its scans is out of range.
    """
    limits.check_size(*picture.size, label)
    if encoded and picture.format == "JPEG":
        _check_scans(picture, label)
    picture.load()
    # A TIFF shows its true size, and is turned upright, only when it is loaded.
    limits.check_size(*picture.size, label)


def _check_scans(picture: PillowImage, label: str) -> None:
    stream = getattr(picture, "fp", None)
    if not isinstance(stream, io.BytesIO):
        return
    scans = jpeg_scans(stream.getvalue())
    # The decoder walks all pixels once per scan; cameras write about 10 scans.
    if scans > 12 and scans * picture.width * picture.height > _MAX_SCANNED_PIXELS:
        raise UnreadableImage(
            f"the JPEG has {scans} scans, far more than a camera writes",
            source=label,
            remedy="save the picture again, as an ordinary JPEG",
        )


def _quieten_pillow() -> None:
    # Damaged metadata makes two plugins warn about files that we read or refuse anyway. The filter
    # is narrow and permanent: catch_warnings would swap the filters that other threads use.
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_WARNINGS[3].pattern, category=UserWarning)
