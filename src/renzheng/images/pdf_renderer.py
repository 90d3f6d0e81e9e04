"""A program that turns one page of a PDF into pixels, and is run in a process of its own.

PDFium works through what strangers wrote, in C++ and without limits. Here it may take so much
memory and time, and fall over, without harm to the process that asked. Nothing of renzheng is
imported, so that it starts quickly.

Usage: ``python pdf_renderer.py PAGE MAX_PIXELS MAX_BYTES < FILE.pdf``. It prints a line of JSON
(``error``, or ``pages``, ``width``, ``height`` and ``stride``), then the rows of RGB pixels.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import sys
from typing import Any

_POINTS = 72.0  # to the inch
_USUAL_DPI, _MIN_DPI, _MAX_DPI = 200.0, 150.0, 600.0
_MAX_OBJECTS = 1000  # of a page, that are looked at for pictures; scans have one


class _Refusal(Exception):  # noqa: N818
    pass


def main() -> None:
    """Render the page that the command line names."""
    page, max_pixels, max_bytes = (int(each) for each in sys.argv[1:4])
    output = sys.stdout.buffer
    try:
        _limit_memory(max_bytes)
        head, pixels = _render(sys.stdin.buffer.read(), page, max_pixels)
    except _Refusal as refusal:
        head, pixels = {"error": str(refusal)}, b""
    except MemoryError:
        head, pixels = {"error": "the page takes too much memory"}, b""
    output.write(json.dumps(head).encode() + b"\n")
    output.write(pixels)
    output.flush()


def _limit_memory(most: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _render(data: bytes, number: int, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
        if number >= count:
            raise _Refusal("the PDF has no pages" if count == 0 else "the PDF lacks a page")
        page = document[number]
        width, height = page.get_size()
        if not (width > 0 and height > 0):
            raise _Refusal("the page has no size")
        # A hair less: PDFium's sizes are not exact, and the bitmap's sides are rounded up.
        scale = _resolution(page, raw, max_pixels) / _POINTS * (1 - 1e-5)
        while math.ceil(width * scale) * math.ceil(height * scale) > max_pixels:
            scale *= min(0.999, math.sqrt(max_pixels / (width * height)) / scale)
        bitmap = page.render(
            scale=scale, rev_byteorder=True, force_bitmap_format=raw.FPDFBitmap_BGR
        )
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise _Refusal("the PDF is locked by a password") from None
        raise _Refusal("the PDF is damaged or incomplete") from None
    head = {
        "pages": count,
        "width": bitmap.width,
        "height": bitmap.height,
        "stride": bitmap.stride,
    }
    return head, ctypes.string_at(bitmap.buffer, bitmap.stride * bitmap.height)


def _resolution(page: Any, raw: Any, max_pixels: int) -> float:
    """Return the dots per inch at which the sharpest picture of a page keeps its pixels."""
    found = 0.0
    for index in range(min(raw.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        item = raw.FPDFPage_GetObject(page, index)
        if raw.FPDFPageObj_GetType(item) != raw.FPDF_PAGEOBJ_IMAGE:
            continue
        across, down = ctypes.c_uint(), ctypes.c_uint()
        if not raw.FPDFImageObj_GetImagePixelSize(item, across, down):
            continue
        if across.value * down.value > 4 * max_pixels:  # PDFium decodes it as a whole
            raise _Refusal(f"a picture in the PDF is {across.value} x {down.value}")
        sides = [ctypes.c_float() for _ in range(4)]
        if raw.FPDFPageObj_GetBounds(item, *sides):
            left, bottom, right, top = (each.value for each in sides)
            if right > left and top > bottom:
                wide, high = (right - left) / _POINTS, (top - bottom) / _POINTS
                # The longer side with the longer: the picture may be turned.
                longer = max(across.value, down.value) / max(wide, high)
                found = max(found, longer)
    return min(max(found, _MIN_DPI), _MAX_DPI) if found else _USUAL_DPI


if __name__ == "__main__":
    main()
