"""Pages of a PDF as pictures, each rendered by PDFium in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from renzheng._support.notation import from_json
from renzheng.errors import UnreadableImage
from renzheng.images.limits import Limits
from renzheng.images.sources import EXPORT_AGAIN, printable
from renzheng.types import Image, Origin

MAX_PAGES = 10  # that are looked at; a scan of a document has one or two
# A4 at 400 dpi has 15.5 Mpx: the small print of a card is there, and a portrait is long since.
_MAX_PIXELS = 16_000_000
_SECONDS = 20.0  # a scan of 16 Mpx takes half a second
_MEMORY = 1 << 30  # of the process: PDFium's own 0.3 GiB, a picture of 64 Mpx and the page

_REMEDY = "export the page as JPEG or PNG"


def pages(data: bytes, label: str, limits: Limits) -> Iterator[tuple[Image, Origin]]:
    """Yield the pages as uint8 (H, W, 3) RGB, rendered when they are asked for.

    Parameters
    ----------
    data
        The PDF.
    label
        Its name in errors.
    limits
        The sizes that are accepted.

    Raises
    ------
    UnreadableImage
        If PDFium is not installed, or a page cannot be rendered within the limits.
    """
    if importlib.util.find_spec("pypdfium2") is None:
        raise UnreadableImage(
            "reading PDF needs pypdfium2",
            source=label,
            remedy="pip install 'renzheng[pdf]', or export the page as JPEG",
        )
    count = 1
    number = 0
    while number < min(count, MAX_PAGES):
        image, count = _render(data, number, label, limits)
        number += 1
        yield image, Origin("PDF", number, count)


def _render(data: bytes, number: int, label: str, limits: Limits) -> tuple[Image, int]:
    renderer = Path(__file__).with_name("pdf_renderer.py")
    most = min(_MAX_PIXELS, limits.max_pixels)
    arguments = [str(number), str(most), str(_MEMORY)]
    try:
        done = subprocess.run(
            # -P: the folder of the renderer holds modules that are not meant to be found
            [sys.executable, "-P", str(renderer), *arguments],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnreadableImage(
            f"page {number + 1} of the PDF takes longer than {_SECONDS:g} s",
            source=label,
            remedy=_REMEDY,
        ) from None
    except OSError as error:
        raise UnreadableImage(
            f"no process can be started for the PDF: {error.strerror}", source=label, remedy=_REMEDY
        ) from error
    line, _, rows = done.stdout.partition(b"\n")
    try:
        head = from_json(line)
    except ValueError:  # it ran out of memory, or fell over
        head = {"error": f"page {number + 1} of the PDF cannot be rendered within the limits"}
    if "error" in head:
        remedy = EXPORT_AGAIN if "damaged" in head["error"] else _REMEDY
        raise UnreadableImage(printable(head["error"]), source=label, remedy=remedy)
    width, height, stride = head["width"], head["height"], head["stride"]
    limits.check_size(width, height, label)
    padded = np.frombuffer(rows, np.uint8, stride * height).reshape(height, stride)
    image = np.ascontiguousarray(padded[:, : 3 * width].reshape(height, width, 3))
    return image, head["pages"]
