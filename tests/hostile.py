"""Odd, damaged and hostile picture files, made from one drawn picture.

`generate` writes them all; each case says whether reading it must fail, must give the drawn
picture, or may do either (a flipped bit can leave a picture that decodes).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

WIDTH, HEIGHT = 96, 72
LOSSY = 4.0  # JPEG halves the colour resolution, which shows at the regions' edges
Pixels = np.ndarray


@dataclass(frozen=True)
class Case:
    """One file and what reading it must give.

    `expected` is the upright RGB picture where there must be one; `tolerance` the mean absolute
    difference, in levels, that its format's losses allow.
    """

    path: Path
    expectation: Literal["error", "picture", "either"]
    expected: Pixels | None = None
    tolerance: float = 3.0
    note: str = ""


def drawing() -> Pixels:
    """Four coloured regions over a gradient: no two corners alike, so any turn shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    picture = np.stack([40 + x * 1.5, 60 + y * 1.8, 200 - x], axis=-1)
    picture[4:28, 4:36] = (220, 30, 40)
    picture[44:68, 60:92] = (30, 60, 210)
    picture[6:20, 60:90] = (240, 220, 60)
    picture[48:66, 6:30] = (20, 170, 70)
    return picture.round().astype(np.uint8)


def grey(rgb: Pixels) -> Pixels:
    """The drawing in grey, still with three channels."""
    return np.repeat(np.array(Image.fromarray(rgb).convert("L"))[..., None], 3, axis=2)


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def heic(rgb: Pixels) -> bytes | None:
    try:
        import pillow_heif
    except ImportError:
        return None
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(rgb)).save(stream, quality=95)
    return stream.getvalue()


