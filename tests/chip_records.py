"""Data groups and face records as chips hold them, written from the standards' layouts.

EF.DG2: ICAO Doc 9303-10 with the templates of ISO/IEC 7816-11. Face records: ISO/IEC 19794-5:2005,
clauses 5.4 (header), 5.5 (facial information), 5.6 (feature points), 5.7 (image information); and
ISO/IEC 39794-5:2019 in DER, its schema having automatic tags.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

Point = tuple[int, int, int, int]  # group and number in MPEG-4, x, y

EYES: tuple[Point, ...] = ((12, 1, 60, 45), (12, 2, 32, 44))
_BEFORE = dict(zip(range(2, 13), (0, 14, 28, 34, 38, 42, 43, 53, 68, 78, 84), strict=True))


def tlv(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(digits)]) + digits
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + value


def record_19794(
    *pictures: bytes, points: Sequence[Point] = EYES, version: bytes = b"010\0"
) -> bytes:
    blocks = b""
    for picture in pictures:
        features = b"".join(
            struct.pack(">BBHHxx", 1, group << 4 | number, x, y) for group, number, x, y in points
        )
        image = struct.pack(">BBHHBBHH", 1, 0, 0, 0, 1, 2, 0, 0)
        size = 20 + len(features) + len(image) + len(picture)
        blocks += struct.pack(">IH", size, len(points)) + bytes(14) + features + image + picture
    return b"FAC\0" + version + struct.pack(">IH", 14 + len(blocks), len(pictures)) + blocks


def _integer(tag: int, value: int) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def block_39794(*pictures: bytes, points: Sequence[Point] = EYES) -> bytes:
    def landmark(group: int, number: int, x: int, y: int) -> bytes:
        code = _integer(0x80, _BEFORE[group] + number - 1)
        kind = tlv(0xA0, tlv(0xA0, tlv(0xA0, code)))
        place = tlv(0xA1, tlv(0xA0, tlv(0xA0, _integer(0x80, x), _integer(0x81, y))))
        return tlv(0x30, kind, place)

    def representation(number: int, picture: bytes) -> bytes:
        image = tlv(0x80, picture), tlv(0xA1, tlv(0xA0, _integer(0x80, 2)))
        return tlv(
            0x30,
            _integer(0x80, number),
            tlv(0xA1, tlv(0xA0, tlv(0xA0, *image))),
            tlv(0xA9, *(landmark(*each) for each in points)),
        )

    version = tlv(0xA0, _integer(0x80, 3), _integer(0x81, 2019))
    representations = (representation(k, each) for k, each in enumerate(pictures))
    return tlv(0x65, version, tlv(0xA1, *representations))


def template(block: bytes) -> bytes:
    header = tlv(
        0xA1, tlv(0x80, b"\1\1"), tlv(0x81, b"\2"), tlv(0x87, b"\1\1"), tlv(0x88, b"\0\x08")
    )
    old = block.startswith(b"FAC\0")
    return tlv(0x7F60, header, tlv(0x5F2E, block) if old else tlv(0x7F2E, tlv(0xA1, block)))


def ef_dg2(*blocks: bytes, count: int | None = None) -> bytes:
    number = tlv(0x02, bytes([len(blocks) if count is None else count]))
    return tlv(0x75, tlv(0x7F61, number, *(template(block) for block in blocks)))
