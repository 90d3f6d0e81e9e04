"""A pack with a calibration of the user's own: fitted on some people, tested on the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.degradations import captures
from renzheng.datasets.types import Pairs, People, Picture
from renzheng.errors import InvalidInput, PackError
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.calibration import Compared, Reliability, fit, reliability
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.comparisons.populations import (
    Kept,
    Sample,
    check_sizes,
    kept_of_measurement,
    observe,
)
from renzheng.evaluation.comparisons.scores import Scores, pair_distances
from renzheng.evaluation.comparisons.study import Study
from renzheng.evaluation.information.cache import NAME as DEGRADED_CACHE
from renzheng.evaluation.information.fitting import acquire_fitting, fit_levels, kept_levels
from renzheng.evaluation.sampling import split_people
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.types import Floats
from renzheng.verification import detectors
from renzheng.verification.calibration import Calibration


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A recalibrated pack, and how its calibration did on people it was not fitted on.

    Attributes
    ----------
    pack
        The pack as written.
    calibration
        The pack's calibration.
    held_out
        The study of the people held out; None if nobody was.
    reliability
        The reliability of the likelihood ratios on them.
    populations
        The promised rates beside those observed in each population, on its people held out; empty
        if nobody was.
    """

    pack: Pack
    calibration: Calibration
    held_out: Study | None
    reliability: Reliability | None
    populations: tuple[Kept, ...] = ()


def check(output: Path, hold_out: float) -> None:
    """Refuse a share or an output that cannot work, before any work is done.

    Raises
    ------
    InvalidInput
        If `hold_out` is not 0 or more and below 1.
    PackError
        If `output` already exists.
    """
    if not 0 <= hold_out < 1:
        raise InvalidInput(f"the share to hold out must be 0 or more and below 1, not {hold_out:g}")
    if output.exists():
        raise PackError("the path exists already", source=str(output), remedy="name another")


def recalibrate(
    evaluator: Evaluator,
    data: Pairs | People,
    output: Path,
    *,
    cross: bool = False,
    hold_out: float = 0.5,
    name: str | None = None,
    populations: Sequence[Sample] = (),
    degraded: int | None = None,
    command: str = "",
) -> Recalibration:
    """Fit a calibration and write the evaluator's pack with it.

    Parameters
    ----------
    evaluator
        The evaluator whose pack is calibrated.
    data
        Pairs, or people who are all compared with one another.
    output
        The new pack's folder.
    cross
        For pairs: whether every reference is compared with every probe.
    hold_out
        The share of people to test on, who are not fitted on. Impostor comparisons between a person
        of either part are not used at all.
    name
        The name of the people of `data` where a rate is shown, by default that of the data.
    populations
        Further people. The promised rate is the highest among `data` and the covered populations.
    degraded
        The number of people of `data` and of each covered population on whose degraded pictures
        information levels are fitted; None keeps the levels of the pack.
    command
        The command line, for the provenance.

    Raises
    ------
    InvalidInput
        If there is too little data to fit or to test on.
    PackError
        If the pack cannot be written.
    """
    check(output, hold_out)
    seed = evaluator.settings.seed
    if degraded is not None and evaluator.settings.aligned is not None:
        raise InvalidInput(
            "information levels need whole pictures, not aligned crops",
            remedy="keep those of the pack: without --degraded",
        )
    name = data.name if name is None else name
    _check_names([name, *(each.name for each in populations)])
    check_sizes(populations, hold_out, seed)
    if isinstance(data, Pairs):
        data, embedded = evaluator.embed_pairs(data)
    else:
        data, embedded = evaluator.embed_people(data)
    tested = split_people(data.person, hold_out, seed)
    if any(len(np.unique(data.person[part])) < 2 for part in (tested, ~tested) if part.any()):
        raise InvalidInput(
            f"{len(np.unique(data.person))} people are too few to fit on some and test on others",
            source=data.name,
            remedy="give more people, or hold none out: --hold-out 0",
        )
    verifier = evaluator.verifier
    pack = verifier.pack
    origin = {
        "data": data.name,
        "data_digest": embedded.digest,
        "pack": pack.name,
        "pack_digest": pack.digest,
        "detector": detectors.described(verifier.detector_pack),
        "backend": f"{verifier.backend} {verifier.face_models.backend_version}",
        "provider": verifier.face_models.provider,
        "channel": evaluator.settings.channel,
        "held_out": f"{hold_out:.0%} of the people, seed {seed}",
        "command": command,
    }
    both = [_compared(evaluator, each, hold_out) for each in populations]
    scores, _ = _scores(data, embedded.rows, ~tested, cross)
    calibration = fit(
        scores,
        origin,
        population=name,
        data=_described(data.name, scores, embedded.digest),
        others=[fitted for fitted, _ in both],
    )
    old = evaluator.verifier.calibration
    if old is not None:
        calibration = kept_levels(calibration, old)
    if degraded is not None:
        covered = [each.people for each in populations if each.covered]
        fitted = [
            each.select(~split_people(each.person, hold_out, seed))
            for each in (_people_of(data), *covered)
        ]
        calibration = _with_levels(calibration, fitted, degraded, evaluator)
    held_out, found = None, None
    kept: list[Kept] = []
    if hold_out:
        scores, pictures = _scores(data, embedded.rows, tested, cross)
        if scores.missing_kind:
            raise InvalidInput(
                f"the people held out have no {scores.missing_kind} comparison",
                source=data.name,
                remedy="hold out more, or none: --hold-out 0",
            )
        held_out = evaluator.study(
            f"{data.name}: the people held out",
            scores,
            pictures,
            embedded.select(np.flatnonzero(tested)),
            calibration=calibration,
            problems=data.problems,
            rejected=len(data.problems),
        )
        found = reliability(scores, calibration)
        kept += kept_of_measurement(name, held_out.measurement)
        for _, others in both:
            if others is not None:
                kept += observe(
                    others,
                    calibration,
                    draws=evaluator.settings.draws,
                    seed=seed,
                    progress=evaluator.progress_of(f"drawing people ({others.name})"),
                )
    written = _write(pack, calibration, output, held_out, kept)
    return Recalibration(written, calibration, held_out, found, tuple(kept))