def stored(upright: Pixels, orientation: int) -> Pixels:
    """How a camera that notes `orientation` stores what stands upright."""
    undo: dict[int, Callable[[Pixels], Pixels]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, data: bytes, *extra: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(
    pixels: Pixels, order: str = "<", *, fmt: int = 1, size: tuple[int, int] | None = None
) -> bytes:
    """An uncompressed TIFF of one strip; `size` lies about its width and height."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    body = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    width, height = size or (pixels.shape[1], pixels.shape[0])
    bits = pixels.dtype.itemsize * 8
    offset = 8 + len(body)
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1)]
    tags += [(262, 3, 1 if samples == 1 else 2), (273, 4, 8), (277, 3, samples)]
    tags += [(278, 4, height), (279, 4, len(body)), (339, 3, fmt)]
    directory = struct.pack(order + "H", len(tags))
    for tag, kind, value in tags:
        if tag == 258 and samples == 3:
            place = offset + 2 + 12 * len(tags) + 4
            directory += struct.pack(order + "HHII", tag, 3, 3, place)
        elif kind == 3:
            directory += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
        else:
            directory += struct.pack(order + "HHII", tag, 4, 1, value)
    directory += struct.pack(order + "I", 0) + struct.pack(order + "HHH", bits, bits, bits)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "I", offset) + body + directory


def formats(rgb: Pixels) -> dict[str, tuple[bytes, float]]:
    """The drawing in every format, with the loss that each may have."""
    picture = Image.fromarray(rgb)
    made = {
        "jpg": (encode(picture, "JPEG", quality=95), LOSSY),
        "progressive.jpg": (encode(picture, "JPEG", quality=95, progressive=True), LOSSY),
        "png": (encode(picture, "PNG"), 0.0),
        "webp": (encode(picture, "WEBP", quality=95), 4.0),
        "lossless.webp": (encode(picture, "WEBP", lossless=True), 0.0),
        "bmp": (encode(picture, "BMP"), 0.0),
        "tif": (encode(picture, "TIFF"), 0.0),
        "lzw.tif": (encode(picture, "TIFF", compression="tiff_lzw"), 0.0),
        "gif": (encode(picture.quantize(255), "GIF"), 8.0),
    }
    iphone = heic(rgb)
    if iphone is not None:
        made["heic"] = (iphone, 4.0)
    return made


def wide_profile() -> bytes:
    """A valid ICC profile with red and green exchanged, so that its use shows at once."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


class _Writer:
    def __init__(self, folder: Path, rgb: Pixels) -> None:
        self.folder, self.rgb, self.cases = folder, rgb, list[Case]()

    def error(self, name: str, data: bytes, note: str = "") -> None:
        self._add(name, data, "error", None, 0.0, note)

    def either(self, name: str, data: bytes, note: str = "") -> None:
        self._add(name, data, "either", None, 0.0, note)

    def picture(self, name: str, data: bytes, expected: Pixels, tolerance: float = 1.0) -> None:
        self._add(name, data, "picture", expected, tolerance, "")

    def _add(self, name, data, expectation, expected, tolerance, note) -> None:  # type: ignore[no-untyped-def]
        path = self.folder / name
        path.write_bytes(data)
        self.cases.append(Case(path, expectation, expected, tolerance, note))


def generate(folder: Path, seed: int) -> list[Case]:
    """Write every case below `folder`; the same seed writes the same files."""
    rng = np.random.default_rng(seed)
    writer = _Writer(folder, drawing())
    for part in (_modes, _orientations, _names, _not_pictures, _bombs, _metadata):
        part(writer)
    _damaged(writer, rng)
    writer.cases += _not_files(folder)
    return writer.cases


def _modes(w: _Writer) -> None:
    rgb, picture = w.rgb, Image.fromarray(w.rgb)
    for name, (data, tolerance) in formats(rgb).items():
        w.picture(f"plain.{name}", data, rgb, tolerance)
    flat, full = picture.convert("L"), grey(rgb)
    sixteen = np.array(flat).astype(np.uint16) * 257
    w.picture("grey.png", encode(flat, "PNG"), full, 0)
    w.picture("grey.jpg", encode(flat, "JPEG", quality=95), full, 3)
    w.picture("grey.gif", encode(flat, "GIF"), full, 0)
    w.picture("grey.bmp", encode(flat, "BMP"), full, 0)
    w.picture("grey16.png", encode(Image.fromarray(sixteen), "PNG"), full, 0)
    for order in "<>":
        side = "little" if order == "<" else "big"
        w.picture(f"grey16-{side}.tif", tiff(sixteen, order), full, 0)
        w.picture(f"rgb8-{side}.tif", tiff(rgb, order), rgb, 0)
        w.picture(f"rgb16-{side}.tif", tiff(rgb.astype(np.uint16) * 257, order), rgb, 1)
        w.picture(f"int32-{side}.tif", tiff(sixteen.astype(np.int32), order, fmt=2), full, 0)
        unit = (np.array(flat) / 255).astype(np.float32)
        w.picture(f"float-unit-{side}.tif", tiff(unit, order, fmt=3), full, 0)
        w.picture(f"float-255-{side}.tif", tiff(unit * 255, order, fmt=3), full, 0)
    w.error("float-nan.tif", tiff(np.full((40, 40), np.nan, np.float32), fmt=3))
    w.error("float-negative.tif", tiff(np.full((40, 40), -1, np.float32), fmt=3))
    rows = (rgb.astype(">u2") * 257).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    w.picture("rgb16.png", png(WIDTH, HEIGHT, 16, 2, zlib.compress(raw)), rgb, 1)
    black = (np.array(flat) > 120).astype(np.uint8) * 255
    bilevel, threes = Image.fromarray(black).convert("1"), np.repeat(black[..., None], 3, axis=2)
    w.picture("bit.png", encode(bilevel, "PNG"), threes, 0)
    w.picture("bit.bmp", encode(bilevel, "BMP"), threes, 0)
    w.picture("bit.tif", encode(bilevel, "TIFF"), threes, 0)
    w.picture("fax.tif", encode(bilevel, "TIFF", compression="group4"), threes, 0)
    for colours in (2, 4, 16, 256):
        palette = picture.quantize(colours)
        as_rgb = np.array(palette.convert("RGB"))
        for kind in ("PNG", "GIF", "BMP", "TIFF"):
            w.picture(f"palette{colours}.{kind.lower()}", encode(palette, kind), as_rgb, 0)
    palette = picture.quantize(16)
    holes = np.array(palette.convert("RGB"))
    holes[np.array(palette) == 3] = 255
    for kind in ("PNG", "GIF"):
        data = encode(palette, kind, transparency=3)
        w.picture(f"palette-hole.{kind.lower()}", data, holes, 0)
    some = bytes([255, 128, 0] + [255] * 13)
    half = np.array(palette.convert("RGB"))
    index = np.array(palette)
    half[index == 1] = (half[index == 1] * (128 / 255) + 127).astype(np.uint8)
    half[index == 2] = 255
    w.picture("palette-alpha.png", encode(palette, "PNG", transparency=some), half, 1)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :20], alpha[:, 20:40] = 0, 128
    share = alpha[..., None] / 255
    rgba = Image.fromarray(np.dstack([rgb, alpha]))
    white = (rgb * share + 255 * (1 - share)).round().astype(np.uint8)
    w.picture("alpha.png", encode(rgba, "PNG"), white, 1)
    w.picture("alpha.tif", encode(rgba, "TIFF"), white, 1)
    w.picture("alpha.webp", encode(rgba, "WEBP", lossless=True, exact=True), white, 1)
    two = Image.merge("LA", [flat, Image.fromarray(alpha)])
    grey_white = (full * share + 255 * (1 - share)).round().astype(np.uint8)
    w.picture("grey-alpha.png", encode(two, "PNG"), grey_white, 1)
    inks = picture.convert("CMYK")
    w.picture("cmyk.jpg", encode(inks, "JPEG", quality=95), rgb, 4)
    w.picture("cmyk.tif", encode(inks, "TIFF"), rgb, 2)
    w.picture("ycbcr.tif", encode(picture.convert("YCbCr"), "TIFF"), rgb, 3)
    lab = ImageCms.profileToProfile(
        picture, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    w.picture("lab.tif", encode(lab, "TIFF"), rgb, 6)
    other = Image.fromarray(255 - rgb)
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        first = picture.quantize(255) if kind == "GIF" else picture
        data = encode(first, kind, save_all=True, append_images=[other] * 3, **options)
        w.picture(f"frames.{kind.lower()}", data, rgb, 8 if kind == "GIF" else 0)


def _orientations(w: _Writer) -> None:
    for orientation in range(1, 9):
        picture = Image.fromarray(stored(w.rgb, orientation))
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind, tolerance in (("JPEG", LOSSY), ("PNG", 0.0), ("WEBP", 4.0), ("TIFF", 0.0)):
            options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
            data = encode(picture, kind, exif=exif, **options)
            w.picture(f"orientation{orientation}.{kind.lower()}", data, w.rgb, tolerance)
    for value in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        data = encode(Image.fromarray(w.rgb), "JPEG", quality=95, exif=exif)
        w.picture(f"orientation-{value}.jpg", data, w.rgb, LOSSY)


def _names(w: _Writer) -> None:
    made = formats(w.rgb)
    kinds = [kind for kind in made if kind.count(".") == 0]
    for kind, wrong in zip(kinds, kinds[1:] + kinds[:1], strict=True):
        w.picture(f"is-{kind}.named.{wrong}", made[kind][0], w.rgb, made[kind][1])
    data, tolerance = made["jpg"]
    for name in (
        "身份证 照片.jpg",
        "Ünï ñ.JPG",
        "🙂.jpeg",
        "no-extension",
        "-dash.jpg",
        "a'b\"c;$(d).jpg",
    ):
        w.picture(name, data, w.rgb, tolerance)
    if os.name == "posix":
        w.picture("line\nbreak\x1b[31m.jpg", data, w.rgb, tolerance)
    w.picture("extra.eps", data, w.rgb, tolerance)


def _not_pictures(w: _Writer) -> None:
    noise = np.random.default_rng(5).bytes(5000)
    texts = {
        "empty.jpg": b"",
        "text.jpg": b"hello, this is no picture\n" * 20,
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>',
        "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj",
        "paper.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n",
        "noise.jpg": noise,
        "nul.jpg": bytes(5000),
        "ones.png": b"\xff" * 5000,
        "archive.png": b"PK\x03\x04" + noise,
        "film.heic": b"\0\0\0\x18ftypmp42" + noise,
        "portable.ppm": b"P6 40 40 255\n" + bytes(4800),
        "icon.ico": b"\0\0\1\0\1\0\x20\x20" + noise,
    }
    for name, data in texts.items():
        w.error(name, data)
    for name, (data, _) in formats(w.rgb).items():
        w.error(f"head-only.{name}", data[:12])
        w.error(f"head-noise.{name}", data[:12] + noise)


def _bombs(w: _Writer) -> None:
    zeros = zlib.compress(bytes(20_000_000), 9)
    for width, height in (
        (50_000, 50_000),
        (2**31 - 1, 2**31 - 1),
        (0, 0),
        (0, 50),
        (10_000, 7000),
    ):
        w.error(f"png-{width}x{height}.png", png(width, height, 8, 2, zeros))
        with_size = struct.pack("<ii", width, height)
        base = encode(Image.fromarray(w.rgb), "BMP")
        w.error(f"bmp-{width}x{height}.bmp", base[:18] + with_size + base[26:])
        w.error(f"tif-{width}x{height}.tif", tiff(w.rgb, size=(width, height)))
    jpeg = encode(Image.fromarray(w.rgb), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    for height, width in ((65500, 65500), (65500, 900), (60, 0), (1, 1)):
        size = struct.pack(">HH", height, width)
        w.error(f"jpg-{width}x{height}.jpg", jpeg[:at] + size + jpeg[at + 4 :])
    for name, junk in (
        ("fill", b"\xff" * 20_000_000),
        ("junk", bytes(20_000_000)),
        ("markers", b"\xff\xee\0\2" * 2_000_000),
        ("segments", (b"\xff\xe1\xea\x62Exif\0\0" + bytes(59994)) * 400),
    ):
        w.error(f"long-{name}.jpg", jpeg[:2] + junk + jpeg[2:])
    canvas = (16382).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + canvas
    w.error("webp-16383.webp", b"RIFF" + struct.pack("<I", len(body)) + body)
    gif = encode(Image.fromarray(w.rgb).quantize(16), "GIF")
    w.error("gif-65535.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:])
    first = gif.index(b"\x2c\0\0\0\0")
    for name, junk in (
        ("comments", b"\x21\xfe\1a\0" * 2_000_000),
        ("comment", b"\x21\xfe" + b"\1a" * 5_000_000 + b"\0"),
        ("junk", bytes(10_000_000)),
    ):
        w.error(f"long-{name}.gif", gif[:first] + junk + gif[first:])
    values = b"".join(
        struct.pack("<HHII", *tag)
        for tag in ((256, 4, 1, 96), (257, 4, 1, 72), (258, 5, 2_000_000, 50))
    )
    directory = b"II*\0" + struct.pack("<IH", 8, 3) + values
    w.error("long-values.tif", directory + bytes(16_100_000))
    frame = gif.index(b"\x2c\0\0\0\0") + 5
    w.error("gif-frame-65535.gif", gif[:frame] + b"\xff\xff\xff\xff" + gif[frame + 4 :])

    small = zlib.compress(b"".join(b"\0" + row.tobytes() for row in w.rgb))
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100_000_000), 9))
    text = png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(100_000_000), 9))
    w.either("profile-bomb.png", png(WIDTH, HEIGHT, 8, 2, small, profile))
    w.either("text-bomb.png", png(WIDTH, HEIGHT, 8, 2, small, text))
    many = png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(900_000), 9)) * 200
    w.either("text-bombs.png", png(WIDTH, HEIGHT, 8, 2, small, many))
    w.error("chunks.png", png(WIDTH, HEIGHT, 8, 2, small, png_chunk(b"quIc", b"") * 1_000_000))
    w.picture(
        "idat-bomb.png",
        png(WIDTH, HEIGHT, 8, 2, zlib.compress(zlib.decompress(small) + bytes(100_000_000), 9)),
        w.rgb,
        0,
    )
    run = encode(Image.fromarray(w.rgb).quantize(16), "BMP")
    run = run[:18] + struct.pack("<ii", 7000, 7000) + run[26:30] + b"\1\0\0\0" + run[34:]
    w.error("run-length.bmp", run + b"\1\1" * 3_000_000)
    huge = Image.new("L", (7900, 7900))
    scans = bytearray(encode(huge, "JPEG", progressive=True, quality=5))
    last = scans.rindex(b"\xff\xda")
    w.error("scans.jpg", bytes(scans[:-2] + scans[last:-2] * 200 + scans[-2:]))
    for size in ((1, 1), (5, 400), (400, 5), (4000, 13), (13, 4000), (11, 11)):
        strip = Image.new("RGB", size, "red")
        for kind in ("PNG", "JPEG", "GIF"):
            w.error(f"strip{size[0]}x{size[1]}.{kind.lower()}", encode(strip, kind))


