"""The packs of a gallery: distances mean something only between embeddings made alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from renzheng.errors import PackError
from renzheng.models import packs
from renzheng.models.packs import Pack, published
from renzheng.models.packs.manifest import MANIFEST
from renzheng.verification import detectors
from renzheng.verification.verifier import Verifier


def described(verifier: Verifier) -> dict[str, str]:
    """Return the name, version and network digest of a verifier's pack, as a gallery keeps them."""
    pack = verifier.pack
    return {"name": pack.name, "version": pack.version, "network_digest": pack.network_digest}


def places(verifier: Verifier) -> dict[str, dict[str, str]]:
    """Return where those packs of a verifier lie that no name leads to, by ``pack``, ``detector``.

    The digest is the whole pack's: a calibration that was changed in its place is another one.
    """
    used = {"pack": verifier.pack, "detector": verifier.detector_pack}
    return {
        kind: {"folder": str(pack.folder.resolve()), "digest": pack.digest}
        for kind, pack in used.items()
        if not _is_ours(pack)
    }


def load_verifier(
    pack: Mapping[str, str],
    detector: object,
    where: str,
    places: Mapping[str, Mapping[str, str]] | None = None,
    *,
    instead: Mapping[str, str | None] | None = None,
) -> Verifier:
    """Return a verifier of a gallery's packs.

    Parameters
    ----------
    pack
        The gallery's pack.
    detector
        The gallery's detector, as `renzheng.verification.detectors` describes it.
    where
        The gallery's place, for messages.
    places
        The places of packs that are not renzheng's own, as the function of this name returned them.
    instead
        Names or folders to take instead, by ``pack`` and ``detector``; None takes what is known.

    Raises
    ------
    PackError
        If a pack is not installed, is no longer in its place, or has changed.
    """
    given = {kind: name for kind, name in (instead or {}).items() if name is not None}
    known = {kind: place for kind, place in (places or {}).items() if kind not in given}
    names = {"pack": pack["name"], "detector": detectors.name_of(detector)}
    found = {
        kind: given.get(kind) or _found(kind, name, known.get(kind), where)
        for kind, name in names.items()
    }
    verifier = Verifier(found["pack"], detector=found["detector"])
    check_verifier(verifier, pack, detector, where)
    for kind, used in (("pack", verifier.pack), ("detector", verifier.detector_pack)):
        if kind in known and used.digest != known[kind]["digest"]:
            raise PackError(
                f"the gallery's {kind} in {used.folder} has changed since the gallery was created "
                f"({known[kind]['digest'][:12]}, now {used.digest[:12]}); its network is the same",
                source=where,
                remedy=f"if that is meant, say so: {_named(kind, str(used.folder))}",
            )
    return verifier


def _found(kind: str, name: str, place: Mapping[str, str] | None, where: str) -> str:
    """Return the name or the folder of a gallery's pack."""
    if place is not None:
        folder = Path(place["folder"])
        if not (folder / MANIFEST).is_file():
            raise PackError(
                f"the gallery's {kind} {name!r} lay in {folder}, and there is none now",
                source=where,
                remedy=f"say where it is: {_named(kind, 'FOLDER')}; its digest is checked",
            )
        return str(folder)
    # Never a folder of the working directory with this name.
    if name not in packs.names() and name not in published.networks():
        raise PackError(
            f"the gallery's {kind} {name!r} is not one of renzheng's own",
            source=where,
            remedy=f"say where it is: {_named(kind, 'FOLDER')}",
        )
    return name


def _named(kind: str, folder: str) -> str:
    python = f"Verifier({folder!r})" if kind == "pack" else f"Verifier(detector={folder!r})"
    return f"--{kind} {folder}, or in Python {python}"


def _is_ours(pack: Pack) -> bool:
    """Return whether a pack's name leads to it, wherever the cache is."""
    if pack.name in packs.names():
        return packs.location(pack.name) == pack.folder
    return pack.name in published.networks() and published.location(pack.name) == pack.folder


def check_verifier(
    verifier: Verifier, pack: Mapping[str, str], detector: object, where: str
) -> None:
    """Check that a verifier's pack and detector are the gallery's.

    Raises
    ------
    PackError
        If it is another one.
    """
    if verifier.pack.network_digest != pack["network_digest"]:
        raise PackError(
            f"the gallery holds embeddings of the pack {pack['name']} "
            f"(network {pack['network_digest'][:12]}), and these would be of "
            f"{verifier.pack.name} ({verifier.pack.network_digest[:12]}): distances between "
            "the two mean nothing",
            source=where,
            remedy="use the gallery's pack, or enrol the pictures in a new gallery",
        )
    check_detector(detector, detectors.described(verifier.detector_pack), where)


def check_detector(detector: object, other: object, where: str) -> None:
    """Check that faces found by another detector do not come among a gallery's.

    Parameters
    ----------
    detector, other
        The gallery's detector and the one in question, as `renzheng.verification.detectors`
        describes them.
    where
        The place, for messages.

    Raises
    ------
    PackError
        If they are two.
    """
    if not detectors.are_alike(detector, other):
        raise PackError(
            f"the faces of the gallery were found by {detectors.name_of(detector)}, and these "
            f"would be by {detectors.name_of(other)}: their landmarks differ, and the rates are "
            "those of one detector",
            source=where,
            remedy="use the gallery's detector, or enrol the pictures in a new gallery",
        )


def check_export(pack: Mapping[str, str], name: str, digest: str, source: str) -> None:
    """Check that the embeddings of an export are of the gallery's pack.

    Raises
    ------
    PackError
        If they are of another one.
    """
    if digest != pack["network_digest"]:
        raise PackError(
            f"the export holds embeddings of the pack {name} (network {digest[:12]}), the gallery "
            f"those of {pack['name']} ({pack['network_digest'][:12]}): distances "
            "between the two mean nothing",
            source=source,
            remedy="enrol the pictures anew",
        )
