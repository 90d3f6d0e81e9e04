"""JPEG 2000 (ISO/IEC 15444-1) before a decoder sees it: its size, and what would fill the memory.

OpenJPEG takes memory for every tile, precinct, code block and packet that the markers declare, long
before a coefficient is there. A few hundred bytes can declare millions of them, so all are counted
here, from the codestream itself rather than from the boxes around it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from renzheng.errors import UnreadableImage

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ

_COD, _COC, _POC, _SOT, _SOD = 0xFF52, 0xFF53, 0xFF5F, 0xFF90, 0xFF93

_MAX_BOXES = 1000  # files hold some ten
_MAX_SEGMENTS = 10_000  # of a header; encoders write some ten
_MAX_COLOURS = 1024  # of a palette (clause I.5.3.4)
_MAX_COMPONENTS = 4
_MAX_BITS = 16
_MAX_SAMPLES = 100_000_000  # of one tile, 4 bytes each: RGB of 33 Mpx without tiles
# OpenJPEG keeps the parameters of each tile; cameras and scanners write 256 x 256 or larger.
_MAX_TILES = 4096
_MAX_TILE_PARTS = 20_000
# 0.3 KB each, measured on 526,000; 64 Mpx of RGB in usual code blocks, 64 x 64, have 63,000
_MAX_BLOCKS = 600_000
_MAX_PACKETS = 1_000_000
_MAX_PROGRESSIONS = 64  # each walks over all packets
_MAX_STYLES = 64  # different ones; encoders write one


@dataclass(frozen=True)
class _Axis:
    """One side of the picture on the reference grid: where it lies, and how it is tiled."""

    start: int
    end: int
    tile_start: int
    tile: int

    @property
    def tiles(self) -> int:
        return _ceil(self.end - self.tile_start, self.tile)

    def parts(self, shift: int, log: int) -> int:
        """Count the parts of 2**log that the tiles have in it, scaled down by 2**shift."""
        total = 0
        for k in range(self.tiles):
            low = _ceil(max(self.tile_start + k * self.tile, self.start), 1 << shift)
            high = _ceil(min(self.tile_start + (k + 1) * self.tile, self.end), 1 << shift)
            total += max(0, _ceil(high, 1 << log) - (low >> log))
        return total


@dataclass
class Codestream:
    """The codestream of a picture; `of` finds it in a file.

    Attributes
    ----------
    width, height
        The size that it declares, in pixels.
    """

    data: bytes
    x: _Axis
    y: _Axis
    components: int
    _layers: int = 1
    _styles: set[bytes] = field(default_factory=set)

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.x.end - self.x.start

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.y.end - self.y.start

    @classmethod
    def of(cls, data: bytes) -> Codestream:
        """Return the codestream of a file, or of a bare one.

        Raises
        ------
        UnreadableImage
            If there is none, or its size is damaged.
        """
        start, end = (0, len(data)) if data.startswith(CODESTREAM) else _codestream(data)
        try:
            return cls._of_size(data[start:end])
        except struct.error:
            raise UnreadableImage("the JPEG 2000 ends in its header") from None

    @classmethod
    def _of_size(cls, data: bytes) -> Codestream:
        """Read the SIZ marker (clause A.5.1)."""
        length, _, *grid, components = struct.unpack_from(">HHIIIIIIIIH", data, 4)
        x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0 = grid
        if not 1 <= components <= _MAX_COMPONENTS:
            raise UnreadableImage(f"the JPEG 2000 has {components} components")
        if length != 38 + 3 * components:
            raise UnreadableImage("the size of the JPEG 2000 is damaged")
        for k in range(components):
            depth, step_x, step_y = struct.unpack_from(">BBB", data, 42 + 3 * k)
            if (depth & 0x7F) + 1 > _MAX_BITS:
                raise UnreadableImage(f"the JPEG 2000 has {(depth & 0x7F) + 1} bits a sample")
            if not (1 <= step_x <= 4 and 1 <= step_y <= 4):
                raise UnreadableImage("the JPEG 2000 is subsampled beyond use")
        x, y = _Axis(x0, x1, tile_x0, tile_x), _Axis(y0, y1, tile_y0, tile_y)
        for axis in (x, y):
            if not axis.tile_start <= axis.start < axis.end:
                raise UnreadableImage("the size of the JPEG 2000 is damaged")
            if axis.tile_start + axis.tile <= axis.start:
                raise UnreadableImage("the tiles of the JPEG 2000 lie outside it")
        return cls(data, x, y, components)

    def check(self) -> None:
        """Check that it is whole, and takes no more memory and time than its size explains.

        Raises
        ------
        UnreadableImage
            If it is or does not.
        """
        try:
            self._check()
        except struct.error:
            raise UnreadableImage("the JPEG 2000 ends in its header") from None

    def _check(self) -> None:
        tiles = self.x.tiles * self.y.tiles
        if tiles > _MAX_TILES:
            raise UnreadableImage(f"the JPEG 2000 has {tiles} tiles")
        samples = min(self.x.tile, self.width) * min(self.y.tile, self.height) * self.components
        if samples > _MAX_SAMPLES:
            megapixels = _MAX_SAMPLES / self.components / 1e6
            raise UnreadableImage(
                f"a tile of the JPEG 2000 is larger than {megapixels:.3g} megapixels"
            )
        coded = False
        for marker, body, after in _segments(self.data, 2, len(self.data)):
            if marker == _SOT:
                if coded:
                    self._check_tile_parts(body - 4, tiles)
                    return
                break
            self._check_segment(marker, body, after)
            coded = coded or marker == _COD
        raise UnreadableImage("the JPEG 2000 states no coding style")

    def _check_segment(self, marker: int, body: int, after: int) -> None:
        if marker in (_COD, _COC):
            self._check_style(marker, self.data[body:after])
        elif marker == _POC and (after - body) // 7 > _MAX_PROGRESSIONS:
            raise UnreadableImage("the JPEG 2000 has too many progressions")

    def _check_tile_parts(self, at: int, tiles: int) -> None:
        """Walk over the tile-parts (clause A.4.2); those of all tiles must be there."""
        seen: set[int] = set()
        for _ in range(_MAX_TILE_PARTS):
            if self.data[at : at + 2] != b"\xff\x90":
                break
            _, tile, length = struct.unpack_from(">HHI", self.data, at + 2)
            seen.add(tile)
            end = at + length if length else len(self.data)  # 0: it is the last
            if 0 < length < 14 or end > len(self.data):
                raise UnreadableImage("the JPEG 2000 is cut off")
            for marker, body, after in _segments(self.data, at + 12, end):
                self._check_segment(marker, body, after)
            at = end
        else:
            raise UnreadableImage("the JPEG 2000 has too many tile-parts")
        if len(seen) != tiles or max(seen) >= tiles:
            raise UnreadableImage("tiles of the JPEG 2000 are missing")

    def _check_style(self, marker: int, body: bytes) -> None:
        """Check COD or COC (clauses A.6.1 and A.6.2)."""
        if marker == _COD:
            style, _, self._layers, _ = struct.unpack_from(">BBHB", body)
            rest = body[5:]
        else:
            style, rest = body[1] if len(body) > 1 else 0, body[2:]
        levels, width, height = struct.unpack_from(">BBB", rest)
        if levels > 32 or width + height > 8 or self._layers == 0:
            raise UnreadableImage("the coding style of the JPEG 2000 is damaged")
        sizes = rest[5 : 5 + levels + 1] if style & 1 else b"\xff" * (levels + 1)
        if len(sizes) <= levels:
            raise UnreadableImage("the coding style of the JPEG 2000 is damaged")
        key = bytes((levels, width, height)) + sizes + self._layers.to_bytes(2, "big")
        if key in self._styles:
            return
        self._styles.add(key)
        if len(self._styles) > _MAX_STYLES:
            raise UnreadableImage("the JPEG 2000 has too many coding styles")
        blocks = packets = 0
        for resolution, size in enumerate(sizes):
            shift, log_x, log_y = levels - resolution, size & 15, size >> 4
            packets += self.x.parts(shift, log_x) * self.y.parts(shift, log_y)
            # A precinct has half the sides in each of the subbands; the lowest resolution has none.
            half = min(resolution, 1)
            bands = 3 if resolution else 1
            block_x = min(width + 2, max(log_x - half, 0))
            block_y = min(height + 2, max(log_y - half, 0))
            blocks += (
                bands * self.x.parts(shift + half, block_x) * self.y.parts(shift + half, block_y)
            )
        if blocks * self.components > _MAX_BLOCKS:
            raise UnreadableImage("the JPEG 2000 has too many code blocks")
        if packets * self.components * self._layers > _MAX_PACKETS:
            raise UnreadableImage("the JPEG 2000 has too many packets")


def _codestream(data: bytes) -> tuple[int, int]:
    """Return where the first codestream lies in a file of boxes (annex I)."""
    size = None
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"jp2h" and size is None:
            size = _check_header_box(data, start, end)
        elif kind == b"jp2c":
            if size is None:
                raise UnreadableImage("the JPEG 2000 has no header box before its picture")
            if data[start : start + 4] != CODESTREAM:
                raise UnreadableImage("the JPEG 2000 holds no codestream")
            coded = struct.unpack_from(">8I", data.ljust(start + 40, b"\0"), start + 8)
            if size != (coded[0] - coded[2], coded[1] - coded[3]):
                raise UnreadableImage("the JPEG 2000 states two sizes")
            return start, end
    raise UnreadableImage("the JPEG 2000 holds no picture")


def _check_header_box(data: bytes, start: int, end: int) -> tuple[int, int]:
    size = None
    for kind, at, stop in _boxes(data, start, end):
        if kind == b"ihdr" and stop - at >= 14:
            height, width = struct.unpack_from(">II", data, at)
            size = width, height
        elif kind == b"pclr" and stop - at >= 3:
            colours, columns = struct.unpack_from(">HB", data, at)
            if colours > _MAX_COLOURS or columns > _MAX_COMPONENTS:
                raise UnreadableImage("the JPEG 2000 has too many colours in its palette")
    if size is None:
        raise UnreadableImage("the JPEG 2000 has no image header")
    return size


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MAX_BOXES):
        if end - at < 8:
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1 and end - at >= 16:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if length == 0:  # to the end of the file
            length = end - at
        if length < head or length > end - at:
            raise UnreadableImage("the JPEG 2000 is cut off, or one of its boxes is damaged")
        yield kind, at + head, at + length
        at += length
    raise UnreadableImage("the JPEG 2000 has too many boxes")


def _segments(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each marker with the start and the end of its parameters, up to the coded data."""
    for _ in range(_MAX_SEGMENTS):
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _SOD:
            return
        if marker < 0xFF00 or length < 2 or at + 2 + length > end:
            raise UnreadableImage("a marker of the JPEG 2000 is damaged, or it is cut off")
        yield marker, at + 4, at + 2 + length
        at += 2 + length
    raise UnreadableImage("the JPEG 2000 has too many markers")


def _ceil(value: int, by: int) -> int:
    return -(-value // by)