def _metadata(w: _Writer) -> None:
    picture = Image.fromarray(w.rgb)
    for name, profile in (("broken", b"x" * 300), ("cut", wide_profile()[:200])):
        data = encode(picture, "PNG", icc_profile=profile)
        w.picture(f"profile-{name}.png", data, w.rgb, 0)
    w.picture(
        "profile-cmyk.jpg",
        encode(
            picture.convert("CMYK"),
            "JPEG",
            quality=95,
            icc_profile=b"\0" * 16 + b"CMYK" + bytes(200),
        ),
        w.rgb,
        4,
    )
    for name, exif in (
        ("noise", b"Exif\0\0" + b"\xa5" * 500),
        (
            "loop",
            b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\0\0\0\x08\0\0\0\x08",
        ),
        ("short", b"Exif\0\0II*\0"),
    ):
        data = encode(picture, "JPEG", quality=95, exif=exif)
        w.picture(f"exif-{name}.jpg", data, w.rgb, LOSSY)
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", "\nexif\n  zz\nnot hex\n")
    w.picture("raw-exif.png", encode(picture, "PNG", pnginfo=info), w.rgb, 0)
    small = zlib.compress(b"".join(b"\0" + row.tobytes() for row in w.rgb))
    frames = png_chunk(b"acTL", struct.pack(">II", 0, 0))
    w.picture("frames-zero.png", png(WIDTH, HEIGHT, 8, 2, small, frames), w.rgb, 0)


