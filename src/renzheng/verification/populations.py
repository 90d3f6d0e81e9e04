"""The populations behind a false match rate, in words, for every place that shows one."""

from __future__ import annotations

from collections.abc import Sequence

from renzheng.types import PopulationRate
from renzheng.verification.calibration import Calibration


def measured_on(rates: Sequence[PopulationRate]) -> str:
    """Return the covered populations with their rates at a distance; empty where there are none."""
    covered = [each for each in rates if each.covered]
    listed = ", ".join(f"{each.population} {each}" for each in covered)
    return f"{listed}; the worst counts" if len(covered) > 1 else listed


def not_covered(rates: Sequence[PopulationRate]) -> str:
    """Return the populations that the promise leaves out, with their rates; empty without any."""
    return ", ".join(f"{each.population}: {each}" for each in rates if not each.covered)


def of_calibration(calibration: Calibration | None) -> str:
    """Return the populations of a calibration, without rates; empty if it names none.

    For the places that show many rates at once: a gallery's candidates, a batch's rows.
    """
    populations = () if calibration is None else calibration.populations
    covered = [
        f"{each.name} (extrapolated below {each.resolution:.2g})"
        for each in populations
        if each.covered
    ]
    stated = [each.name for each in populations if not each.covered]
    listed = ", ".join(covered)
    if len(covered) > 1:
        listed += "; the worst counts"
    if stated:
        listed += f"{'; ' if listed else ''}not covered: {', '.join(stated)}"
    return listed
