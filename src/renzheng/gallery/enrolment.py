"""Many pictures into a gallery, in several processes and so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from renzheng import images
from renzheng._support import processes
from renzheng.errors import RenzhengError
from renzheng.gallery.capture import Enrolment, Outcome, acquire
from renzheng.gallery.entries import Entry
from renzheng.types import Role
from renzheng.verification.config import VerifierConfig
from renzheng.verification.verifier import Verifier

if TYPE_CHECKING:
    from renzheng.gallery.gallery import Gallery

_BATCH = 64  # entries of one transaction, which is what a killed run does again
_THERE = "the gallery holds this id already"
_WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves


def enrol(
    gallery: Gallery,
    enrolments: Iterable[Enrolment],
    *,
    role: Role = Role.PHOTO,
    accept_doubtful: bool = False,
    replace: bool = False,
    workers: int = 1,
) -> Iterator[Outcome]:
    """Enrol many.

    An outcome is yielded once its entry is kept for good. Ids that the gallery holds come first and
    are passed over, so that an interrupted run goes on where it stopped; if the picture's file is
    not the one that was enrolled under the id, that is a failure.

    Parameters
    ----------
    gallery
        Where to.
    enrolments
        Whom.
    role, accept_doubtful, replace
        As in `Gallery.enrol`.
    workers
        Processes that find and embed faces.
    """
    wanted = list(enrolments)
    known = {} if replace else gallery.held([each.id for each in wanted])
    fresh: list[Enrolment] = []
    seen: set[str] = set()
    for each in wanted:
        if each.id in seen:
            source = images.describe(each.picture)
            yield Outcome(each.id, source, reason="its id comes twice: name another")
        elif each.id in known:
            yield _known(each, known[each.id])
        else:
            fresh.append(each)
        seen.add(each.id)
    outcomes = _acquired(iter(fresh), gallery.verifier, role, accept_doubtful, workers)
    while ready := list(islice(outcomes, _BATCH)):
        entries = [outcome.entry for outcome in ready if outcome.entry is not None]
        # Only what is kept is told. What somebody else has added meanwhile is not kept.
        refused = set(gallery.add(entries, replace=replace).refused) if entries else set()
        for outcome in ready:
            if outcome.id in refused:
                outcome = Outcome(outcome.id, outcome.source, reason=_THERE)
            yield outcome


def _known(wanted: Enrolment, held: Entry) -> Outcome:
    """The id is there: with this picture, or with another one?"""
    source = images.describe(wanted.picture)
    digest = held.picture
    if held.picture and isinstance(wanted.picture, (str, Path)):
        try:
            digest = hashlib.sha256(images.read_bytes(wanted.picture)).hexdigest()
        except RenzhengError as error:
            return Outcome(wanted.id, source, reason=error.reason)
    if digest == held.picture:
        return Outcome(wanted.id, source, reason=_THERE, known=True)
    return Outcome(
        wanted.id,
        source,
        reason=f"the gallery holds the id {wanted.id!r} with another picture, {held.source} "
        "(give this one another id, or replace that one)",
    )


@dataclass(frozen=True)
class _Enrolling:
    """Makes what turns a picture into an entry."""

    verifier: VerifierConfig
    role: Role
    accept_doubtful: bool

    def __call__(self, threads: int | None) -> Callable[[Enrolment], Outcome]:
        return partial(
            acquire,
            verifier=self.verifier.verifier(threads),
            role=self.role,
            accept_doubtful=self.accept_doubtful,
        )


def _acquired(
    enrolments: Iterator[Enrolment],
    verifier: Verifier,
    role: Role,
    accept_doubtful: bool,
    workers: int,
) -> Iterator[Outcome]:
    first = list(islice(enrolments, _WORTH_A_POOL if workers > 1 else 1))
    everyone = chain(first, enrolments)
    if workers <= 1 or len(first) < _WORTH_A_POOL:
        for each in everyone:
            yield acquire(each, verifier, role, accept_doubtful=accept_doubtful)
        return
    config = VerifierConfig(
        str(verifier.pack.folder),
        str(verifier.detector_pack.folder),
        min_face_size=verifier.min_face_size,
        backend=verifier.backend,
    )
    enrolling = _Enrolling(config, role, accept_doubtful)
    for _, outcome in processes.map_in_order(
        everyone, enrolling, load=lambda each: each, workers=workers
    ):
        yield outcome