def _damaged(w: _Writer, rng: np.random.Generator) -> None:
    for name, (data, _) in formats(w.rgb).items():
        for part in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
            w.either(f"cut{int(part * 100)}.{name}", data[: max(13, int(len(data) * part))])
        for part in (0.3, 0.6):
            # to lose that much of the pixels must be noticed, not filled with grey
            if name != "gif":
                w.error(f"lost{int(part * 100)}.{name}", data[: int(len(data) * part)])
        for count in (1, 2, 8, 64):
            for turn in range(3):
                flipped = np.frombuffer(data, np.uint8).copy()
                # the first bytes only say which format it is
                where = rng.integers(12, len(data), count)
                flipped[where] ^= (1 << rng.integers(0, 8, count)).astype(np.uint8)
                w.either(f"flip{count}-{turn}.{name}", flipped.tobytes())
        for turn in range(2):
            header = bytearray(data)
            header[12:60] = rng.bytes(48)
            w.either(f"header{turn}.{name}", bytes(header))


def _not_files(folder: Path) -> list[Case]:
    cases = [Case(folder / "missing.jpg", "error"), Case(folder / ("x" * 5000), "error")]
    (folder / "folder.jpg").mkdir()
    cases.append(Case(folder / "folder.jpg", "error"))
    cases.append(Case(folder / "nul\0byte.jpg", "error"))
    if os.name == "posix":
        (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
        os.mkfifo(folder / "pipe.jpg")
        cases += [Case(folder / "loop.jpg", "error"), Case(folder / "pipe.jpg", "error")]
        cases += [Case(Path("/dev/zero"), "error"), Case(folder / "plain.jpg" / "x.jpg", "error")]
    return cases
