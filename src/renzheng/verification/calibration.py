"""Calibrations: false match rate and likelihood ratio by distance, and FPIR from FMR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput, PackError
from renzheng.types import FalseMatchRate, InformationGrade, PopulationRate
from renzheng.verification import rate_curves
from renzheng.verification.information import InformationLevel, grade_of
from renzheng.verification.rate_curves import NO_DISTANCE, six_digits

_ROUNDING = 1e-6  # relative error of a rate that the file rounds to six digits


@dataclass(frozen=True, eq=False)
class Population:
    """A group of people among whom false match rates were measured, with the rates.

    Attributes
    ----------
    name
        The name as shown: ``East Asian women``.
    data
        A sentence on the source of the people's pictures.
    people
        The number of people who were compared with one another.
    covered
        Whether the promised rate holds for this population; else its rates are only stated.
    resolution
        The rate at which 30 different pairs of these people match falsely (rule of 30): below it
        the curve is extrapolated.
    fmr
        float64 (points,): the share of comparisons of two of these people at each of the
        calibration's distances or nearer; never decreasing, above 0.
    """

    name: str
    data: str
    people: int
    covered: bool
    resolution: float
    fmr: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or not self.name.isprintable():
            raise InvalidInput(f"a population's name must be words on one line, not {self.name!r}")
        called = f"the population {self.name!r}"
        if not isinstance(self.data, str):
            raise InvalidInput(f"{called} must say in words where its people come from")
        if isinstance(self.people, bool) or not isinstance(self.people, int) or self.people < 2:
            raise InvalidInput(f"{called} needs two people or more, not {self.people!r}")
        if not isinstance(self.covered, bool):
            raise InvalidInput(f"covered must be true or false in {called}, not {self.covered!r}")
        if not 0 < self.resolution <= 1:
            raise InvalidInput(f"the resolution of {called} must lie above 0 and up to 1")
        rate_curves.check(called, self.fmr)

    def to_dict(self) -> dict[str, Any]:
        """Return the population's part of ``calibration.json``."""
        return {**self.described(), "fmr": six_digits(self.fmr)}

    def described(self) -> dict[str, Any]:
        """Return all but the curve as plain values, for manifests and lists."""
        return {
            "name": self.name,
            "data": self.data,
            "people": self.people,
            "covered": self.covered,
            "resolution": self.resolution,
        }