def _people_of(data: Pairs | People) -> People:
    if isinstance(data, People):
        return data
    return People(data.name, data.pictures, data.person)


def _with_levels(
    calibration: Calibration, people: Sequence[People], count: int, evaluator: Evaluator
) -> Calibration:
    """Fit information levels on so many people of each population."""
    settings = evaluator.settings
    fitting = [
        acquire_fitting(
            each,
            count,
            evaluator.verifier,
            seed=settings.seed,
            cache=None if settings.cache is None else settings.cache.with_name(DEGRADED_CACHE),
            workers=settings.workers,
            progress=evaluator.progress_of(f"degrading ({each.name})"),
        )
        for each in people
    ]
    names = fitting[0].faces.names
    origin = {
        "degraded": f"{', '.join(str(each.faces.strengths.shape[1]) for each in fitting)} people, "
        f"{len(names) - 1} degradations of captures, revision {captures.REVISION}",
    }
    calibration = replace(calibration, provenance={**calibration.provenance, **origin})
    return fit_levels(calibration, fitting)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or not name.isprintable():
            raise InvalidInput(f"a population's name must be text on one line, not {name!r}")
        if names.count(name) > 1:
            raise InvalidInput(
                f"two populations are called {name!r}", remedy="give each a name of its own"
            )


def _compared(
    evaluator: Evaluator, sample: Sample, hold_out: float
) -> tuple[Compared, Compared | None]:
    """Compare a population: the people to fit on, and those held out, if any, to test on."""
    people, embedded = evaluator.embed_people(sample.people)
    rows, acquired = embedded.rows, embedded.acquired
    if len(np.unique(people.person[acquired])) < 2:
        raise InvalidInput(
            f"fewer than two people of the population {sample.name!r} have a picture with a face",
            source=people.name,
        )
    people, rows = people.select(acquired), rows[acquired]
    tested = split_people(people.person, hold_out, evaluator.settings.seed)
    parts: list[Compared | None] = []
    for chosen in (~tested, tested) if hold_out else (~tested,):
        if len(np.unique(people.person[chosen])) < 2:
            raise InvalidInput(
                f"the population {sample.name!r} has too few people with a face to fit on some and "
                "test on others",
                source=people.name,
                remedy="give pictures of more people",
            )
        scores = compare_all(rows[chosen], people.person[chosen])
        described = _described(people.name, scores, embedded.digest)
        parts.append(Compared(sample.name, described, scores, sample.covered))
    fitted, *held = parts
    assert fitted is not None
    return fitted, held[0] if held else None


def _described(name: str, scores: Scores, digest: str) -> str:
    return (
        f"{name}: {scores.people:,} people, {scores.impostors:,} comparisons of different people; "
        f"data {digest[:12]}"
    )


def _scores(
    data: Pairs | People, rows: Floats, chosen: npt.NDArray[np.bool_], cross: bool
) -> tuple[Scores, Sequence[Picture]]:
    """Compare the chosen pictures, bool (pictures,); return the pictures of the indices as well."""
    if isinstance(data, People):
        part = data.select(chosen)
        return compare_all(rows[chosen], part.person), part.pictures
    if cross:
        references, probes = np.unique(data.reference), np.unique(data.probe)
        scores = compare_all(
            rows,
            data.person,
            references=references[chosen[references]],
            probes=probes[chosen[probes]],
        )
        return scores, data.pictures
    pairs = data.select(chosen[data.reference] & chosen[data.probe])
    return Scores.of_pairs(pairs, pair_distances(pairs, rows)), data.pictures


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration's file, one line for each of its curves."""
    path.write_bytes(_content(calibration))


def _content(calibration: Calibration) -> bytes:
    table = calibration.to_dict()
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _write(
    pack: Pack,
    calibration: Calibration,
    output: Path,
    held_out: Study | None,
    kept: Sequence[Kept],
) -> Pack:
    origin = calibration.provenance
    limits = [
        *pack.manifest.get("limits", []),
        f"Recalibrated on {origin['data']} ({origin['people']} people): false match rates as "
        "stated above are those of the pack it comes from.",
    ]
    measured: dict[str, Any] = {
        "populations": [each.described() for each in calibration.populations]
    }
    if held_out is not None:
        measured["held_out"] = [
            {
                "promised_fmr": p.promised,
                "observed_fmr": float(f"{p.fmr.value:.3g}"),
                "fnmr": float(f"{p.fnmr.value:.3g}"),
            }
            for p in held_out.measurement.promises
            if np.isfinite(p.fnmr.value)
        ]
        measured["held_out_by_population"] = [
            {
                "population": each.population,
                "people": each.people,
                "promised_fmr": each.promised,
                "observed_fmr": float(f"{each.fmr.value:.3g}"),
                **{
                    name: float(f"{value:.3g}")
                    for name, value in (("low", each.fmr.low), ("high", each.fmr.high))
                    if np.isfinite(value)  # an interval that could not be drawn is left out
                },
            }
            for each in kept
        ]
    return packs.save_as(
        pack,
        output,
        {"calibration.json": _content(calibration)},
        {
            "version": f"{pack.version.partition('+')[0]}+calibrated",
            "limits": limits,
            "calibration": {
                **{key: value for key, value in origin.items() if value is not None},
                **measured,
            },
        },
    )
