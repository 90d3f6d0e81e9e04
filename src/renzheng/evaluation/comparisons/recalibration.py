"""A pack with a calibration of one's own: fit on some people, test on the others, write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.datasets.types import Pairs, People, Picture
from renzheng.errors import InvalidInput, PackError
from renzheng.evaluation.acquisition import Embeddings
from renzheng.evaluation.comparisons import populations as further
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.calibration import (
    Compared,
    Reliability,
    fit,
    reliability,
    split_people,
)
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.comparisons.populations import Kept, Sample
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.study import Study
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.types import Floats
from renzheng.verification.calibration import Calibration


@dataclass(frozen=True, eq=False)
class Recalibration:
    """What came of it.

    Attributes
    ----------
    pack
        As written.
    calibration
        The pack's own.
    held_out
        What the calibration did on the people whom it was not fitted on; None if nobody was.
    reliability
        Of its likelihood ratios on them.
    populations
        Whether the promised rates held in each population, on its people who were held out; empty
        if nobody was.
    """

    pack: Pack
    calibration: Calibration
    held_out: Study | None
    reliability: Reliability | None
    populations: tuple[Kept, ...] = ()


def check(output: Path, hold_out: float) -> None:
    """Refuse what cannot end well, before the work.

    Raises
    ------
    InvalidInput
        If `hold_out` is not a share below 1.
    PackError
        If something is at `output` already.
    """
    if not 0 <= hold_out < 1:
        raise InvalidInput(f"the share to hold out must be 0 or more and below 1, not {hold_out:g}")
    if output.exists():
        raise PackError("there is something already", source=str(output), remedy="name another")


def recalibrate(
    evaluator: Evaluator,
    data: Pairs | People,
    output: Path,
    *,
    cross: bool = False,
    hold_out: float = 0.5,
    name: str | None = None,
    populations: Sequence[Sample] = (),
    command: str = "",
) -> Recalibration:
    """Fit a calibration and write the evaluator's pack with it.

    Parameters
    ----------
    evaluator
        Its pack is calibrated, its settings hold.
    data
        Pairs, or people who are all compared with one another.
    output
        The new pack's folder.
    cross
        With pairs: whether every reference is compared with every probe.
    hold_out
        The share of people who are tested on and not fitted on. Impostor comparisons between a
        person of either side are used for neither.
    name
        The name of the people of `data` where a rate is shown, by default the data's.
    populations
        Further people. The promised rate is the highest among `data` and the covered ones.
    command
        For the provenance.

    Raises
    ------
    InvalidInput
        If the data is too little to fit or to test on.
    PackError
        If the pack cannot be written.
    """
    check(output, hold_out)
    seed = evaluator.settings.seed
    name = data.name if name is None else name
    _check_names([name, *(each.name for each in populations)])
    further.check(populations, hold_out, seed)
    embedded: Embeddings
    if isinstance(data, Pairs):
        data, _, embedded = evaluator.embed_pairs(data)
    else:
        data, _, embedded = evaluator.embed_people(data)
    tested = split_people(data.person, hold_out, seed)
    if any(len(np.unique(data.person[part])) < 2 for part in (tested, ~tested) if part.any()):
        raise InvalidInput(
            f"{len(np.unique(data.person))} people are too few to fit on some and test on others",
            source=data.name,
            remedy="give more people, or hold none out: --hold-out 0",
        )
    pack = evaluator.verifier.pack
    origin = {
        "data": data.name,
        "data_digest": embedded.digest,
        "pack": pack.name,
        "pack_digest": pack.digest,
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
    held_out, found = None, None
    kept: list[Kept] = []
    if hold_out:
        scores, pictures = _scores(data, embedded.rows, tested, cross)
        for kind, count in (("genuine", len(scores.genuine)), ("impostor", scores.impostors)):
            if not count:
                raise InvalidInput(
                    f"the people held out have no {kind} comparison",
                    source=data.name,
                    remedy="hold out more, or none: --hold-out 0",
                )
        held_out = replace(
            evaluator.study(
                f"{data.name}: the people held out",
                scores,
                pictures,
                embedded.select(np.flatnonzero(tested)),
                calibration,
            ),
            problems=tuple(data.problems),
            rejected=len(data.problems),
        )
        found = reliability(scores, calibration)
        kept += further.of_measurement(name, held_out.measurement)
        for _, others in both:
            if others is not None:
                kept += further.observe(
                    others,
                    calibration,
                    draws=evaluator.settings.draws,
                    seed=seed,
                    progress=evaluator.step(f"drawing people ({others.name})"),
                )
    written = _write(pack, calibration, output, held_out, kept)
    return Recalibration(written, calibration, held_out, found, tuple(kept))


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or not name.isprintable():
            raise InvalidInput(f"a population's name is words on one line, not {name!r}")
        if names.count(name) > 1:
            raise InvalidInput(
                f"two populations are called {name!r}", remedy="give each a name of its own"
            )


def _compared(
    evaluator: Evaluator, sample: Sample, hold_out: float
) -> tuple[Compared, Compared | None]:
    """A population's comparisons to fit on, and those to test on if people are held out."""
    people, rows, embedded = evaluator.embed_people(sample.people)
    acquired = np.isfinite(rows[:, 0])
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
    """Comparisons among the chosen pictures, bool (pictures,), and what their indices mean."""
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
    return Scores.of_pairs(pairs, rows), data.pictures


def _write(
    pack: Pack,
    calibration: Calibration,
    output: Path,
    held_out: Study | None,
    kept: Sequence[Kept],
) -> Pack:
    table = calibration.to_dict()
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
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
        {"calibration.json": content},
        {
            "version": f"{pack.version.partition('+')[0]}+calibrated",
            "limits": limits,
            "calibration": {
                **{key: value for key, value in origin.items() if value is not None},
                **measured,
            },
        },
    )
