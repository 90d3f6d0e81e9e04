"""Trials: documents made, captured and searched."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from renzheng import images
from renzheng._support import processes
from renzheng.datasets import specimens
from renzheng.datasets.types import Picture
from renzheng.errors import UnreadableImage
from renzheng.evaluation.portraits.judgement import judge
from renzheng.evaluation.portraits.outcomes import Trial, TrialOutcome
from renzheng.evaluation.portraits.settings import PortraitSettings
from renzheng.faces.selection import choose_face
from renzheng.types import Role
from renzheng.verification.verifier import Verifier

_Task = tuple[bytes | Path, Trial]


def draw_trial(name: str, capture: str, seed: int) -> Trial:
    """Draw the turn and the seed of a document, the same in every run."""
    digest = hashlib.sha256(f"{seed} {capture} {name}".encode()).digest()
    return Trial(name, capture, digest[4] % 4, int.from_bytes(digest[:4], "little"))


def carry_out(
    trials: Sequence[Trial], pictures: Mapping[str, Picture], settings: PortraitSettings
) -> Iterable[tuple[Trial, TrialOutcome | str]]:
    """Carry out trials in several processes.

    Parameters
    ----------
    trials
        The documents to make.
    pictures
        The photographs by name.
    settings
        The settings of the study.

    Yields
    ------
    (trial, its outcome)
        In the order of the trials; instead of an outcome the reason why no document was made.
    """

    def load(trial: Trial) -> _Task:
        return pictures[trial.picture].source, trial

    return processes.map_in_order(
        trials,
        partial(_make_worker, settings.detector, settings.min_face_size),
        load=load,
        workers=settings.workers,
        worth=16,
    )


def _make_worker(
    detector: str, min_face_size: int, threads: int | None
) -> Callable[[_Task], TrialOutcome | str]:
    verifier = Verifier(detector=detector, min_face_size=min_face_size, threads=threads)
    return lambda task: _outcome(verifier, *task)


def _outcome(verifier: Verifier, source: bytes | Path, trial: Trial) -> TrialOutcome | str:
    try:
        photograph = images.read(source)
    except UnreadableImage as error:
        return error.reason
    faces = verifier.detect(photograph)
    if not faces:
        return "no face was found to print"
    face = choose_face(faces, (photograph.shape[1], photograph.shape[0]))
    specimen = specimens.make(photograph, face, seed=trial.seed)
    specimen = specimens.get(trial.capture).apply(specimen, trial.seed)
    specimen = specimens.turned(specimen, trial.turns)
    start = time.perf_counter()
    capture = verifier.acquire(specimen.image, Role.DOCUMENT)
    seconds = time.perf_counter() - start
    steps = "; ".join(capture.rectification.steps)
    return TrialOutcome(trial, specimen.layout, *judge(specimen, capture), steps, seconds)