@dataclass(frozen=True, eq=False)
class Calibration:
    """The error rates at each distance for one pack, measured on impostor and genuine pairs.

    Attributes
    ----------
    distance
        float64 (k,): increasing distances.
    fmr
        float64 (k,): the share of impostor comparisons at that distance or nearer; never
        decreasing, above 0. With `populations` it is the promised rate: at no distance below any
        covered population's.
    fnmr
        float64 (k,): the share of genuine comparisons farther than that distance; for figures
        and reports, no decision rests on it.
    resolution
        The lowest false match rate that the data can support: below the last distance that
        reaches it the answer is "at most `resolution`".
    provenance
        The method, data and date of the measurement.
    llr
        float64 (k,): the natural logarithm of the likelihood ratio at that distance, one person
        over different people; never rising. None where it was not fitted.
    populations
        The populations on which the false match rates were measured, with the rates of each; empty
        where they were not recorded.
    min_strength
        The lowest strength of a comparison at which `fmr` holds (`renzheng.verification.
        information`); None where it was not fitted, and then strengths change nothing.
    weaker
        The rates of weaker comparisons, the strongest first. Below the last no rate is stated.
    nearest_genuine
        The distance below which fewer than one in 10,000 genuine comparisons of different
        photographs lie; None where it was not measured.
    """

    distance: npt.NDArray[np.float64]
    fmr: npt.NDArray[np.float64]
    fnmr: npt.NDArray[np.float64]
    resolution: float
    provenance: Mapping[str, Any] = field(default_factory=dict)
    llr: npt.NDArray[np.float64] | None = None
    populations: tuple[Population, ...] = ()
    min_strength: float | None = None
    weaker: tuple[InformationLevel, ...] = ()
    nearest_genuine: float | None = None

    def __post_init__(self) -> None:
        shapes = {self.distance.shape, self.fmr.shape, self.fnmr.shape}
        if len(shapes) != 1 or self.distance.ndim != 1 or self.distance.size < 2:
            raise InvalidInput("a calibration needs three curves of one length, at least 2 points")
        if not all(np.all(np.isfinite(c)) for c in (self.distance, self.fmr, self.fnmr)):
            raise InvalidInput("a calibration's curves must be finite")
        if np.any(np.diff(self.distance) <= 0):
            raise InvalidInput("a calibration's distances must increase")
        if np.any(np.diff(self.fmr) < 0) or np.any(np.diff(self.fnmr) > 0):
            raise InvalidInput("FMR must not fall and FNMR must not rise with the distance")
        if self.fmr[0] <= 0 or self.fmr[-1] > 1 or self.fnmr[-1] < 0 or self.fnmr[0] > 1:
            raise InvalidInput("a calibration's rates must lie above 0 and up to 1")
        if not 0 < self.resolution <= 1:
            raise InvalidInput("a calibration's resolution must lie above 0 and up to 1")
        llr = self.llr
        if llr is not None:
            if llr.shape != self.distance.shape or not np.all(np.isfinite(llr)):
                raise InvalidInput("a calibration needs one finite likelihood ratio per point")
            if np.any(np.diff(llr) > 0):
                raise InvalidInput("the likelihood ratio must not rise with the distance")
        if self.nearest_genuine is not None and not 0 < self.nearest_genuine < 2:
            raise InvalidInput("the distance of the nearest genuine pairs must lie from 0 to 2")
        self._check_populations()
        self._check_levels()

    def _check_levels(self) -> None:
        if self.min_strength is None:
            if self.weaker:
                raise InvalidInput("information levels need the strength that lies above them all")
            return
        strengths = [self.min_strength, *(each.min_strength for each in self.weaker)]
        if not all(0 < value < float("inf") for value in strengths):
            raise InvalidInput("a calibration's strengths must be above 0")
        if any(below >= above for above, below in pairwise(strengths)):
            raise InvalidInput("the strengths of information levels must fall")
        stronger = self.fmr
        for each in self.weaker:
            if each.fmr.shape != self.distance.shape:
                raise InvalidInput(
                    f"an information level needs one rate per point: {self.distance.size}, "
                    f"not {each.fmr.size}"
                )
            if np.any(each.fmr < stronger * (1 - _ROUNDING)):
                raise InvalidInput("a weaker comparison's rate must not lie below a stronger one's")
            stronger = each.fmr

    def _check_populations(self) -> None:
        names = [each.name for each in self.populations]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise InvalidInput(f"two of a calibration's populations are called {repeated!r}")
        for each in self.populations:
            if each.fmr.shape != self.distance.shape:
                raise InvalidInput(
                    f"the population {each.name!r} needs one rate per point: "
                    f"{self.distance.size}, not {each.fmr.size}"
                )
            # The promised rate must hold for every covered population.
            if each.covered and np.any(self.fmr < each.fmr * (1 - _ROUNDING)):
                raise InvalidInput(
                    f"the promised false match rate lies below that of the covered population "
                    f"{each.name!r}"
                )

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read ``calibration.json``.

        Raises
        ------
        PackError
            If the file is missing or is not a calibration.
        """
        try:
            data = from_json(path.read_text(encoding="utf-8"))
            return cls(
                distance=np.asarray(data["distance"], np.float64),
                fmr=np.asarray(data["fmr"], np.float64),
                fnmr=np.asarray(data["fnmr"], np.float64),
                resolution=float(data["resolution"]),
                provenance=data.get("provenance", {}),
                llr=np.asarray(data["llr"], np.float64) if "llr" in data else None,
                populations=tuple(
                    Population(
                        name=each["name"],
                        data=each.get("data", ""),
                        people=each["people"],
                        covered=each["covered"],
                        resolution=float(each["resolution"]),
                        fmr=np.asarray(each["fmr"], np.float64),
                    )
                    for each in data.get("populations", ())
                ),
                min_strength=data.get("information", {}).get("min_strength"),
                weaker=tuple(
                    InformationLevel(
                        float(each["min_strength"]), np.asarray(each["fmr"], np.float64)
                    )
                    for each in data.get("information", {}).get("weaker", ())
                ),
                nearest_genuine=data.get("nearest_genuine"),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PackError(
                f"not a calibration: {error}", source=str(path), remedy="rebuild the pack"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``calibration.json``."""
        return {
            "resolution": self.resolution,
            "provenance": dict(self.provenance),
            "distance": [round(float(v), 6) for v in self.distance],
            "fmr": six_digits(self.fmr),
            "fnmr": six_digits(self.fnmr),
            **({} if self.llr is None else {"llr": [round(float(v), 4) for v in self.llr]}),
            **(
                {"populations": [each.to_dict() for each in self.populations]}
                if self.populations
                else {}
            ),
            **({} if self.nearest_genuine is None else {"nearest_genuine": self.nearest_genuine}),
            **(
                {}
                if self.min_strength is None
                else {
                    "information": {
                        "min_strength": round(self.min_strength, 4),
                        "weaker": [each.to_dict() for each in self.weaker],
                    }
                }
            ),
        }

    def grade_of(self, strength: float | None) -> InformationGrade:
        """Return how much of a face a comparison of this strength rests on."""
        return grade_of(strength, self.min_strength, self.weaker)

    def llr_at(self, distance: float, strength: float | None = None) -> float | None:
        """Return the natural log-likelihood ratio at a distance; None if it was not fitted.

        Above 0 the evidence is for one person, below for different people. It weighs this very
        distance, where FMR weighs every smaller one as well. In weaker comparisons the ratio is
        lower by as much as the logarithm of their false match rate is higher, and None where that
        is; genuine pairs of such faces lie farther apart too, which is left out of account.

        Parameters
        ----------
        distance, strength
            As in `fmr_at`.
        """
        curve = self.curve_of(strength)
        if self.llr is None or curve is None:
            return None
        ratio = float(np.interp(distance, self.distance, self.llr))
        if curve is self.fmr:
            return ratio
        return ratio - float(np.log(self._read(curve, distance) / self._read(self.fmr, distance)))

    def fmr_at(self, distance: float, strength: float | None = None) -> FalseMatchRate | None:
        """Return the false match rate of a threshold at this distance.

        Between measured points the logarithm of the rate is interpolated linearly: impostor
        tails are close to exponential. Below `resolution` the answer is "at most".

        Parameters
        ----------
        distance
            The Euclidean distance of the unit embeddings.
        strength
            The strength of the comparison (`renzheng.verification.information.of_pair`); None where
            it is unknown, and then the rate is that of faces that show enough.

        Returns
        -------
        FalseMatchRate
            None where no rate holds for so weak a comparison.
        """
        curve = self.curve_of(strength)
        if curve is None:
            return None
        rate = self._read(curve, distance)
        if rate <= self.resolution * (1 + 1e-9):
            return FalseMatchRate(self.resolution, at_most=True)
        return FalseMatchRate(rate, at_most=False)

    def curve_of(self, strength: float | None) -> npt.NDArray[np.float64] | None:
        """Return the false match rates of comparisons of this strength at each of `distance`.

        Parameters
        ----------
        strength
            As in `fmr_at`.

        Returns
        -------
        float64 (k,)
            None where no rate holds for so weak a comparison.
        """
        if strength is None or self.min_strength is None or strength >= self.min_strength:
            return self.fmr
        return next((each.fmr for each in self.weaker if strength >= each.min_strength), None)

    def rates_at(
        self, distance: float, strength: float | None = None
    ) -> tuple[PopulationRate, ...]:
        """Return the false match rate of a threshold at this distance in each population, in order.

        Below a population's own resolution its curve was extrapolated, and the rate says so. No
        covered population's rate is given below the calibration's resolution, and no other one's
        below its own: the answer there is "at most". Empty for comparisons that are weaker than
        those of the populations' pictures.
        """
        if self.curve_of(strength) is not self.fmr:
            return ()
        return tuple(self._rate_in(each, distance) for each in self.populations)

    def _rate_in(self, population: Population, distance: float) -> PopulationRate:
        rate = self._read(population.fmr, distance)
        own = population.resolution
        lowest = self.resolution if population.covered else own
        at_most = rate <= lowest * (1 + 1e-9)
        return PopulationRate(
            population=population.name,
            covered=population.covered,
            value=max(rate, lowest),
            extrapolated=not at_most and rate < own * (1 - 1e-9),
            resolution=own,
            at_most=at_most,
        )

    def _read(self, curve: npt.NDArray[np.float64], distance: float) -> float:
        rate = float(np.exp(np.interp(distance, self.distance, np.log(curve))))
        return min(rate, 1.0)

    def threshold_at(self, max_fmr: float, strength: float | None = None) -> float:
        """Return the largest distance whose false match rate is at most `max_fmr`.

        Parameters
        ----------
        max_fmr
            A false match rate, 0 to 1.
        strength
            As in `fmr_at`.

        Returns
        -------
        float
            `NO_DISTANCE` where none has so low a rate at this strength.

        Raises
        ------
        InvalidInput
            If `max_fmr` is below the calibration's resolution.
        """
        if max_fmr < self.resolution * (1 - 1e-9):
            raise InvalidInput(
                f"the pack's calibration reaches down to a false match rate of "
                f"{self.resolution:.2g}, not to {max_fmr:.2g}",
                remedy="ask for a higher max_fmr, or calibrate the pack on more people",
            )
        curve = self.curve_of(strength)
        if curve is None or (curve is not self.fmr and curve[0] > max_fmr * (1 + 1e-9)):
            return NO_DISTANCE
        if max_fmr >= curve[-1]:
            return float(self.distance[-1])
        # The last of equal rates: np.interp needs increasing abscissae.
        last = np.append(np.diff(curve) > 0, True)
        return float(np.interp(np.log(max_fmr), np.log(curve[last]), self.distance[last]))


