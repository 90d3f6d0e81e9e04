"""Further populations of a calibration: who they are, and whether the promise holds among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets import people, table
from renzheng.datasets.types import People
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.calibration import Compared, split_people
from renzheng.evaluation.comparisons.measurement import (
    Measurement,
    count_people_pairs,
    promised_thresholds,
)
from renzheng.evaluation.statistics.bootstrap import (
    Estimate,
    Progress,
    Weighted,
    interval,
    replicates,
)
from renzheng.verification.calibration import Calibration

# Fewer have fewer than 30 pairs, the least that a rate can be told from.
_FEWEST_FITTED = 9


@dataclass(frozen=True, eq=False)
class Sample:
    """People of a population.

    Attributes
    ----------
    name
        The population's.
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
        Which population, and whether the promise is held to it.
    people
        How many people of it were compared.
    promised, threshold
        A false match rate, and the distance that the calibration gives to it.
    fmr
        Observed at that distance.
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
        """Plain values for JSON."""
        return {
            "population": self.population,
            "covered": self.covered,
            "people": self.people,
            "promised_fmr": self.promised,
            "threshold": self.threshold,
            "observed_fmr": self.fmr.to_dict(),
        }


def read(asked: Sequence[tuple[str, bool]], taken: Sequence[str] = ()) -> list[Sample]:
    """Read the populations that options name.

    Parameters
    ----------
    asked
        ``NAME=FOLDER_OR_TABLE`` and whether the promise is held to that population. A folder holds
        one folder for each person, or pictures each of which shows another person; a table has the
        columns ``picture`` and, unless every picture shows another person, ``person``.
    taken
        Names that others have already.

    Raises
    ------
    InvalidInput
        If an option is not of this form, a name comes twice, or there are no two people in a place.
    """
    found: list[Sample] = []
    places: list[tuple[str, Path, bool]] = []
    for text, covered in asked:
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
            members = table.read_people(place, each_another=True)
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
        raise InvalidInput(f"a population's name is words on one line, not {name!r}")
    return name, Path(place)


def check(samples: Sequence[Sample], hold_out: float, seed: int) -> None:
    """Refuse populations that are too small to be fitted and tested on, before the work.

    Raises
    ------
    InvalidInput
        If one is.
    """
    for each in samples:
        tested = split_people(each.people.person, hold_out, seed)
        fitted, held = (len(np.unique(each.people.person[part])) for part in (~tested, tested))
        if fitted < _FEWEST_FITTED or (hold_out and held < 2):
            raise InvalidInput(
                f"the population {each.name!r} has too few people: {fitted} to fit on"
                + (f" and {held} to test on" if hold_out else "")
                + f", where {_FEWEST_FITTED}"
                + (" and 2" if hold_out else "")
                + " at least are needed",
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
    """Hold the promised rates against comparisons that the calibration was not fitted on.

    Parameters
    ----------
    compared
        The comparisons.
    calibration
        The promise.
    draws, seed, progress
        The bootstrap's over people.
    """
    scores = compared.scores
    promised = promised_thresholds(calibration)
    cuts = np.array([threshold for threshold, _ in promised])
    plain, pairs = Weighted(scores), count_people_pairs(scores)
    drawn = [
        np.where(cuts <= scores.complete_to, weighted.fmr_at(cuts), np.nan)
        for weighted in replicates(scores, draws, seed=seed, progress=progress)
    ]
    return [
        Kept(
            population=compared.name,
            covered=compared.covered,
            people=scores.people,
            promised=rate,
            threshold=threshold,
            fmr=interval(float(plain.fmr_at(threshold)), [row[k] for row in drawn], pairs),
        )
        for k, (threshold, rate) in enumerate(promised)
    ]


def of_measurement(name: str, measurement: Measurement) -> list[Kept]:
    """Return the same for the main population, whose measurement has it already."""
    return [
        Kept(name, True, measurement.people, each.promised, each.threshold, each.fmr)
        for each in measurement.promises
    ]
