"""The sources that a picture can be read from: their names in messages, and their bytes."""

from __future__ import annotations

import os
import stat
import sys
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, UnreadableImage
from renzheng.images.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

Source: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | PillowImage"
    " | npt.NDArray[Any]"
)


EXPORT_AGAIN = "copy or export the file again"


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
    pillow = is_pillow(source)
    given = getattr(source, "filename" if pillow else "name", None)
    if isinstance(given, str) and given:
        return printable(given)
    if pillow:
        return "<Pillow image>"
    return "<file object>" if hasattr(source, "read") else f"<{type(source).__name__}>"


def printable(text: str) -> str:
    """Escape characters that break a terminal or an encoder, such as control characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_pillow(source: object) -> TypeGuard[PillowImage]:
    """Return whether a source is a Pillow image, without importing Pillow."""
    # Whoever holds a Pillow image has imported Pillow.
    module = sys.modules.get("PIL.Image")
    # While another thread imports the module it may lack the class; no image exists yet.
    kind = getattr(module, "Image", None)
    return kind is not None and isinstance(source, kind)


def bytes_of(source: Any, label: str, limits: Limits) -> bytes:
    """Return the bytes of a path, of bytes or of a file object.

    Raises
    ------
    UnreadableImage
        If there are none, or too many.
    InvalidInput
        If the source is of another type, or gives text.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        limits.check_bytes(size, label)
        data = bytes(source)
    elif isinstance(source, str | os.PathLike):
        data = read_path(os.fspath(source), label, limits)
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
        raise UnreadableImage("the file is empty", source=label, remedy=EXPORT_AGAIN)
    return data


def read_path(path: str | bytes, label: str, limits: Limits) -> bytes:
    """Read a regular file.

    Raises
    ------
    UnreadableImage
        If there is no such file, or it is not a regular file, or it is too large.
    """
    try:
        _check_regular(os.stat(path), label)  # noqa: PTH116 - Path() cannot hold bytes
        # O_NONBLOCK: if a pipe has replaced the file just now, opening it would wait forever
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as stream:
            status = os.fstat(stream.fileno())
            _check_regular(status, label)
            limits.check_bytes(status.st_size, label)
            return _read_stream(stream, label, limits)
    except FileNotFoundError as error:
        remedy = "download it first" if "://" in label else "check the path"
        raise UnreadableImage("there is no such file", source=label, remedy=remedy) from error
    except PermissionError as error:
        raise UnreadableImage(
            "permission to read the file is denied", source=label, remedy="check its permissions"
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


def _read_stream(stream: Any, label: str, limits: Limits) -> bytes:
    parts: list[bytes] = []
    total = 0
    while total <= limits.max_bytes:  # raw streams may return less than was asked for
        part = stream.read(limits.max_bytes + 1 - total)
        if isinstance(part, str):
            raise InvalidInput(
                "the file object returns text", source=label, remedy='open the file with mode "rb"'
            )
        if not part:
            break
        parts.append(bytes(part))
        total += len(part)
    limits.check_bytes(total, label)
    return b"".join(parts)
