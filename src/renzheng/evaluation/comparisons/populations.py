"""Further populations of a calibration, and whether its promised rates hold among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets import people, table
from renzheng.datasets.types import People
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.calibration import Compared
from renzheng.evaluation.comparisons.measurement import (
    Measurement,
    count_people_pairs,
    promised_thresholds,
)
from renzheng.evaluation.comparisons.scores import Array
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.sampling import split_people
from renzheng.evaluation.statistics.bootstrap import Estimate, Progress, bootstrap
from renzheng.verification.calibration import Calibration

# Fewer people have fewer than 30 pairs, the number that the rule of 30 asks for.
_MIN_FITTED = 9


@dataclass(frozen=True, eq=False)
class Sample:
    """The people who stand for a population.

    Attributes
    ----------
    name
        The name of the population.
    people
        Its people, who are all compared with one another.
    covered
        Whether the promised rate is held to the population.
    """

    name: str
    people: People
    covered: bool


@dataclass(frozen=True)
class Kept:
    """A promised rate beside the one observed among people whom it was not fitted on.

    Attributes
    ----------
    population, covered
        The name of the population, and whether the promise is held to it.
    people
        The number of its people who were compared.
    promised, threshold
        A false match rate, and the distance that the calibration gives to it.
    fmr
        The rate observed at that distance.
    """

    population: str
    covered: bool
    people: int
    promised: float
    threshold: float
    fmr: Estimate

    @property
    def broken(self) -> bool:
        """Whether the whole interval of the observed rate lies above the promised one."""
        return bool(np.isfinite(self.fmr.low) and self.fmr.low > self.promised)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "population": self.population,
            "covered": self.covered,
            "people": self.people,
            "promised_fmr": self.promised,
            "threshold": self.threshold,
            "observed_fmr": self.fmr.to_dict(),
        }


def read(options: Sequence[tuple[str, bool]], taken: Sequence[str] = ()) -> list[Sample]:
    """Read the populations that options name.

    Parameters
    ----------
    options
        ``NAME=FOLDER_OR_TABLE`` and whether the promise is held to that population. A folder holds
        one folder for each person, or pictures each of which shows another person; a table has the
        columns ``picture`` and, unless every picture shows another person, ``person``.
    taken
        Names that are already in use.

    Raises
    ------
    InvalidInput
        If an option is not of this form, a name is given twice, or a place holds fewer than two
        people.
    """
    found: list[Sample] = []
    places: list[tuple[str, Path, bool]] = []
    for text, covered in options:
        name, place = _parsed(text)
        if name in (*taken, *(each[0] for each in places)):
            raise InvalidInput(
                f"two populations are called {name!r}", remedy="give each a name of its own"
            )
        places.append((name, place, covered))
    for name, place, covered in places:
        if place.is_dir():
            members = people.read_any(place)
        elif place.exists():
            members = table.read_people(place, one_picture_each=True)
        else:
            raise InvalidInput(
                f"there is no folder or table of the population {name!r}", source=str(place)
            )
        found.append(Sample(name, members, covered))
    return found


def _parsed(text: str) -> tuple[str, Path]:
    name, sign, place = text.partition("=")
    name, place = name.strip(), place.strip()
    if not sign or not name or not place:
        raise InvalidInput(
            f"a population is given as NAME=FOLDER_OR_TABLE, not {text!r}",
            remedy='for example --population "East Asian women=faces/women"',
        )
    if not name.isprintable():
        raise InvalidInput(f"a population's name must be text on one line, not {name!r}")
    return name, Path(place)


def check_sizes(samples: Sequence[Sample], hold_out: float, seed: int) -> None:
    """Refuse populations that are too small to fit and test on, before any work is done.

    Raises
    ------
    InvalidInput
        If one of them is.
    """
    for each in samples:
        tested = split_people(each.people.person, hold_out, seed)
        fitted, held = (len(np.unique(each.people.person[part])) for part in (~tested, tested))
        if fitted < _MIN_FITTED or (hold_out and held < 2):
            raise InvalidInput(
                f"the population {each.name!r} has too few people: {fitted} to fit on"
                + (f" and {held} to test on" if hold_out else "")
                + f"; at least {_MIN_FITTED}"
                + (" and 2" if hold_out else "")
                + " are needed",
                source=each.people.name,
                remedy="give pictures of more people",
            )


def observe(
    compared: Compared,
    calibration: Calibration,
    *,
    draws: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Kept]:
    """Compare the promised rates with those of comparisons that were not fitted on.

    Parameters
    ----------
    compared
        The comparisons.
    calibration
        The calibration that promises the rates.
    draws, seed, progress
        As in `bootstrap`.
    """
    scores = compared.scores
    promised = promised_thresholds(calibration)
    cuts = np.array([threshold for threshold, _ in promised])

    def statistics(weight: Array | None) -> dict[str, Array]:
        return {"fmr": WeightedScores(scores, weight).drawn_fmr_at(cuts)}

    found = bootstrap(scores.person, statistics, draws, seed=seed, progress=progress)
    observed = found.estimates("fmr", count_people_pairs(scores))
    return [
        Kept(
            population=compared.name,
            covered=compared.covered,
            people=scores.people,
            promised=rate,
            threshold=threshold,
            fmr=fmr,
        )
        for (threshold, rate), fmr in zip(promised, observed, strict=True)
    ]


def kept_of_measurement(name: str, measurement: Measurement) -> list[Kept]:
    """Return the promised rates of the main population, which its measurement already holds."""
    return [
        Kept(name, True, measurement.people, each.promised, each.threshold, each.fmr)
        for each in measurement.promises
    ]
