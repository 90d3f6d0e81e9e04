"""Face image records as chips hold them, and the picture in them.

Read are EF.DG2 of a passport (ICAO Doc 9303-10, "Data Group 2", with the templates of ISO/IEC
7816-11), the face image record of ISO/IEC 19794-5:2005 and the face image data block of ISO/IEC
39794-5:2019 in DER. Nothing is believed: every length and count must fit, and the picture is then
read as any other file is. Whether the issuer has signed the data group is not checked here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from renzheng.errors import UnreadableImage
from renzheng.images import tlv
from renzheng.images.containers import container_of
from renzheng.types import FeaturePoint, Origin

_GROUP, _TEMPLATE = 0x7F61, 0x7F60
_COUNT, _BLOCK, _BLOCK_CONSTRUCTED = 0x02, 0x5F2E, 0x7F2E
_SECURED = 0x7D  # ISO/IEC 7816-11: a template under secure messaging
_FACE_DATA_BLOCK = 0x65  # [APPLICATION 5] of ISO/IEC 39794-5

_MAX_FACES = 100  # chips hold one; the count of ISO/IEC 19794-5 has two bytes
_MAX_POINTS = 100  # that are kept; MPEG-4 and ISO/IEC 19794-5 know 88
_PICTURES = ("JPEG", "JPEG 2000", "PNG")

OLD, NEW = "ISO/IEC 19794-5", "ISO/IEC 39794-5"
# How many points each group of MPEG-4 has from the second on: ISO/IEC 39794-5 numbers them through.
_GROUP_SIZES = (14, 14, 6, 4, 4, 1, 10, 15, 10, 6, 4)


@dataclass(frozen=True)
class _Face:
    picture: bytes
    points: tuple[FeaturePoint, ...]


def extract(data: bytes) -> tuple[bytes, Origin]:
    """Return the file of the first face's picture, and what its record says of it.

    The data is what `container_of` calls a face record.

    Raises
    ------
    UnreadableImage
        If the record is damaged, incomplete, encrypted or of an unknown version.
    """
    if data.startswith(b"FAC\0"):
        return _first("face record", OLD, _of_19794(data))
    whole = tlv.first(data)
    if whole.tag == _FACE_DATA_BLOCK:
        return _first("face record", NEW, _of_39794(whole))
    group = whole.find(_GROUP)
    if group is None:
        raise UnreadableImage("the data group holds no biometric templates")
    return _of_group(group)


def _of_group(group: tlv.Element) -> tuple[bytes, Origin]:
    number = group.find(_COUNT)
    count = None if number is None else number.integer()
    templates = group.all(_TEMPLATE)
    if not templates and group.find(_SECURED) is not None:
        raise UnreadableImage("the face in the data group is encrypted")
    if not templates or count != len(templates):
        raise UnreadableImage(
            f"the data group states {'no number of' if count is None else count} faces"
            f" and holds {len(templates)}"
        )
    encoding, faces = "", list[_Face]()
    if len(templates) > _MAX_FACES:
        raise UnreadableImage("the data group holds too many faces")
    for template in templates:
        kind, found = _of_template(template)
        encoding = encoding or kind
        faces += found
    return _first("EF.DG2", encoding, faces)


def _of_template(template: tlv.Element) -> tuple[str, list[_Face]]:
    plain = template.find(_BLOCK)
    if plain is not None:
        return OLD, _of_19794(plain.value)
    block = template.find(_BLOCK_CONSTRUCTED)
    if block is None:
        raise UnreadableImage("a biometric template holds no face")
    if block.value.startswith(b"FAC\0"):  # written so by some before ISO/IEC 39794
        return OLD, _of_19794(block.value)
    new = block.find(0xA1, _FACE_DATA_BLOCK) or block.find(_FACE_DATA_BLOCK)
    if new is not None:
        return NEW, _of_39794(new)
    plain = block.find(_BLOCK)
    if plain is None:
        raise UnreadableImage("a biometric template holds no face")
    return OLD, _of_19794(plain.value)


def _first(container: str, encoding: str, faces: list[_Face]) -> tuple[bytes, Origin]:
    face = faces[0]
    if container_of(face.picture) not in _PICTURES:
        raise UnreadableImage(f"the face record holds no {' or '.join(_PICTURES)}")
    return face.picture, Origin(container, 1, len(faces), encoding, face.points)


def _of_19794(data: bytes) -> list[_Face]:
    """Read a record of ISO/IEC 19794-5:2005: header, then a block a face (clauses 5.4 to 5.7)."""
    try:
        mark, version, length, count = struct.unpack_from(">4s4sIH", data)
        if mark != b"FAC\0":
            raise UnreadableImage("a biometric template holds no face record")
        if version != b"010\0":
            shown = version[:3].decode("ascii", "replace")
            raise UnreadableImage(
                f"the face record is of version {shown!r}; that of ISO/IEC 19794-5:2005, '010', is"
                " read"
            )
        if length > len(data):
            raise UnreadableImage("the face record is cut off")
        if not 1 <= count <= _MAX_FACES:
            raise UnreadableImage(f"the face record states {count} faces")
        faces, at = [], 14
        for _ in range(count):
            face, at = _of_block(data, at, length)
            faces.append(face)
    except struct.error:
        raise UnreadableImage("the face record is cut off") from None
    if at != length:
        raise UnreadableImage("the face record states a wrong length")
    return faces


def _of_block(data: bytes, at: int, end: int) -> tuple[_Face, int]:
    """Read one face: facial information, feature points, image information and the picture."""
    size, count = struct.unpack_from(">IH", data, at)
    picture = at + 20 + 8 * count + 12
    if at + size > end or picture >= at + size:
        raise UnreadableImage("the face record states a wrong length")
    points = []
    for k in range(min(count, _MAX_POINTS)):
        kind, code, x, y = struct.unpack_from(">BBHH", data, at + 20 + 8 * k)
        if kind == 1:  # a point of MPEG-4: group and number have a half of the byte each
            points.append(FeaturePoint(f"{code >> 4}.{code & 15}", x, y))
    return _Face(data[picture : at + size], tuple(points)), at + size


def _of_39794(block: tlv.Element) -> list[_Face]:
    """Read FaceImageDataBlock: the representations, each with a picture in two dimensions.

    The choices of the schema are tagged explicitly, everything else implicitly.
    """
    representations = block.find(0xA1)
    found = [] if representations is None else representations.all(0x30)
    if len(found) > _MAX_FACES:
        raise UnreadableImage("the face record holds too many faces")
    faces: list[_Face] = []
    for each in found:
        # imageRepresentation, base, imageRepresentation2DBlock, representationData2D
        picture = each.find(0xA1, 0xA0, 0xA0, 0x80)
        if picture is not None:
            points = () if faces else _landmarks(each.find(0xA9))
            faces.append(_Face(picture.value, points))
    if not faces:
        raise UnreadableImage("the face record holds no face")
    return faces


def _landmarks(blocks: tlv.Element | None) -> tuple[FeaturePoint, ...]:
    """Return the landmarks that are points of MPEG-4 with a place in the picture."""
    points = []
    for block in [] if blocks is None else blocks.all(0x30)[:_MAX_POINTS]:
        # landmarkKind, base, mpeg4FeaturePoint, code; landmarkCoordinates, base, Cartesian 2D
        kind = block.find(0xA0, 0xA0, 0xA0, 0x80)
        place = block.find(0xA1, 0xA0, 0xA0)
        if kind is None or place is None:
            continue
        x, y = place.find(0x80), place.find(0x81)
        code = _code(kind.integer())
        if x is None or y is None or code is None:
            continue
        across, down = x.integer(), y.integer()
        if across is not None and down is not None:
            points.append(FeaturePoint(code, across, down))
    return tuple(points)


def _code(number: int | None) -> str | None:
    """Return group and number of a point that is numbered through, from 0 for point 2.1."""
    if number is None or number < 0:
        return None
    for group, size in enumerate(_GROUP_SIZES, start=2):
        if number < size:
            return f"{group}.{number + 1}"
        number -= size
    return None
