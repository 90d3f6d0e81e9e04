"""Elements of tag, length and value: BER-TLV as in chips (ISO/IEC 7816-4), and DER (X.690)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from renzheng.errors import UnreadableImage

_MAX_ELEMENTS = 256  # of one parent; records have some ten
_MAX_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Element:
    """One element of a file; its children are read on demand.

    Attributes
    ----------
    tag
        Its one or two bytes as a number.
    data
        The whole file.
    start, end
        The bytes of its value in the file.
    """

    tag: int
    data: bytes
    start: int
    end: int

    @property
    def value(self) -> bytes:
        """The bytes of the value."""
        return self.data[self.start : self.end]

    def children(self) -> list[Element]:
        """Return the elements in its value.

        Raises
        ------
        UnreadableImage
            If they do not fill it exactly.
        """
        return list(_elements(self.data, self.start, self.end))

    def all(self, tag: int) -> list[Element]:
        """Return the children with a tag."""
        return [child for child in self.children() if child.tag == tag]

    def find(self, *path: int) -> Element | None:
        """Return the first element on a path of tags, or None."""
        found: Element | None = self
        for tag in path:
            found = next(iter(found.all(tag)), None) if found is not None else None
        return found

    def integer(self) -> int | None:
        """Return the value as a whole number, or None where it is none of up to 4 bytes."""
        size = self.end - self.start
        return int.from_bytes(self.value, "big", signed=True) if 1 <= size <= 4 else None


def first(data: bytes) -> Element:
    """Return the element that a file begins with; what follows it is ignored.

    Raises
    ------
    UnreadableImage
        If the file ends within it.
    """
    return _element(data, 0, len(data))


def _elements(data: bytes, at: int, end: int) -> Iterator[Element]:
    for _ in range(_MAX_ELEMENTS):
        if at == end:
            return
        element = _element(data, at, end)
        yield element
        at = element.end
    raise UnreadableImage("the record has too many elements")


def _element(data: bytes, at: int, end: int) -> Element:
    head = data[at : min(at + 3 + _MAX_LENGTH_BYTES, end)]
    size = 1
    if head and head[0] & 0x1F == 0x1F:
        size = 2
        if len(head) > 1 and head[1] & 0x80:
            raise UnreadableImage("the record has a tag of an unknown kind")
    if len(head) <= size:
        raise UnreadableImage("the record is cut off")
    tag, length = int.from_bytes(head[:size], "big"), head[size]
    size += 1
    if length & 0x80:
        count = length & 0x7F
        # 0 would mean that the length is not known, which chips and DER do not have.
        if not 1 <= count <= _MAX_LENGTH_BYTES:
            raise UnreadableImage("the record states a length of an unknown kind")
        if len(head) < size + count:
            raise UnreadableImage("the record is cut off")
        length = int.from_bytes(head[size : size + count], "big")
        size += count
    if length > end - at - size:
        raise UnreadableImage("the record is cut off, or states a wrong length")
    return Element(tag, data, at + size, at + size + length)
