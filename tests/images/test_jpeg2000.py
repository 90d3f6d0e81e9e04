"""JPEG 2000 is read as file and as bare codestream, and counted before it is decoded."""

from __future__ import annotations

import contextlib
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hostile import drawing, encode, grey
from renzheng.errors import UnreadableImage
from renzheng.images import Limits, read
from renzheng.images.jpeg2000 import Codestream

RGB = drawing()
PICTURE = Image.fromarray(RGB)
JP2 = encode(PICTURE, "JPEG2000")
J2K = encode(PICTURE, "JPEG2000", no_jp2=True)
SIZ = 4  # where its parameters begin in a bare codestream
COD = J2K.index(b"\xff\x52") + 4


def changed(at: int, form: str, *values: int, data: bytes = J2K) -> bytes:
    size = struct.calcsize(">" + form)
    return data[:at] + struct.pack(">" + form, *values) + data[at + size :]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"no_jp2": True},
        {"tile_size": (32, 32)},
        {"tile_size": (50, 41), "num_resolutions": 3, "no_jp2": True},
        {"progression": "RPCL", "precinct_size": (64, 64), "codeblock_size": (16, 16)},
        {"quality_layers": [1], "no_jp2": True},
    ],
)
def test_every_usual_way_of_writing_is_read(options: dict[str, object]) -> None:
    np.testing.assert_array_equal(read(encode(PICTURE, "JPEG2000", **options)), RGB)


def test_grey_deep_and_clear_pictures_are_read() -> None:
    flat = PICTURE.convert("L")
    np.testing.assert_array_equal(read(encode(flat, "JPEG2000")), grey(RGB))
    deep = Image.fromarray(np.array(flat).astype(np.uint16) * 257)
    for bare in (False, True):
        np.testing.assert_array_equal(read(encode(deep, "JPEG2000", no_jp2=bare)), grey(RGB))
    clear = Image.fromarray(np.dstack([RGB, np.zeros(RGB.shape[:2], np.uint8)]))
    assert (read(encode(clear, "JPEG2000")) == 255).all()


def test_the_declared_size_is_checked_before_decoding() -> None:
    with pytest.raises(UnreadableImage, match="megapixels"):
        read(changed(SIZ + 4, "II", 60_000, 60_000))
    with pytest.raises(UnreadableImage, match=r"more than 0\.005 megapixels"):
        read(JP2, limits=Limits(max_pixels=5000))
    at = JP2.index(b"ihdr") + 4
    with pytest.raises(UnreadableImage, match="two sizes"):
        read(changed(at, "II", 73, 96, data=JP2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (changed(SIZ + 20, "II", 1, 1), "6912 tiles"),
        (changed(SIZ + 20, "II", 0, 96), "outside"),
        (changed(SIZ + 12, "II", 96, 0), "size of the JPEG 2000 is damaged"),
        (changed(SIZ + 36, "H", 257), "257 components"),
        (changed(SIZ + 36, "H", 2), "size of the JPEG 2000 is damaged"),
        (changed(SIZ + 38, "B", 37), "38 bits"),
        (changed(SIZ + 39, "B", 255), "subsampled"),
        (changed(COD + 2, "H", 65535, data=changed(COD, "B", 1)), r"coding style|packets"),
        (changed(COD + 5, "B", 33), "coding style"),
        (J2K[:COD], r"cut off|ends"),
        (J2K[:-40], "cut off"),
        (J2K[:2] * 2, r"ends|not a picture"),
        (JP2[: JP2.index(b"jp2c") - 4], "holds no picture"),
        (JP2[:12] + struct.pack(">I4s", 8, b"free") * 2000 + JP2[12:], "too many boxes"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        read(data)


def test_small_files_that_would_fill_the_memory_are_refused() -> None:
    large = changed(SIZ + 4, "II", 7000, 7000)
    large = changed(SIZ + 20, "II", 7000, 7000, data=large)
    with pytest.raises(UnreadableImage, match="larger than"):  # one tile of 147 million samples
        read(large)
    tiled = changed(SIZ + 20, "II", 3500, 3500, data=large)
    blocks = changed(COD + 6, "BB", 0, 0, data=tiled)  # code blocks of 4 x 4
    with pytest.raises(UnreadableImage, match="too many code blocks"):
        read(blocks)
    layers = changed(COD + 2, "H", 65535, data=tiled)
    with pytest.raises(UnreadableImage, match="too many packets"):
        read(layers)


def test_the_parts_of_tiles_are_counted_exactly() -> None:
    written = encode(PICTURE, "JPEG2000", no_jp2=True, tile_size=(40, 40))
    stream = Codestream.of(written)
    assert (stream.x.tiles, stream.y.tiles) == (3, 2)
    # tiles of 40, 40 and 16 in parts of 16: 0 to 48, 32 to 80, 80 to 96
    assert stream.x.parts(0, 4) == 3 + 3 + 1
    assert stream.x.parts(2, 4) == 1 + 2 + 1  # 0 to 10, 10 to 20, 20 to 24


def test_a_palette_that_takes_long_is_refused() -> None:
    at = JP2.index(b"colr") - 4
    box = struct.pack(">I4sHB", 11, b"pclr", 65535, 255)
    head = JP2.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", JP2, head)
    data = JP2[:head] + struct.pack(">I", length + 11) + JP2[head + 4 : at] + box + JP2[at:]
    with pytest.raises(UnreadableImage, match="palette"):
        read(data)


@given(st.sampled_from([JP2, J2K]), st.floats(0.01, 0.999))
@settings(max_examples=80)
def test_no_part_of_a_file_is_taken_for_the_whole(data: bytes, part: float) -> None:
    with pytest.raises(UnreadableImage):
        read(data[: int(part * len(data))])


@given(
    st.sampled_from([JP2, J2K]),
    st.lists(st.tuples(st.integers(4, 260), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=200)
def test_a_changed_file_gives_a_picture_or_an_error_soon(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    spoilt = bytearray(data)
    for at, byte in changes:
        spoilt[at] = byte
    start = time.process_time()
    with contextlib.suppress(UnreadableImage):
        assert read(bytes(spoilt), limits=Limits(max_pixels=4_000_000)).ndim == 3
    assert time.process_time() - start < 3
