"""Enrolment of many pictures, in several processes; an interrupted run can be continued."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from renzheng import images
from renzheng._support import processes
from renzheng.errors import RenzhengError
from renzheng.gallery.capture import Enrolment, EnrolmentResult, acquire
from renzheng.gallery.entries import Entry
from renzheng.models.runtime import shared
from renzheng.types import Role
from renzheng.verification.config import VerifierConfig
from renzheng.verification.verifier import Verifier

if TYPE_CHECKING:
    from renzheng.gallery.gallery import Gallery

_BATCH = 64  # entries of one transaction: what a killed run has to do again
_ALREADY = "the gallery holds this id already"
_WORTH_A_POOL = 48  # pictures; below, starting processes takes longer than it saves


def enrol(
    gallery: Gallery,
    enrolments: Iterable[Enrolment],
    *,
    role: Role = Role.PHOTO,
    accept_doubtful: bool = False,
    replace: bool = False,
    workers: int = 1,
) -> Iterator[EnrolmentResult]:
    """Enrol many pictures.

    A result is yielded once its entry is stored. Ids that the gallery holds come first and are
    skipped, so that an interrupted run continues where it stopped; if the picture's file is not
    the one that was enrolled under the id, that is a failure.

    Parameters
    ----------
    gallery
        The gallery to add to.
    enrolments
        The pictures, with their ids.
    role, accept_doubtful, replace
        As in `Gallery.enrol`.
    workers
        The number of processes that find and embed faces.
    """
    wanted = list(enrolments)
    known = {} if replace else gallery.held([each.id for each in wanted])
    fresh: list[Enrolment] = []
    seen: set[str] = set()
    for each in wanted:
        if each.id in seen:
            source = images.describe(each.picture)
            yield EnrolmentResult(each.id, source, reason="its id comes twice: use another")
        elif each.id in known:
            yield _already_enrolled(each, known[each.id])
        else:
            fresh.append(each)
        seen.add(each.id)
    results = _acquire_all(iter(fresh), gallery.verifier, role, accept_doubtful, workers)
    while batch := list(islice(results, _BATCH)):
        entries = [result.entry for result in batch if result.entry is not None]
        # Another process may have added an id in the meantime: it is refused.
        refused = set(gallery.add(entries, replace=replace).refused) if entries else set()
        for result in batch:
            if result.id in refused:
                result = EnrolmentResult(result.id, result.source, reason=_ALREADY)
            yield result


def _already_enrolled(wanted: Enrolment, held: Entry) -> EnrolmentResult:
    """Return the result for an id that is there, with this picture or with another one."""
    source = images.describe(wanted.picture)
    digest = held.picture
    if held.picture and isinstance(wanted.picture, (str, Path)):
        try:
            digest = hashlib.sha256(images.read_bytes(wanted.picture)).hexdigest()
        except RenzhengError as error:
            return EnrolmentResult(wanted.id, source, reason=error.reason)
    if digest == held.picture:
        return EnrolmentResult(wanted.id, source, reason=_ALREADY, known=True)
    return EnrolmentResult(
        wanted.id,
        source,
        reason=f"the gallery holds the id {wanted.id!r} with another picture, {held.source} "
        "(give this one another id, or replace that one)",
    )


@dataclass(frozen=True)
class _MakeWorker:
    """The function that makes a process's function from pictures to entries."""

    verifier: VerifierConfig
    role: Role
    accept_doubtful: bool

    def __call__(self, threads: int | None) -> Callable[[Enrolment], EnrolmentResult]:
        return partial(
            acquire,
            verifier=self.verifier.verifier(threads),
            role=self.role,
            accept_doubtful=self.accept_doubtful,
        )


def _acquire_all(
    enrolments: Iterator[Enrolment],
    verifier: Verifier,
    role: Role,
    accept_doubtful: bool,
    workers: int,
) -> Iterator[EnrolmentResult]:
    config = VerifierConfig(
        str(verifier.pack.folder),
        str(verifier.detector_pack.folder),
        min_face_size=verifier.min_face_size,
        backend=verifier.backend,
    )
    with shared.networks(verifier.backend):
        for _, result in processes.map_in_order(
            enrolments,
            _MakeWorker(config, role, accept_doubtful),
            load=lambda each: each,
            workers=workers,
            worth=_WORTH_A_POOL,
            here=partial(acquire, verifier=verifier, role=role, accept_doubtful=accept_doubtful),
        ):
            yield result
