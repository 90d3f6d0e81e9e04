"""Invented holders of documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from renzheng.datasets.specimens import mrz

# Words for "sample" in many languages, so that nobody mistakes a card for a real one.
_SURNAMES = (
    "MUSTERMANN-LI",
    "SPECIMENSEN",
    "ESEMPIO",
    "DE MUESTRA",
    "PROBENKO",
    "EXEMPLAIRE",
    "VOORBEELD",
    "MINTAY",
    "YANGBEN",
    "AMOSTRA-SOUSA",
    "NEMUNE",
    "PRZYKLADOWA",
)
_GIVEN = (
    "ALEX SAMPLE",
    "ROBIN",
    "KIM TEST",
    "SASHA MARIE",
    "JO",
    "MIKA NOBODY",
    "NOA",
    "LUCA EXAMPLE",
    "SAM",
    "ANDREA",
    "CHARLIE BLANK",
    "YURI",
)
# Imaginary places.
_PLACES = ("AMAUROT", "COCKAIGNE", "EREWHON", "LAPUTA", "SHANGRI-LA", "ATLANTIS")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class Holder:
    """An invented holder: the data that a document shows."""

    surname: str
    given: str
    sex: str
    birth: date
    issued: date
    expires: date
    number: str
    place: str

    def words(self) -> dict[str, str]:
        """Return the printed values by the keys that layouts use."""
        return {
            "surname": self.surname,
            "given": self.given,
            "sex": self.sex,
            "birth": _printed(self.birth),
            "issued": _printed(self.issued),
            "expires": _printed(self.expires),
            "number": self.number,
            "place": self.place,
            "nationality": "UTOPIAN",
            "country": mrz.COUNTRY,
            "authority": f"CITY OF {self.place}",
            "categories": "AM  B",
        }

    def td1(self) -> tuple[str, str, str]:
        """Return the three machine-readable lines of an identity card."""
        return mrz.td1(
            self.number, _six(self.birth), "<", _six(self.expires), self.surname, self.given
        )

    def td3(self) -> tuple[str, str]:
        """Return the two machine-readable lines of a passport."""
        return mrz.td3(
            self.number, _six(self.birth), "<", _six(self.expires), self.surname, self.given
        )


def invent(rng: np.random.Generator) -> Holder:
    """Invent a holder at random."""
    birth = date(1950, 1, 1) + timedelta(days=int(rng.integers(50 * 365)))
    issued = date(2018, 1, 1) + timedelta(days=int(rng.integers(7 * 365)))
    return Holder(
        surname=_SURNAMES[rng.integers(len(_SURNAMES))],
        given=_GIVEN[rng.integers(len(_GIVEN))],
        sex="X",
        birth=birth,
        issued=issued,
        expires=issued + 10 * _YEAR,
        number=f"SPC{int(rng.integers(10**6)):06d}",
        place=_PLACES[rng.integers(len(_PLACES))],
    )


def _printed(day: date) -> str:
    return f"{day.day:02d} {_MONTHS[day.month - 1]} {day.year}"  # strftime depends on the locale


def _six(day: date) -> str:
    return f"{day.year % 100:02d}{day.month:02d}{day.day:02d}"