def promised_fpir(fmr: npt.ArrayLike, enrolled: float) -> npt.NDArray[np.float64]:
    """Return the FPIR of a search among n people, given the FMR of one comparison.

    It is 1 - (1 - FMR)^n, as if the comparisons of one search were independent. They are not: a
    face near to one impostor is near to others. With f as the false match rate of each search by
    itself, the mean over people is E[1 - (1 - f)^n] <= 1 - (1 - E[f])^n, since 1 - (1 - f)^n is
    concave in f (Jensen): dependence makes fewer searches err than this promises, not more.

    Parameters
    ----------
    fmr
        False match rates, 0 to 1.
    enrolled
        The number of people enrolled, n.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(enrolled * np.log1p(-np.asarray(fmr, np.float64))))


def fmr_for_fpir(max_fpir: float, enrolled: int) -> float:
    """Return the FMR of one comparison that keeps a promised FPIR: `promised_fpir` inverted.

    Raises
    ------
    InvalidInput
        If `max_fpir` is not above 0 and below 1, or nobody is enrolled.
    """
    if not 0 < max_fpir < 1 or enrolled < 1:
        raise InvalidInput(
            f"an FPIR must lie above 0 and below 1, among at least 1 person, not {max_fpir:g} "
            f"among {enrolled}"
        )
    return float(-np.expm1(np.log1p(-max_fpir) / enrolled))
