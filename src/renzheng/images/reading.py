"""Reading a picture from a file, bytes, Pillow or numpy, as one upright RGB array.

Every later stage trusts what it is given, so whatever cannot be read safely and completely as a
picture stops here, with an error that names the file. The size of the file is checked before it is
read, and the size of the picture before it is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from renzheng.errors import RenzhengError, UnreadableImage
from renzheng.images import decoding, pixels
from renzheng.images.containers import container_of
from renzheng.images.limits import DEFAULT_LIMITS, Limits
from renzheng.images.sources import (
    EXPORT_AGAIN,
    Source,
    bytes_of,
    describe,
    is_pillow,
    printable,
    read_path,
)
from renzheng.types import Image, Origin

# Suffixes by which files in a folder are taken for pictures; their content decides later.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"),
    *(".jp2", ".j2k", ".j2c", ".jpc"),
)


def read(source: Source, *, name: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Read a picture as an upright RGB array.

    Parameters
    ----------
    source
        A path; the bytes of a picture file, of a chip's face record or of a PDF; a binary file
        object, read from its current position; a Pillow image; or an array: (H, W, 3) RGB,
        (H, W, 4) RGBA, (H, W) or (H, W, 1) grey, of uint8, uint16
        (0 to 65535) or float32/float64 (0 to 1).
    name
        The name of the source in errors; by default `describe(source)`.
    limits
        The sizes that are accepted.

    Returns
    -------
    Image
        uint8 (H, W, 3) RGB, contiguous, upright by its EXIF orientation. An array that already
        has this form is returned without a copy.

    Raises
    ------
    UnreadableImage
        If the source holds no picture that can be read safely and completely.
    InvalidInput
        If the type of the source, or the shape, type or range of an array, is not accepted.

    Notes
    -----
    Transparent pixels are blended with white. 16-bit values are divided by 257, so that full range
    stays full range whatever the picture shows; 32-bit integers and floats are assumed to fill the
    smallest of the usual ranges (1 for floats, 255, 65535, 2**31 - 1 for integers) that holds
    them. Pictures with an ICC profile other than sRGB are converted to sRGB; a broken profile is
    ignored. The first of several frames or pages is read; pages of a TIFF that call themselves
    reduced are passed over. The first face of a chip's record and the first page of a PDF are read;
    `read_pages` says which of how many, and gives the other pages.

    Examples
    --------
    >>> import numpy as np
    >>> read(np.zeros((20, 30), np.uint8)).shape
    (20, 30, 3)
    """
    return next(read_pages(source, name=name, limits=limits)).image


@dataclass(frozen=True, eq=False)
class ReadPicture:
    """A picture, and the container that it was taken out of.

    Attributes
    ----------
    image
        uint8 (H, W, 3) RGB, as `read` returns it.
    origin
        The chip's record or the page that it comes from; None for a file that is one picture.
    """

    image: Image
    origin: Origin | None = None


def read_pages(
    source: Source, *, name: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Iterator[ReadPicture]:
    """Yield the pages of a PDF, or the one picture of any other source.

    Parameters
    ----------
    source, name, limits
        As in `read`, which returns the first picture; the same errors are raised.

    Yields
    ------
    ReadPicture
        A page is rendered when it is asked for; at most `renzheng.images.pdf.MAX_PAGES` are.
    """
    label = printable(name) if name is not None else describe(source)
    pictures = _pictures(source, label, limits)
    while True:
        try:
            picture = next(pictures, None)
        except RenzhengError:
            raise
        except MemoryError as error:
            raise UnreadableImage(
                "the picture does not fit into memory",
                source=label,
                remedy="give a smaller picture",
            ) from error
        except Exception as error:  # on damaged data Pillow's decoders raise nearly any exception
            detail = printable(str(error)) or type(error).__name__
            raise UnreadableImage(
                f"the picture is damaged or incomplete: {detail}",
                source=label,
                remedy=EXPORT_AGAIN,
            ) from error
        if picture is None:
            return
        yield picture


def _pictures(source: Source, label: str, limits: Limits) -> Iterator[ReadPicture]:
    if isinstance(source, np.ndarray):
        yield ReadPicture(pixels.from_array(source, label, limits))
        return
    if is_pillow(source):
        decoding.load(source, label, limits)
        yield ReadPicture(pixels.from_pillow(source, label))
        return
    data, origin = bytes_of(source, label, limits), None
    container = container_of(data)
    if container == "PDF":
        from renzheng.images import pdf

        for page, place in pdf.pages(data, label, limits):
            yield ReadPicture(page, place)
        return
    if container == "face record":
        data, origin = decoding.unpack(data, label)
    picture = decoding.open_picture(data, label, limits)
    decoding.load(picture, label, limits, encoded=True)
    yield ReadPicture(pixels.from_pillow(picture, label), origin)


def read_bytes(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Read the bytes of a picture file, for callers that also need their digest; see `read`.

    Raises
    ------
    UnreadableImage
        If there is no such file, or it is not a regular file, or it is too large.
    """
    return read_path(os.fspath(path), describe(path), limits)
