"""Specimen documents tried on the search for the main portrait, where the truth is known."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import renzheng
from renzheng import images
from renzheng._support import processes
from renzheng.datasets import degradations, specimens
from renzheng.datasets.specimens import Specimen
from renzheng.datasets.types import People, Picture, Problem
from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.evaluation.searches.enrolment import first_of_each
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.faces.documents import SEARCH_REVISION
from renzheng.faces.portrait import EYES_APART, EYES_DOWN, RATIO
from renzheng.faces.selection import choose_face
from renzheng.models import packs
from renzheng.types import Capture, Face, FaceKind, Role, Severity
from renzheng.verification.findings import of_capture
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier

Progress = Callable[[int, int], None]  # trials done, trials in all

_LOG = "renzheng evaluate portraits"
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
        How the document was scanned or photographed (`renzheng.datasets.specimens.CAPTURES`).
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
        Whether there is a ghost portrait, and if so what it was taken for: a `FaceKind`, ``unseen``
        where no face was found in it, ``none`` where the document has none.
    doubt
        Whether something was found for which nothing would be called a match.
    steps
        What was done to find the face.
    seconds
        From pixels to choice.
    """

    trial: Trial
    layout: str
    result: str
    ghost: str
    doubt: bool
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
    doubted
        A portrait chosen, and a doubt with it, of all.
    ghosts
        Ghost portraits recognised as such, of those in which a face was found; None without any.
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
        """Plain values for JSON."""
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
        Names in `renzheng.datasets.specimens.CAPTURES`.
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
        # Twice the same document is one document.
        object.__setattr__(self, "captures", tuple(dict.fromkeys(self.captures)))
        for name in self.captures:
            specimens.get(name)
        if self.seed < 0:
            raise InvalidInput(f"a seed is 0 or more, not {self.seed}")
        if self.people is not None and self.people < 1:
            raise InvalidInput(f"documents of 1 person or more are made, not {self.people}")

    def stamp(self, pictures: str) -> dict[str, Any]:
        """What an outcome depends on besides its trial."""
        return {
            "pictures": pictures,
            "seed": self.seed,
            "min_face_size": self.min_face_size,
            "packs": [
                packs.location(n).name for n in (packs.DEFAULT_DETECTOR, packs.DEFAULT_EMBEDDER)
            ],
            "version": renzheng.__version__,
            "revisions": [specimens.REVISION, degradations.REVISION, SEARCH_REVISION],
        }


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
    kept = None if log is None else Log(log, settings.stamp(_digest(pictures.values())))
    known = {} if kept is None else kept.known
    outcomes = {trial: known[trial] for trial in trials if trial in known}
    problems: dict[str, str] = {}
    missing = [trial for trial in trials if trial not in outcomes]
    done = len(outcomes)
    for trial, result in _work(missing, pictures, settings):
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


def judge(specimen: Specimen, capture: Capture) -> tuple[str, str, bool]:
    """Whether the main portrait was chosen, what the ghost was taken for, and any doubt.

    Parameters
    ----------
    specimen
        The document with its truth.
    capture
        What was found in its picture.

    Returns
    -------
    result, ghost, doubt
        As in `Outcome`.
    """
    back = np.linalg.inv(capture.rectification.matrix)

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
        parts = [str(each.kind) for each in candidates if lies_in(each.face, specimen.ghost)]
        ghost = parts[0] if parts else "unseen"
    if capture.choice is None:
        return MISSED, ghost, False
    effects = {finding.severity for finding in of_capture("reference", capture, Policy())}
    if Severity.REFUSAL in effects:
        return REFUSED, ghost, False
    across, down = eyes_in(capture.choice.face, specimen.portrait)
    # The portrait is cut around one face; somebody else in the same photograph is not that face.
    off = np.hypot((across - 0.5), (down - EYES_DOWN) / RATIO)
    result = RIGHT if off <= _EYES_OFF * EYES_APART else WRONG
    return result, ghost, Severity.DOUBT in effects


def _digest(pictures: Iterable[Picture]) -> str:
    """What the pictures are called and how large their files are, in short."""
    digest = hashlib.sha256()
    for picture in pictures:
        source = picture.source
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        digest.update(f"{picture.name}\0{size}\n".encode())
    return digest.hexdigest()


def _trial(name: str, capture: str, settings: Settings) -> Trial:
    digest = hashlib.sha256(f"{settings.seed} {capture} {name}".encode()).digest()
    return Trial(name, capture, digest[4] % 4, int.from_bytes(digest[:4], "little"))


