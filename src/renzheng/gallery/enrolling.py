"""From pictures to entries, in several processes and so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng import findings, images, processes
from renzheng.comparison import Policy
from renzheng.errors import RenzhengError
from renzheng.gallery.conditions import Value
from renzheng.gallery.entries import Entry
from renzheng.types import Effect, Role
from renzheng.verifier import Verifier

if TYPE_CHECKING:
    from renzheng.gallery.gallery import Gallery

_BATCH = 64  # entries of one transaction, which is what a killed run does again
_WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves


@dataclass(frozen=True, eq=False)
class Enrolment:
    """Somebody to be enrolled.

    Attributes
    ----------
    id, person, metadata
        As in `Entry`.
    picture
        Anything that `renzheng.images.read` takes; a path where several processes work.
    """

    id: str
    picture: Any
    person: str = ""
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an enrolment.

    Attributes
    ----------
    id, source
        Whose.
    entry
        The new entry; None where there is none.
    reason
        Why there is none: the failure to enrol (ISO/IEC 19795-1), or that the id was there.
    known
        Whether the gallery held the id before.
    warnings
        What speaks against the picture, though it was taken.
    """

    id: str
    source: str
    entry: Entry | None = None
    reason: str = ""
    known: bool = False
    warnings: tuple[str, ...] = ()


def acquire(
    wanted: Enrolment, verifier: Verifier, role: Role, *, accept_doubtful: bool = False
) -> Outcome:
    """Read a picture, find the face and embed it; adds nothing to any gallery."""
    source = images.describe(wanted.picture)
    picture, digest = wanted.picture, ""
    if isinstance(picture, (str, Path)):
        try:
            picture = images.read_bytes(picture)
        except RenzhengError as error:
            return Outcome(wanted.id, source, reason=error.reason)
    if isinstance(picture, bytes):
        digest = hashlib.sha256(picture).hexdigest()
    capture = verifier.acquire(picture, role)
    found = list(findings.of_capture("reference", capture, Policy()))
    effects = {Effect.REFUSAL} if accept_doubtful else {Effect.REFUSAL, Effect.DOUBT}
    against = [each.message for each in found if each.effect in effects]
    if against or capture.crop is None:
        return Outcome(wanted.id, source, reason="; ".join(against) or "no face was found")
    embedding = capture.embedding
    if embedding is None:
        embedding = verifier.embed_crops(capture.crop[None])[0]
    entry = Entry(
        id=wanted.id,
        embedding=embedding,
        person=wanted.person,
        metadata=wanted.metadata,
        source=source,
        picture=digest,
    )
    return Outcome(wanted.id, source, entry, warnings=tuple(each.message for each in found))


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

    An outcome is yielded once its entry is kept for good. Ids that the gallery holds are passed
    over without reading their pictures, so that an interrupted run goes on where it stopped.

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
    passed: list[Outcome] = []  # not acquired, since their ids are there
    ready: list[Outcome] = []
    for outcome in _acquired(
        _unknown(gallery, enrolments, passed, replace),
        gallery.verifier,
        role,
        accept_doubtful,
        workers,
    ):
        ready.append(outcome)
        if len(ready) + len(passed) >= _BATCH:
            yield from _kept(gallery, ready, passed, replace)
            ready, passed[:] = [], []
    yield from _kept(gallery, ready, passed, replace)


def _unknown(
    gallery: Gallery, enrolments: Iterable[Enrolment], passed: list[Outcome], replace: bool
) -> Iterator[Enrolment]:
    """Enrolments whose ids the gallery does not hold; the others' outcomes go to `passed`."""
    queue = iter(enrolments)
    while batch := list(islice(queue, _BATCH)):
        known = set() if replace else gallery.known([each.id for each in batch])
        for each in batch:
            if each.id in known:
                passed.append(_known(each.id, images.describe(each.picture)))
            else:
                yield each


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
    settings = (
        str(verifier.pack.folder),
        str(verifier.detector_pack.folder),
        verifier.min_face_size,
        str(role),
        accept_doubtful,
    )
    for _, outcome in processes.in_order(
        everyone, _as_is, _work, workers=workers, start=_start, settings=settings
    ):
        yield outcome


def _kept(
    gallery: Gallery, ready: list[Outcome], passed: list[Outcome], replace: bool
) -> Iterator[Outcome]:
    """Add what is ready; only then is it told."""
    entries = [outcome.entry for outcome in ready if outcome.entry is not None]
    refused = set(gallery.add(entries, replace=replace).refused) if entries else set()
    yield from passed
    for outcome in ready:
        yield _known(outcome.id, outcome.source) if outcome.id in refused else outcome


def _known(id: str, source: str) -> Outcome:
    return Outcome(id, source, reason="the gallery holds this id already", known=True)


def _as_is(enrolment: Enrolment) -> Enrolment:
    return enrolment


_worker: tuple[Verifier, Role, bool] | None = None  # one in each process


def _start(pack: str, detector: str, min_face_size: int, role: str, accept_doubtful: bool) -> None:
    global _worker
    verifier = Verifier(pack, detector=detector, min_face_size=min_face_size, threads=1)
    _worker = verifier, Role(role), accept_doubtful


def _work(enrolment: Enrolment) -> Outcome:
    assert _worker is not None
    verifier, role, accept_doubtful = _worker
    return acquire(enrolment, verifier, role, accept_doubtful=accept_doubtful)
