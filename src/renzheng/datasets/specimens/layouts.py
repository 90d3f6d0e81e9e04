"""What documents look like, as data.

All lengths are millimetres, all places distances from the card's top left corner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MM_AN_INCH = 25.4
ID_1 = (85.60, 53.98)  # ISO/IEC 7810: identity cards, driving licences
ID_1_UPRIGHT = (53.98, 85.60)
ID_3 = (125.0, 88.0)  # ISO/IEC 7810: a passport's page
PORTRAIT_RATIO = 35 / 45  # width over height, ICAO Doc 9303


@dataclass(frozen=True)
class Band:
    """A rectangle of one of the scheme's colours."""

    left: float
    top: float
    width: float
    height: float
    colour: str = "accent"


@dataclass(frozen=True)
class Text:
    """Words that are on every card of the layout; `anchor` is Pillow's."""

    x: float
    y: float
    words: str
    size: float
    colour: str = "on_accent"
    anchor: str = "ls"


@dataclass(frozen=True)
class Field:
    """One entry about the holder: a label, and the value below it or (`beside`) to its right.

    `x`, `y` is the left end of the label's baseline; a value wider than `width` is set smaller.
    """

    key: str
    label: str
    x: float
    y: float
    width: float
    size: float = 2.45
    beside: float = 0.0


@dataclass(frozen=True)
class Spot:
    """Where something small stands, by its centre."""

    x: float
    y: float
    width: float
    height: float = 0.0


@dataclass(frozen=True)
class MachineLines:
    """The machine-readable zone: `kind` is ``td1`` or ``td3``, `baselines` one a line."""

    kind: str
    left: float
    pitch: float
    baselines: tuple[float, ...]
    size: float
    top: float


@dataclass(frozen=True)
class Layout:
    """A kind of document.

    Attributes
    ----------
    name, description
        For people.
    size
        Width and height in mm.
    portrait
        Left, top and width of the main portrait.
    schemes
        The colour schemes it is printed in.
    ghost
        The centre of the ghost portrait; None where there is none.
    radius
        Of the card's corners.
    """

    name: str
    description: str
    size: tuple[float, float]
    portrait: tuple[float, float, float]
    schemes: tuple[str, ...]
    bands: tuple[Band, ...]
    texts: tuple[Text, ...]
    fields: tuple[Field, ...]
    overprint: Spot
    ghost: tuple[float, float] | None = None
    emblem: Spot | None = None
    chip: Spot | None = None
    signature: Spot | None = None
    machine_lines: MachineLines | None = None
    radius: float = 3.18  # ISO/IEC 7810

    @property
    def portrait_height(self) -> float:
        """Of the main portrait."""
        return self.portrait[2] / PORTRAIT_RATIO


