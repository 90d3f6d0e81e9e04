"""Picture files before a decoder sees them: their format, and traps in their bytes.

Pillow walks headers and metadata in Python, partly in quadratic time, so a malicious file keeps it
busy for a minute. Each walk here takes the same steps, only counts, and gives up early.
"""

from __future__ import annotations

import re
import struct

_HEIF_BRANDS = frozenset(b"heic heix hevc hevx heim heis hevm hevs mif1 mif2 msf1".split())

_OTHER_KINDS = (  # the first bytes of files that people hand in by mistake
    (b"%!PS", "a PostScript document"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported"),
    (b"\x1f\x8b", "a gzip archive"),
)

# Each step costs Pillow microseconds; encoders write some tens of steps.
_MAX_STEPS = 100_000
# Pillow decodes run-length BMP in Python: 4 MiB of it stay near two seconds.
_MAX_RUN_LENGTH_BMP = 4 * 1024 * 1024
# Pillow joins EXIF segments pairwise: 16 MiB of them stay below a second.
_MAX_JPEG_HEADER = 16 * 1024 * 1024
_MAX_JPEG_JUNK = 100_000

_FILL = re.compile(rb"\xff+")
_PDF = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n\0]{0,64}%PDF-")


def container_of(data: bytes) -> str | None:
    """Name the format by its first bytes; the file's extension is not to be trusted."""
    head = data[:12]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIC"
    if head.startswith((b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51")):
        return "JPEG 2000"
    if head.startswith(b"BM"):
        return "BMP"
    if _PDF.match(data):
        return "PDF"
    if _is_face_record(data):
        return "face record"
    return None


def _is_face_record(data: bytes) -> bool:
    """Return whether a file begins as EF.DG2 or a face record does; see `face_records`."""
    if data.startswith(b"FAC\0"):
        return True
    if data[:1] not in (b"\x75", b"\x65") or len(data) < 8:
        return False
    # A text can begin with either letter: the first child must be there, too.
    size = 1 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    child = data[1 + size : 3 + size]
    return child == b"\x7f\x61" if data[0] == 0x75 else child[:1] == b"\xa0"


def guess(data: bytes) -> str:
    """Name the kind of a file that is not a picture of an accepted format."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, kind in _OTHER_KINDS:
        if data.startswith(magic) or start.startswith(magic):
            return kind
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "an AVIF picture, which is not supported"
    if data[4:8] == b"ftyp":
        return "a video, or a picture of an unsupported kind"
    return "not a picture, or one of an unsupported kind"


def excess(container: str, data: bytes) -> str | None:
    """Describe the part of a file that would keep Pillow busy for long, if there is one."""
    if container == "JPEG" and _has_long_jpeg_header(data):
        return "the JPEG has an endless header"
    if container == "PNG" and _has_many_chunks(data):
        return "the PNG has too many chunks"
    if container == "GIF" and _has_long_gif_header(data):
        return "the GIF has too much before its first frame"
    if container == "TIFF":
        from renzheng.images import tiff

        if tiff.has_many_values(data):
            return "the TIFF has too many values in its tags"
    if container == "BMP" and len(data) > _MAX_RUN_LENGTH_BMP:
        compression = int.from_bytes(data[30:34], "little")
        if compression in (1, 2):
            return "the run-length BMP is too large"
    return None


def jpeg_scans(data: bytes) -> int:
    """Count the scans of a JPEG, or more: entropy-coded data never holds the scan marker."""
    return data.count(b"\xff\xda")


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Read the width and height that a WebP declares."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        width, height = int.from_bytes(body[4:7], "little"), int.from_bytes(body[7:10], "little")
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _has_long_jpeg_header(data: bytes) -> bool:
    position, skipped = 2, 0
    for _ in range(_MAX_STEPS):
        # Pillow steps byte by byte over junk before a marker and over repeated 0xff
        fill = _FILL.search(data, position)
        found = fill.end() if fill else len(data)
        skipped += max(0, found - 1 - position)
        if skipped > _MAX_JPEG_JUNK or found > _MAX_JPEG_HEADER:
            return True
        if found >= len(data):
            return False
        marker, position = data[found], found + 1
        if marker == 0xDA:
            return False
        if marker not in (0x00, 0x01, *range(0xD0, 0xDA)):  # those have no length
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return True


def _has_many_chunks(data: bytes) -> bool:
    if len(data) < 12 * _MAX_STEPS:
        return False
    position = 8
    for _ in range(_MAX_STEPS):
        if position + 12 > len(data):
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True


def _has_long_gif_header(data: bytes) -> bool:
    if len(data) < 2 * _MAX_STEPS:
        return False
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    in_extension = False
    for _ in range(_MAX_STEPS):
        if position >= len(data):
            return False
        byte = data[position]
        if in_extension:
            in_extension = byte != 0
            position += 1 + byte
        elif byte in (0x2C, 0x3B):  # the first frame, or the end
            return False
        elif byte == 0x21:
            in_extension = True
            position += 2
        else:  # Pillow skips unknown bytes
            position += 1
    return True
