"""Pages of a TIFF that call themselves reduced are passed over."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from hostile import drawing
from renzheng.errors import UnreadableImage
from renzheng.images import read, tiff

RGB = drawing()
SMALL = np.ascontiguousarray(RGB[::3, ::3])
NEW, OLD = 254, 255


def pages(*given: tuple[np.ndarray, int, int], order: str = "<") -> bytes:
    """A TIFF of uncompressed pages, each with its subfile tag and that tag's value."""
    data = (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    link = 4
    for pixels, subfile, value in given:
        body = len(data)
        data += pixels.tobytes() + bytes(pixels.size % 2)
        bits = len(data)
        data += struct.pack(order + "HHH", 8, 8, 8)
        height, width = pixels.shape[:2]
        tags = [(subfile, value)] if subfile == NEW else []
        tags += [(subfile, value)] if subfile == OLD else []
        tags += [(256, width), (257, height), (258, bits), (259, 1), (262, 2), (273, body)]
        tags += [(277, 3), (278, height), (279, pixels.size)]
        data = data[:link] + struct.pack(order + "I", len(data)) + data[link + 4 :]
        data += struct.pack(order + "H", len(tags))
        for tag, each in tags:
            kind, count = (3, 3) if tag == 258 else (4, 1)
            data += struct.pack(order + "HHII", tag, kind, count, each)
        link = len(data)
        data += bytes(4)
    return data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("subfile", "reduced"), [(NEW, 1), (NEW, 5), (NEW, 4), (OLD, 2)])
def test_the_first_full_page_is_read(order: str, subfile: int, reduced: int) -> None:
    full = (RGB, subfile, 0)
    preview = (SMALL, subfile, reduced)
    np.testing.assert_array_equal(read(pages(preview, full, order=order)), RGB)
    np.testing.assert_array_equal(read(pages(preview, preview, full, order=order)), RGB)
    np.testing.assert_array_equal(read(pages(full, preview, order=order)), RGB)


def test_a_file_of_reduced_pages_alone_gives_its_first() -> None:
    data = pages((SMALL, NEW, 1), (RGB, NEW, 1))
    np.testing.assert_array_equal(read(data), SMALL)


def test_an_ordinary_page_of_several_keeps_its_place() -> None:
    data = pages((RGB, NEW, 2), (SMALL, NEW, 2))  # bit 1: a page of several
    np.testing.assert_array_equal(read(data), RGB)


def test_pages_that_lead_in_a_circle_end() -> None:
    data = bytearray(pages((SMALL, NEW, 1)))
    data[-4:] = data[4:8]
    assert tiff.main_page(bytes(data)) == 0
    np.testing.assert_array_equal(read(bytes(data)), SMALL)


def test_values_of_a_passed_over_page_count_too() -> None:
    # a preview, then a page whose tag holds two million values
    data = pages((SMALL, NEW, 1), (RGB, NEW, 0))
    at = data.rindex(struct.pack("<HH", 259, 4))
    data = data[:at] + struct.pack("<HHII", 259, 4, 2_000_000, 8) + data[at + 12 :]
    with pytest.raises(UnreadableImage, match="too many values"):
        read(data + bytes(16_000_000))


def test_pillow_writes_no_page_that_is_passed_over(tmp_path: object) -> None:
    first, second = Image.fromarray(RGB), Image.fromarray(SMALL)
    path = f"{tmp_path}/two.tif"
    first.save(path, save_all=True, append_images=[second])
    np.testing.assert_array_equal(read(path), RGB)
