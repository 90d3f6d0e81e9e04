"""Specimen documents tried on the search for the main portrait, where the truth is known."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from renzheng import images, processes, specimens
from renzheng.channels.portrait import EYES_APART, EYES_DOWN, RATIO
from renzheng.choosing import choose_face
from renzheng.comparison import Policy
from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.evaluation.enrolment import first_of_each
from renzheng.evaluation.proportion import Proportion
from renzheng.evaluation.trial import People, Picture, Problem
from renzheng.findings import of_capture
from renzheng.specimens import Specimen
from renzheng.types import Capture, Effect, Face, Part, Role
from renzheng.verifier import Verifier

Progress = Callable[[int, int], None]  # trials done, trials in all

_EYES_OFF = 0.5  # of the distance between the eyes: further off it is another face

RIGHT, WRONG, REFUSED, MISSED = "right", "wrong", "refused", "missed"


@dataclass(frozen=True)
class Trial:
    """One document.

    Attributes
    ----------
    picture
        Whose portrait: the name of the photograph.
    capture
        How the document was scanned or photographed (`renzheng.specimens.CAPTURES`).
    turns
        Quarter turns clockwise.
    seed
        Of layout, names, wear and camera.
    """

    picture: str
    capture: str
    turns: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of one document.

    Attributes
    ----------
    trial
        Which.
    layout
        What was drawn.
    result
        ``right``: the main portrait was chosen. ``wrong``: something else was. ``refused``: faces
        were found and none was taken. ``missed``: no face was found.
    ghost
        Whether there is a ghost portrait, and if so what it was taken for: a `Part`, ``unseen``
        where no face was found in it, ``none`` where the document has none.
    steps
        What was done to find the face.
    seconds
        From pixels to choice.
    """

    trial: Trial
    layout: str
    result: str
    ghost: str
    steps: str
    seconds: float


@dataclass(frozen=True)
class Row:
    """The outcomes of one kind of document.

    Attributes
    ----------
    kind
        Which.
    right
        The main portrait chosen, of the documents where a portrait was chosen.
    lost
        Nothing chosen (failure to acquire: missed or refused), of all.
    ghosts
        Ghost portraits recognised as such, of those in which a face was found; None without any.
    milliseconds
        The median time.
    """

    kind: str
    right: Proportion | None
    lost: Proportion
    ghosts: Proportion | None
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "right_portrait": None if self.right is None else self.right.to_dict(),
            "failure_to_acquire": self.lost.to_dict(),
            "ghost_recognised": None if self.ghosts is None else self.ghosts.to_dict(),
            "median_ms": round(self.milliseconds, 1),
        }


@dataclass(frozen=True, eq=False)
class PortraitStudy:
    """What the search for portraits does on specimens.

    Attributes
    ----------
    name
        Of the people.
    by_capture, by_turn, by_layout
        Rows.
    outcomes
        All of them.
    problems
        Photographs from which no document could be made, and documents that went wrong.
    """

    name: str
    by_capture: tuple[Row, ...]
    by_turn: tuple[Row, ...]
    by_layout: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "protocol": self.name,
            **{
                name: [row.to_dict() for row in getattr(self, name)]
                for name in ("by_capture", "by_turn", "by_layout")
            },
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "problems": [{"where": p.where, "reason": p.reason} for p in self.problems],
        }


@dataclass(frozen=True)
class Settings:
    """How documents are made and searched.

    Attributes
    ----------
    captures
        Names in `renzheng.specimens.CAPTURES`.
    people
        How many people get documents; None for all.
    seed
        Of everything that is drawn.
    workers
        Processes.
    min_face_size
        As in `Verifier`.
    """

    captures: tuple[str, ...]
    people: int | None = None
    seed: int = 0
    workers: int = 1
    min_face_size: int = 40

    def __post_init__(self) -> None:
        for name in self.captures:
            specimens.get(name)
        if self.people is not None and self.people < 1:
            raise InvalidInput(f"documents of 1 person or more are made, not {self.people}")


