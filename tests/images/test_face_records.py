"""A chip's face record and EF.DG2 are read as a picture, and damaged ones are refused soon."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chip_records import EYES, block_39794, ef_dg2, record_19794, template, tlv
from hostile import drawing, encode
from renzheng.errors import UnreadableImage
from renzheng.images import face_records, read, read_pages
from renzheng.images.containers import container_of

RGB = drawing()
JPEG = encode(Image.fromarray(RGB), "JPEG", quality=95)
JP2 = encode(Image.fromarray(RGB), "JPEG2000")
J2K = encode(Image.fromarray(RGB), "JPEG2000", no_jp2=True)
OTHER = encode(Image.fromarray(255 - RGB), "JPEG")

VALID = {
    "19794-5": record_19794(JPEG),
    "39794-5": block_39794(JP2),
    "DG2 of 19794-5": ef_dg2(record_19794(J2K)),
    "DG2 of 39794-5": ef_dg2(block_39794(JPEG)),
}


@pytest.mark.parametrize("name", VALID)
def test_the_picture_and_the_points_are_read(name: str) -> None:
    (page,) = read_pages(VALID[name])
    assert np.abs(page.image.astype(int) - RGB).mean() < 4
    assert page.origin is not None
    assert (page.origin.number, page.origin.count) == (1, 1)
    assert page.origin.container == ("EF.DG2" if "DG2" in name else "face record")
    assert page.origin.encoding == f"ISO/IEC {name.split()[-1]}"
    found = [(each.code, each.x, each.y) for each in page.origin.feature_points]
    assert found == [(f"{group}.{number}", x, y) for group, number, x, y in EYES]


@pytest.mark.parametrize(
    "data",
    [
        record_19794(JPEG, OTHER),
        block_39794(JPEG, OTHER),
        ef_dg2(record_19794(JPEG), record_19794(OTHER)),
    ],
)
def test_the_first_of_several_faces_is_read_and_how_many_is_said(data: bytes) -> None:
    (page,) = read_pages(data)
    assert page.origin is not None
    assert page.origin.count == 2
    assert str(page.origin).endswith("face 1 of 2")
    assert np.abs(page.image.astype(int) - RGB).mean() < 4


def test_a_dump_may_end_in_padding() -> None:
    assert read(VALID["DG2 of 19794-5"] + bytes(300)).shape == RGB.shape


def test_a_record_in_the_constructed_block_is_read_as_some_chips_have_it() -> None:
    inner = tlv(0x7F60, tlv(0xA1, tlv(0x81, b"\2")), tlv(0x7F2E, record_19794(JPEG)))
    data = tlv(0x75, tlv(0x7F61, tlv(0x02, b"\1"), inner))
    assert read(data).shape == RGB.shape


def test_no_more_points_are_kept_than_are_of_use() -> None:
    many = [(2, 1, 5, 5)] * 5000
    (page,) = read_pages(record_19794(JPEG, points=many))
    assert page.origin is not None
    assert len(page.origin.feature_points) == 100


def test_all_points_of_mpeg_4_keep_their_numbers() -> None:
    points = [(4, 6, 1, 2), (7, 1, 3, 4), (9, 15, 5, 6), (11, 6, 7, 40_000), (12, 4, 9, 10)]
    for data in (record_19794(JPEG, points=points), block_39794(JPEG, points=points)):
        (page,) = read_pages(data)
        assert page.origin is not None
        codes = [each.code for each in page.origin.feature_points]
        assert codes == ["4.6", "7.1", "9.15", "11.6", "12.4"]
        assert page.origin.feature_points[3].y == 40_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record_19794(JPEG, version=b"030\0"), "version '030'"),
        (record_19794(), "states 0 faces"),
        (ef_dg2(record_19794(JPEG), count=2), "states 2 faces and holds 1"),
        (ef_dg2(record_19794(JPEG), count=0), "states 0 faces"),
        (ef_dg2(), "states 0 faces and holds 0"),
        (tlv(0x75, tlv(0x7F61, tlv(0x7D, b"secret"))), "encrypted"),
        (tlv(0x75, tlv(0x7F61, tlv(0x02, b"\1"), tlv(0x7F60, b""))), "holds no face"),
        (ef_dg2(b"FAC\0" + bytes(40)), "version"),
        (record_19794(encode(Image.fromarray(RGB), "GIF")), "holds no JPEG"),
        (record_19794(record_19794(JPEG)), "holds no JPEG"),
        (record_19794(*[JPEG] * 101), "states 101 faces"),
        (b"FAC\x00010\x00" + b"\xff" * 40, "cut off"),
        (b"\x75\x80\x7f\x61" + bytes(40), r"wrong|unknown|holds no"),
        (block_39794(), "holds no face"),
        (block_39794(*[JPEG[:200]] * 200), "too many faces"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason) as caught:
        read(data, name="chip.bin")
    assert caught.value.source == "chip.bin"
    assert caught.value.remedy


def test_every_length_that_is_off_by_one_is_noticed() -> None:
    good = bytearray(record_19794(JPEG))
    for at, step in ((11, 1), (11, -1), (17, 1), (17, -1)):  # of the record, of the face
        bad = bytearray(good)
        bad[at] = (bad[at] + step) & 0xFF
        with pytest.raises(UnreadableImage):
            face_records.extract(bytes(bad))


def test_texts_are_no_records() -> None:
    for text in (b"under the name of", b"everything else is well", b"u\x04abcdefgh"):
        assert container_of(text) is None


@given(st.sampled_from(sorted(VALID)), st.floats(0, 1))
@settings(max_examples=120)
def test_no_part_of_a_record_is_taken_for_the_whole(name: str, part: float) -> None:
    data = VALID[name]
    cut = data[: int(part * len(data))]
    if len(cut) < len(data):
        with pytest.raises(UnreadableImage):
            read(cut)


@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
)
@settings(max_examples=250)
def test_a_changed_record_gives_a_picture_or_an_error_soon(
    name: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(VALID[name])
    for at, byte in changes:
        data[at] = byte
    start = time.process_time()
    with contextlib.suppress(UnreadableImage):
        assert read(bytes(data)).ndim == 3
    assert time.process_time() - start < 2


def test_many_elements_take_no_time() -> None:
    flood = tlv(0x04) * 200
    deep = tlv(0x30, *[tlv(0xA1, tlv(0xA0, flood)), tlv(0xA9, *[tlv(0x30, flood)] * 200)])
    data = ef_dg2(tlv(0x65, tlv(0xA0, b""), tlv(0xA1, *[deep] * 100)))
    start = time.process_time()
    with pytest.raises(UnreadableImage):
        read(data)
    with pytest.raises(UnreadableImage, match="too many elements"):
        read(tlv(0x75, tlv(0x7F61, tlv(0x02, b"\1"), tlv(0x04) * 100_000)))
    assert time.process_time() - start < 2


def test_a_template_is_written_as_the_standard_has_it() -> None:
    # 7F60 { A1 { 80, 81, 87, 88 }, 5F2E { FAC } }
    written = template(record_19794(JPEG))
    assert written[:2] == b"\x7f\x60"
    assert (
        b"\xa1\x0f\x80\x02\x01\x01\x81\x01\x02\x87\x02\x01\x01\x88\x02\x00\x08\x5f\x2e" in written
    )