_LAYOUTS = (
    Layout(
        "id1-left",
        "identity card: portrait left, ghost right, three machine-readable lines",
        ID_1,
        (4.0, 9.2, 24.8),
        ("teal", "violet", "green"),
        bands=(Band(0, 0, 85.6, 7.1), Band(0, 7.1, 85.6, 0.35, "highlight")),
        texts=(
            Text(11.2, 5.0, "UTOPIA", 3.9),
            Text(28.6, 5.0, "IDENTITY CARD", 2.5),
            Text(81.6, 5.0, "SPECIMEN", 2.9, "highlight", "rs"),
        ),
        fields=(
            Field("surname", "Surname", 31.6, 11.4, 50),
            Field("given", "Given names", 31.6, 17.4, 50),
            Field("birth", "Date of birth", 31.6, 23.4, 17),
            Field("sex", "Sex", 51.0, 23.4, 12),
            Field("nationality", "Nationality", 31.6, 29.4, 17),
            Field("number", "Document no.", 51.0, 29.4, 14.2),
            Field("issued", "Issued", 31.6, 35.4, 17),
            Field("expires", "Expires", 51.0, 35.4, 14.2),
        ),
        overprint=Spot(49, 30.5, 34),
        ghost=(73.7, 31.0),
        emblem=Spot(7.0, 3.55, 5.0),
        machine_lines=MachineLines("td1", 4.0, 2.587, (45.9, 49.0, 52.1), 2.6, 42.3),
    ),
    Layout(
        "id1-right",
        "identity card: chip left, portrait right, ghost left below the chip",
        ID_1,
        (56.6, 9.6, 25.0),
        ("blue", "sand", "rose"),
        bands=(Band(0, 1.6, 85.6, 0.5, "highlight"), Band(0, 2.1, 85.6, 5.2)),
        texts=(
            Text(4.5, 5.9, "REPUBLIC OF UTOPIA", 2.9),
            Text(81.6, 5.9, "SPECIMEN ID", 2.9, "highlight", "rs"),
        ),
        fields=(
            Field("surname", "Surname", 22.6, 13.0, 32),
            Field("given", "Given names", 22.6, 19.4, 32),
            Field("birth", "Date of birth", 22.6, 25.8, 16.5),
            Field("sex", "Sex", 42.0, 25.8, 12),
            Field("nationality", "Nationality", 22.6, 32.2, 16.5),
            Field("place", "Place of birth", 42.0, 32.2, 13),
            Field("number", "Card no.", 22.6, 38.6, 16.5),
            Field("issued", "Issued", 42.0, 38.6, 13, 2.0),
            Field("expires", "Valid until", 22.6, 45.0, 16.5),
        ),
        overprint=Spot(38, 30, 32),
        ghost=(12.0, 40.2),
        chip=Spot(11.6, 20.6, 12.4, 10.4),
        signature=Spot(69.1, 47.6, 20, 5.5),
    ),
    Layout(
        "id1-plain",
        "identity card without a ghost: portrait left, chip right",
        ID_1,
        (5.0, 11.0, 23.6),
        ("sand", "blue", "green"),
        bands=(
            Band(0, 46.6, 85.6, 7.4),
            Band(0, 46.1, 85.6, 0.5, "highlight"),
        ),
        texts=(
            Text(5.0, 7.4, "UTOPIA", 4.4, "accent"),
            Text(32.6, 7.4, "SPECIMEN IDENTITY CARD", 2.7, "accent"),
            Text(5.0, 51.4, "Printed for tests", 2.1),
            Text(80.6, 51.4, "Not a document", 2.1, "on_accent", "rs"),
        ),
        fields=(
            Field("surname", "Surname", 32.6, 13.0, 48, 2.8),
            Field("given", "Given names", 32.6, 19.6, 32),
            Field("birth", "Date of birth", 32.6, 26.0, 17),
            Field("sex", "Sex", 52.0, 26.0, 10),
            Field("number", "Card no.", 32.6, 32.4, 17),
            Field("expires", "Expires", 52.0, 32.4, 15),
        ),
        overprint=Spot(48.5, 29.5, 32),
        emblem=Spot(76.5, 6.4, 7.4),
        chip=Spot(73.4, 24.2, 12.4, 10.4),
        signature=Spot(47, 41.2, 26, 6.0),
    ),
    Layout(
        "licence",
        "driving licence: numbered entries, small portrait left, small ghost right",
        ID_1,
        (5.0, 15.4, 18.4),
        ("rose", "violet", "teal"),
        bands=(Band(4.6, 3.2, 11.6, 8.4),),
        texts=(
            Text(10.4, 9.0, "UTO", 3.3, "on_accent", "ms"),
            Text(19.4, 7.6, "DRIVING LICENCE", 4.0, "accent"),
            Text(19.4, 11.0, "UTOPIA", 2.3, "accent"),
            Text(80.6, 11.0, "SPECIMEN", 2.9, "overprint", "rs"),
        ),
        fields=(
            Field("surname", "1.", 27.0, 17.2, 40, 2.6, 3.6),
            Field("given", "2.", 27.0, 21.2, 40, 2.6, 3.6),
            Field("birth", "3.", 27.0, 25.2, 17, 2.3, 3.6),
            Field("place", "", 48.5, 25.2, 19, 2.3, 0.1),
            Field("issued", "4a.", 27.0, 29.2, 17, 2.3, 3.6),
            Field("authority", "4c.", 48.5, 29.2, 16.5, 2.3, 4.4),
            Field("expires", "4b.", 27.0, 33.2, 17, 2.3, 3.6),
            Field("number", "5.", 27.0, 37.2, 17, 2.6, 3.6),
            Field("categories", "9.", 27.0, 48.4, 30, 2.9, 3.6),
        ),
        overprint=Spot(45, 29, 36),
        ghost=(74.6, 38.8),
        emblem=Spot(74.6, 21.0, 11.0),
        signature=Spot(37, 42.3, 19, 4.6),
    ),
    Layout(
        "residence",
        "residence permit: an upright card, portrait left, ghost right",
        ID_1_UPRIGHT,
        (4.4, 12.6, 26.0),
        ("green", "rose", "blue"),
        bands=(
            Band(0, 0, 53.98, 10.2),
            Band(0, 10.2, 53.98, 0.4, "highlight"),
            Band(0, 82.0, 53.98, 3.6),
        ),
        texts=(
            Text(4.4, 4.7, "RESIDENCE PERMIT", 3.0),
            Text(4.4, 8.4, "UTOPIA", 2.4),
            Text(49.6, 8.4, "SPECIMEN", 2.4, "highlight", "rs"),
        ),
        fields=(
            Field("surname", "Surname", 4.4, 49.6, 45),
            Field("given", "Given names", 4.4, 55.8, 45),
            Field("birth", "Date of birth", 4.4, 62.0, 20),
            Field("sex", "Sex", 27.6, 62.0, 20),
            Field("nationality", "Nationality", 4.4, 68.2, 20),
            Field("number", "Permit no.", 27.6, 68.2, 20),
            Field("expires", "Valid until", 4.4, 74.4, 20),
            Field("place", "Issued at", 27.6, 74.4, 22),
        ),
        overprint=Spot(27, 65, 40),
        ghost=(41.7, 36.0),
        chip=Spot(41.7, 18.4, 11.0, 9.2),
    ),
    Layout(
        "passport",
        "passport page: portrait left, ghost right, two machine-readable lines",
        ID_3,
        (5.6, 14.6, 35.0),
        ("blue", "violet", "sand"),
        bands=(Band(5.6, 10.4, 113.8, 0.4, "highlight"),),
        texts=(
            Text(14.6, 8.2, "UTOPIA", 4.6, "accent"),
            Text(46.0, 8.2, "PASSPORT", 3.4, "accent"),
            Text(119.4, 8.2, "SPECIMEN", 3.4, "overprint", "rs"),
            Text(46.0, 14.4, "Type", 1.7, "label"),
            Text(46.0, 17.4, "P", 2.6, "ink"),
        ),
        fields=(
            Field("country", "Code of State", 57.0, 14.4, 12, 2.6),
            Field("number", "Passport no.", 78.0, 14.4, 30, 2.6),
            Field("surname", "Surname", 46.0, 21.6, 70, 2.8),
            Field("given", "Given names", 46.0, 28.6, 48, 2.8),
            Field("nationality", "Nationality", 46.0, 35.6, 22, 2.6),
            Field("birth", "Date of birth", 46.0, 42.6, 22, 2.6),
            Field("sex", "Sex", 71.0, 42.6, 10, 2.6),
            Field("place", "Place of birth", 71.0, 35.6, 24, 2.6),
            Field("issued", "Date of issue", 46.0, 49.6, 22, 2.6),
            Field("expires", "Date of expiry", 71.0, 49.6, 22, 2.6),
            Field("authority", "Authority", 46.0, 56.6, 47, 2.6),
        ),
        overprint=Spot(70, 40, 54),
        ghost=(108.0, 45.6),
        emblem=Spot(9.6, 6.6, 7.0),
        machine_lines=MachineLines("td3", 6.6, 2.54, (73.0, 80.4), 3.1, 65.4),
        radius=2.0,
    ),
)
LAYOUTS: Mapping[str, Layout] = MappingProxyType({layout.name: layout for layout in _LAYOUTS})