def study(
    people: People,
    settings: Settings,
    *,
    log: Path | None = None,
    progress: Progress | None = None,
) -> PortraitStudy:
    """Make a document of everybody, in every capture and turned by chance, and search it.

    Parameters
    ----------
    people
        The first picture of each is printed.
    settings
        How.
    log
        JSON lines: outcomes are added as they come, and what stands there is not done again.
    progress
        Told how many documents are done.

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
    trials = [_trial(name, capture, settings) for name in pictures for capture in settings.captures]
    known = _read(log) if log is not None else {}
    outcomes = {trial: known[trial] for trial in trials if trial in known}
    problems: dict[str, str] = {}
    groups = _by_picture(trial for trial in trials if trial not in outcomes)
    done = len(outcomes)
    for part, results in _work(groups, pictures, settings):
        if isinstance(results, str):
            problems[part[0].picture] = results
        else:
            outcomes.update(zip(part, results, strict=True))
            if log is not None:
                _write(log, results)
        done += len(part)
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


def judge(specimen: Specimen, capture: Capture) -> tuple[str, str]:
    """Whether the main portrait was chosen, and what the ghost was taken for.

    Parameters
    ----------
    specimen
        The document with its truth.
    capture
        What was found in its picture.

    Returns
    -------
    result, ghost
        As in `Outcome`.
    """
    back = np.linalg.inv(capture.preparation.matrix)

    def eyes_in(face: Face, corners: specimens.Corners) -> tuple[float, float]:
        """Where the middle between the eyes lies: shares of the portrait's width and height."""
        middle = face.landmarks[:2].mean(axis=0, dtype=np.float64).reshape(1, 1, 2)
        # Corners count from the first pixel's corner, faces from its centre.
        point = cv2.perspectiveTransform(middle, back) + 0.5
        square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
        across, down = cv2.perspectiveTransform(
            point, cv2.getPerspectiveTransform(corners, square)
        )[0, 0]
        return float(across), float(down)

    def lies_in(face: Face, corners: specimens.Corners) -> bool:
        return all(0 <= share <= 1 for share in eyes_in(face, corners))

    ghost = "none"
    if specimen.ghost is not None:
        candidates = () if capture.choice is None else capture.choice.candidates
        parts = [str(each.part) for each in candidates if lies_in(each.face, specimen.ghost)]
        ghost = parts[0] if parts else "unseen"
    if capture.choice is None:
        return MISSED, ghost
    refused = any(f.effect is Effect.REFUSAL for f in of_capture("reference", capture, Policy()))
    if refused:
        return REFUSED, ghost
    across, down = eyes_in(capture.choice.face, specimen.portrait)
    # The portrait is cut around one face; somebody else in the same photograph is not that face.
    off = np.hypot((across - 0.5), (down - EYES_DOWN) / RATIO)
    return (RIGHT if off <= _EYES_OFF * EYES_APART else WRONG), ghost


def _trial(name: str, capture: str, settings: Settings) -> Trial:
    digest = hashlib.sha256(f"{settings.seed} {capture} {name}".encode()).digest()
    return Trial(name, capture, digest[4] % 4, int.from_bytes(digest[:4], "little"))


def _by_picture(trials: Iterable[Trial]) -> list[list[Trial]]:
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.picture, []).append(trial)
    return list(groups.values())


def _work(
    groups: Sequence[list[Trial]], pictures: Mapping[str, Picture], settings: Settings
) -> Iterable[tuple[list[Trial], list[Outcome] | str]]:
    def load(part: list[Trial]) -> tuple[bytes | Path, list[Trial]]:
        return pictures[part[0].picture].source, part

    if settings.workers < 2 or len(groups) < 4:
        _start(settings.min_face_size, None)
        return ((part, _search(load(part))) for part in groups)
    return processes.in_order(
        groups,
        load,
        _search,
        workers=settings.workers,
        start=_start,
        settings=(settings.min_face_size, 1),
    )


_verifier: Verifier


def _start(min_face_size: int, threads: int | None) -> None:
    global _verifier
    _verifier = Verifier(min_face_size=min_face_size, threads=threads)
    if threads is not None:
        cv2.setNumThreads(threads)


def _search(task: tuple[bytes | Path, list[Trial]]) -> list[Outcome] | str:
    source, trials = task
    try:
        photograph = images.read(source)
    except UnreadableImage as error:
        return error.reason
    faces = _verifier.detect(photograph)
    if not faces:
        return "no face was found to print"
    face = choose_face(faces, (photograph.shape[1], photograph.shape[0]))
    outcomes = []
    for trial in trials:
        made = specimens.make(photograph, face, seed=trial.seed)
        made = specimens.get(trial.capture).apply(made, trial.seed)
        made = specimens.turned(made, trial.turns)
        begun = time.perf_counter()
        capture = _verifier.acquire(made.image, Role.DOCUMENT)
        seconds = time.perf_counter() - begun
        result, ghost = judge(made, capture)
        steps = "; ".join(capture.preparation.steps)
        outcomes.append(Outcome(trial, made.layout, result, ghost, steps, seconds))
    return outcomes


def _rows(
    outcomes: Sequence[Outcome], kinds: Iterable[str], kind_of: Callable[[Outcome], str]
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
                Proportion.exact(seen.count(str(Part.GHOST)), len(seen)) if seen else None,
                1e3 * float(np.median([o.seconds for o in some])),
            )
        )
    return tuple(rows)


def _problem(outcome: Outcome) -> Problem:
    trial = outcome.trial
    where = f"{trial.picture}, {outcome.layout}, {trial.capture}, turned {90 * trial.turns}°"
    return Problem(where, f"{outcome.result} (seed {trial.seed})")


def _read(log: Path) -> dict[Trial, Outcome]:
    if not log.exists():
        return {}
    known = {}
    try:
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                outcome = Outcome(**{**entry, "trial": Trial(**entry["trial"])})
            except (ValueError, TypeError, KeyError):
                continue  # the line that a killed run was writing
            known[outcome.trial] = outcome
    except OSError as error:
        raise RenzhengError(f"it cannot be read: {error.strerror}", source=str(log)) from error
    return known


def _write(log: Path, outcomes: Sequence[Outcome]) -> None:
    try:
        with log.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes)
    except OSError as error:
        raise RenzhengError(
            f"it cannot be written: {error.strerror}",
            source=str(log),
            remedy="name a file in a folder that you may write to, with space left",
        ) from error
