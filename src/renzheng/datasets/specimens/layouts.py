"""The layouts of specimen documents, read from ``layouts.toml``.

All lengths are millimetres, all places distances from the card's top left corner.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

MM_AN_INCH = 25.4
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
    """A line of text on every card of the layout; `anchor` is Pillow's."""

    x: float
    y: float
    words: str
    size: float
    colour: str = "on_accent"
    anchor: str = "ls"


@dataclass(frozen=True)
class Field:
    """An entry about the holder: a label, and its value below or `beside` mm to the right.

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
    """The place of something small: its centre, width and height."""

    x: float
    y: float
    width: float
    height: float = 0.0


@dataclass(frozen=True)
class MachineLines:
    """The machine-readable zone: `kind` is ``td1`` or ``td3``, `baselines` has one y a line."""

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
        Texts for people.
    size
        The card's width and height.
    portrait
        Left, top and width of the main portrait.
    schemes
        The colour schemes that the document is printed in.
    overprint
        The centre and width of the word SPECIMEN.
    ghost
        The centre of the ghost portrait; None where there is none.
    radius
        The radius of the card's corners.
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
        """Height of the main portrait."""
        return self.portrait[2] / PORTRAIT_RATIO


def _layout(name: str, table: Mapping[str, Any]) -> Layout:
    """Make a layout of its table: rows are the arguments of `Band`, `Text`, `Field` and `Spot`."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    for key, kind in (("bands", Band), ("texts", Text), ("fields", Field)):
        values[key] = tuple(kind(*row) for row in table[key])
    for key in {"overprint", "emblem", "chip", "signature"} & set(table):
        values[key] = Spot(*table[key])
    if zone := table.get("machine_lines"):
        values["machine_lines"] = MachineLines(**{**zone, "baselines": tuple(zone["baselines"])})
    return Layout(name, **values)


def _read() -> dict[str, Layout]:
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        return {name: _layout(name, table) for name, table in tomllib.load(file).items()}


LAYOUTS: Mapping[str, Layout] = MappingProxyType(_read())