def _work(
    trials: Sequence[Trial], pictures: Mapping[str, Picture], settings: Settings
) -> Iterable[tuple[Trial, Outcome | str]]:
    def load(trial: Trial) -> tuple[bytes | Path, Trial]:
        return pictures[trial.picture].source, trial

    return processes.map_in_order(
        trials,
        partial(_searcher, settings.min_face_size),
        load=load,
        workers=settings.workers,
        worth=16,
    )


def _searcher(
    min_face_size: int, threads: int | None
) -> Callable[[tuple[bytes | Path, Trial]], Outcome | str]:
    verifier = Verifier(min_face_size=min_face_size, threads=threads)
    return lambda task: _search(verifier, task)


def _search(verifier: Verifier, task: tuple[bytes | Path, Trial]) -> Outcome | str:
    source, trial = task
    try:
        photograph = images.read(source)
    except UnreadableImage as error:
        return error.reason
    faces = verifier.detect(photograph)
    if not faces:
        return "no face was found to print"
    face = choose_face(faces, (photograph.shape[1], photograph.shape[0]))
    made = specimens.make(photograph, face, seed=trial.seed)
    made = specimens.get(trial.capture).apply(made, trial.seed)
    made = specimens.turned(made, trial.turns)
    begun = time.perf_counter()
    capture = verifier.acquire(made.image, Role.DOCUMENT)
    seconds = time.perf_counter() - begun
    steps = "; ".join(capture.rectification.steps)
    return Outcome(trial, made.layout, *judge(made, capture), steps, seconds)


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
                Proportion.exact(sum(o.doubt for o in some), len(some)),
                Proportion.exact(seen.count(str(FaceKind.GHOST)), len(seen)) if seen else None,
                1e3 * float(np.median([o.seconds for o in some])),
            )
        )
    return tuple(rows)


def _problem(outcome: Outcome) -> Problem:
    trial = outcome.trial
    where = f"{trial.picture}, {outcome.layout}, {trial.capture}, turned {90 * trial.turns}°"
    return Problem(where, f"{outcome.result} (seed {trial.seed})")


class Log:
    """Outcomes kept as they come, one JSON line each, below a line that says what they are of.

    Parameters
    ----------
    path
        A file that is not there yet, or a log of a study with the same `stamp`.
    stamp
        What the outcomes depend on.

    Raises
    ------
    InvalidInput
        If the file is something else, or a log of another study.
    RenzhengError
        If it cannot be read or written.
    """

    def __init__(self, path: Path, stamp: Mapping[str, Any]):
        self._path = path
        self.known: dict[Trial, Outcome] = {}
        head = json.dumps({"log": _LOG, **stamp}, sort_keys=True)
        try:
            if path.exists() and not path.is_file():
                raise InvalidInput("a log is a regular file", source=str(path))
            lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
            if lines == [b""]:
                self._append(head)
                return
            self._check(lines[0], json.loads(head))
            for line in lines[1:]:
                outcome = _outcome(line)
                if outcome is not None:
                    self.known[outcome.trial] = outcome
            if lines[-1]:
                self._append("")  # a killed run was writing that line
        except OSError as error:
            raise _unusable(error, path) from error

    def add(self, outcome: Outcome) -> None:
        """Keep one more."""
        try:
            self._append(json.dumps(asdict(outcome)))
        except OSError as error:
            raise _unusable(error, self._path) from error

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _check(self, found: bytes, ours: Mapping[str, Any]) -> None:
        try:
            theirs = json.loads(found)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict) or theirs.get("log") != _LOG:
            raise InvalidInput(
                "this is no log of `evaluate portraits`",
                source=str(self._path),
                remedy="name a file that is not there yet",
            )
        other = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        if other:
            raise InvalidInput(
                f"this is the log of a study with other settings ({', '.join(other)})",
                source=str(self._path),
                remedy="name another file, or delete this one",
            )


def _outcome(line: bytes) -> Outcome | None:
    """An outcome from its line; None where the line is torn or tampered with."""
    try:
        entry = json.loads(line)
        outcome = Outcome(**{**entry, "trial": Trial(**entry["trial"])})
        words = (outcome.layout, outcome.result, outcome.ghost, outcome.steps)
        numbers = (outcome.trial.turns, outcome.trial.seed, outcome.seconds)
        names = (outcome.trial.picture, outcome.trial.capture)
    except (ValueError, TypeError, KeyError):
        return None
    sound = (
        all(isinstance(word, str) for word in (*words, *names))
        and all(isinstance(number, (int, float)) for number in numbers)
        and isinstance(outcome.doubt, bool)
        and outcome.result in (RIGHT, WRONG, REFUSED, MISSED)
    )
    return outcome if sound else None


def _unusable(error: OSError, log: Path) -> RenzhengError:
    return RenzhengError(
        f"it cannot be used: {error.strerror or error}",
        source=str(log),
        remedy="name a file in a folder that you may write to, with space left",
    )
