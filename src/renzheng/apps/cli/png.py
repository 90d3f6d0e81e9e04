"""PNG files that commands write: the option, the check of its name and the writing."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.types import Image


def add_out(parser: argparse.ArgumentParser, what: str, *, required: bool = True) -> None:
    """Add ``-o``/``--out``: the PNG file to write, where `what` names its content."""
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=required,
        metavar="FILE",
        help=f"where to write the {what} (.png)",
    )


def check_name(path: Path, what: str) -> None:
    """Check that the name of an output ends with .png, where `what` names its content.

    Raises
    ------
    InvalidInput
        If it does not.
    """
    if path.suffix.lower() != ".png":
        raise InvalidInput(f"the {what} is written as .png", source=str(path))


def write(path: Path, image: Image) -> None:
    """Write an image, uint8 (h, w, 3) in RGB, as one whole file.

    Raises
    ------
    RenzhengError
        If the file cannot be written.
    """
    from PIL import Image as Pillow

    from renzheng._support import files

    buffer = io.BytesIO()
    Pillow.fromarray(image).save(buffer, "PNG")
    files.write(path, buffer.getvalue())
