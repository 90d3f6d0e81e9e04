"""A portrait study: specimen documents of many people, searched for their main portraits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets import specimens
from renzheng.datasets.types import People, Picture, Problem
from renzheng.errors import RenzhengError
from renzheng.evaluation.portraits.log import OutcomeLog
from renzheng.evaluation.portraits.outcomes import RIGHT, WRONG, TrialOutcome
from renzheng.evaluation.portraits.settings import PortraitSettings
from renzheng.evaluation.portraits.trials import carry_out, draw_trial
from renzheng.evaluation.sampling import first_of_each
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.types import FaceKind

Progress = Callable[[int, int], None]  # trials done, trials in all


@dataclass(frozen=True)
class Row:
    """The outcomes of one kind of document.

    Attributes
    ----------
    kind
        The kind.
    right
        The share with the main portrait chosen among documents where a portrait was chosen.
    lost
        The share with nothing chosen (failure to acquire: missed or refused) among all.
    doubted
        The share with a portrait chosen, and doubt about it, among all.
    ghosts
        The share of ghost portraits recognised as such among those in which a face was found; None
        without any.
    milliseconds
        The median time.
    """

    kind: str
    right: Proportion | None
    lost: Proportion
    doubted: Proportion
    ghosts: Proportion | None
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "right_portrait": None if self.right is None else self.right.to_dict(),
            "failure_to_acquire": self.lost.to_dict(),
            "doubted": self.doubted.to_dict(),
            "ghost_recognised": None if self.ghosts is None else self.ghosts.to_dict(),
            "median_ms": round(self.milliseconds, 1),
        }


@dataclass(frozen=True, eq=False)
class PortraitStudy:
    """The results of the search for main portraits on specimen documents.

    Attributes
    ----------
    name
        The name of the people.
    by_capture, by_turn, by_layout
        Rows of outcomes by kind.
    outcomes
        All outcomes.
    problems
        Photographs from which no document could be made, and documents that were not ``right``.
    """

    name: str
    by_capture: tuple[Row, ...]
    by_turn: tuple[Row, ...]
    by_layout: tuple[Row, ...]
    outcomes: tuple[TrialOutcome, ...]
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "protocol": self.name,
            **{
                name: [row.to_dict() for row in getattr(self, name)]
                for name in ("by_capture", "by_turn", "by_layout")
            },
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "problems": [{"where": p.where, "reason": p.reason} for p in self.problems],
        }


def evaluate_portraits(
    people: People,
    settings: PortraitSettings,
    *,
    log: Path | None = None,
    progress: Progress | None = None,
) -> PortraitStudy:
    """Make a document of everybody in every capture, turned at random, and search it.

    Parameters
    ----------
    people
        The people; the first picture of each is printed.
    settings
        The settings with which documents are made and searched.
    log
        A file of JSON lines: outcomes are added as they come, and those that are already there are
        not computed again.
    progress
        Called with the number of documents done.

    Raises
    ------
    RenzhengError
        If no document could be made, or the log cannot be written or read.
    """
    chosen = first_of_each(people.person, 1)
    if settings.people is not None and settings.people < len(chosen):
        order = np.random.default_rng(settings.seed).permutation(len(chosen))
        chosen = np.sort(chosen[order[: settings.people]])
    pictures = {people.pictures[i].name: people.pictures[i] for i in chosen}
    trials = [
        draw_trial(name, capture, settings.seed)
        for name in pictures
        for capture in settings.captures
    ]
    kept = None if log is None else OutcomeLog(log, settings.stamp(_digest(pictures.values())))
    known = {} if kept is None else kept.known
    outcomes = {trial: known[trial] for trial in trials if trial in known}
    problems: dict[str, str] = {}
    missing = [trial for trial in trials if trial not in outcomes]
    done = len(outcomes)
    for trial, result in carry_out(missing, pictures, settings):
        if isinstance(result, str):
            problems[trial.picture] = result
        else:
            outcomes[trial] = result
            if kept is not None:
                kept.add(result)
        done += 1
        if progress:
            progress(done, len(trials))
    found = [outcomes[trial] for trial in trials if trial in outcomes]
    if not found:
        raise RenzhengError(
            "no document could be made", source=people.name, remedy="; ".join(problems.values())
        )
    return PortraitStudy(
        name=f"{people.name}, main portraits of specimen documents",
        by_capture=_rows(found, settings.captures, lambda o: o.trial.capture),
        by_turn=_rows(found, ["0°", "90°", "180°", "270°"], lambda o: f"{90 * o.trial.turns}°"),
        by_layout=_rows(found, specimens.LAYOUTS, lambda o: o.layout),
        outcomes=tuple(found),
        problems=(
            *people.problems,
            *(Problem(name, reason) for name, reason in problems.items()),
            *(_problem(outcome) for outcome in found if outcome.result != RIGHT),
        ),
    )


def _digest(pictures: Iterable[Picture]) -> str:
    """Return a digest of the pictures' names and of the sizes of their files."""
    digest = hashlib.sha256()
    for picture in pictures:
        source = picture.source
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        digest.update(f"{picture.name}\0{size}\n".encode())
    return digest.hexdigest()


def _rows(
    outcomes: Sequence[TrialOutcome],
    kinds: Iterable[str],
    kind_of: Callable[[TrialOutcome], str],
) -> tuple[Row, ...]:
    rows = []
    for kind in kinds:
        some = [outcome for outcome in outcomes if kind_of(outcome) == kind]
        if not some:
            continue
        results = [outcome.result for outcome in some]
        right, wrong = results.count(RIGHT), results.count(WRONG)
        seen = [o.ghost for o in some if o.ghost not in ("none", "unseen")]
        rows.append(
            Row(
                kind,
                Proportion.exact(right, right + wrong) if right + wrong else None,
                Proportion.exact(len(some) - right - wrong, len(some)),
                Proportion.exact(sum(o.doubt for o in some), len(some)),
                Proportion.exact(seen.count(str(FaceKind.GHOST)), len(seen)) if seen else None,
                1e3 * float(np.median([o.seconds for o in some])),
            )
        )
    return tuple(rows)


def _problem(outcome: TrialOutcome) -> Problem:
    trial = outcome.trial
    where = f"{trial.picture}, {outcome.layout}, {trial.capture}, turned {90 * trial.turns}°"
    return Problem(where, f"{outcome.result} (seed {trial.seed})")
