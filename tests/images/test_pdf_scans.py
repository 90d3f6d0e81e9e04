"""Pages of a PDF are pictures, within limits and in a process of their own."""

from __future__ import annotations

import io
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from hostile import drawing, encode
from renzheng.errors import UnreadableImage
from renzheng.images import Limits, pdf, read, read_pages

RGB = drawing()


def scan(*pictures: Image.Image, dpi: float = 200) -> bytes:
    stream = io.BytesIO()
    first, *more = pictures
    first.save(stream, "PDF", save_all=True, append_images=more, resolution=dpi, quality=95)
    return stream.getvalue()


def page_of(content: bytes, box: str = "0 0 200 200") -> bytes:
    """A PDF of one page that draws `content`."""
    packed = zlib.compress(content, 1)
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[" + box.encode() + b"]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Filter/FlateDecode/Length "
        + str(len(packed)).encode()
        + b">>stream\n"
        + packed
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>"
    )


def test_a_scan_keeps_its_pixels_and_pages_are_told() -> None:
    pytest.importorskip("pypdfium2")
    large = np.kron(RGB, np.ones((4, 4, 1), np.uint8))
    data = scan(Image.fromarray(large), Image.fromarray(255 - large), dpi=300)
    first, second = read_pages(data)
    assert first.image.shape == large.shape  # rendered at the 300 dpi of its picture
    assert np.abs(first.image.astype(int) - large).mean() < 4
    assert np.abs(second.image.astype(int) - (255 - large)).mean() < 4
    assert str(second.origin) == "PDF, page 2 of 2"
    np.testing.assert_array_equal(read(b"\xef\xbb\xbf\n" + data), first.image)


def test_no_more_pages_are_looked_at_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pdf, "MAX_PAGES", 2)
    numbers = [page.origin.number for page in read_pages(scan(*[Image.fromarray(RGB)] * 4))]
    assert numbers == [1, 2]


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.setattr(pdf.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnreadableImage, match=r"pip install 'renzheng\[pdf\]'"):
        read(b"%PDF-1.7\n")


def test_limits_hold_for_pages() -> None:
    pytest.importorskip("pypdfium2")
    data = page_of(b"0 0 1 rg 0 0 99 99 re f", box="0 0 14000 14000")
    page = read(data, limits=Limits(max_pixels=1_000_000))
    assert 980_000 < page.shape[0] * page.shape[1] <= 1_000_000
    strip = page_of(b"", box="0 0 14000 20")
    with pytest.raises(UnreadableImage, match="strip"):
        read(strip)
    huge = scan(Image.fromarray(RGB)).replace(b"/Width 96", b"/Width 99999")
    huge = huge.replace(b"/Height 72", b"/Height 99999")
    with pytest.raises(UnreadableImage, match=r"99999 x 99999|damaged|limits"):
        read(huge)


def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pdf, "_SECONDS", 1.0)
    # millions of shapes, packed into some kilobytes
    endless = page_of(b"0 0 199 199 re f 9 9 m 99 9 9 99 99 99 c s\n" * 1_000_000)
    assert len(endless) < 2 << 20
    with pytest.raises(UnreadableImage, match="takes longer than 1 s"):
        read(endless)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a process's memory")
def test_a_page_that_takes_too_much_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pdf, "_MEMORY", 150 << 20)
    with pytest.raises(UnreadableImage, match=r"memory|limits"):
        read(page_of(b" " * 180_000_000))


@pytest.mark.parametrize("part", [0.05, 0.5])
def test_what_is_damaged_is_refused_or_read_without_harm(part: float) -> None:
    pytest.importorskip("pypdfium2")
    whole = scan(Image.fromarray(RGB))
    with pytest.raises(UnreadableImage) as caught:
        read(whole[: int(part * len(whole))])
    assert caught.value.remedy


def test_a_picture_is_no_pdf_because_it_mentions_one() -> None:
    comment = encode(Image.fromarray(RGB), "PNG") + b"%PDF-1.7"
    np.testing.assert_array_equal(read(comment), RGB)
