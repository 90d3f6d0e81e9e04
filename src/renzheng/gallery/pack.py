"""The packs of a gallery: distances mean something only between embeddings made alike."""

from __future__ import annotations

from collections.abc import Mapping

from renzheng.errors import PackError
from renzheng.models import packs
from renzheng.verification import detectors
from renzheng.verification.verifier import Verifier


def described(verifier: Verifier) -> dict[str, str]:
    """Return the name, version and network digest of a verifier's pack, as a gallery keeps them."""
    pack = verifier.pack
    return {"name": pack.name, "version": pack.version, "network_digest": pack.network_digest}


def load_verifier(pack: Mapping[str, str], detector: object, where: str) -> Verifier:
    """Return a verifier of a gallery's packs.

    Parameters
    ----------
    pack
        The gallery's pack.
    detector
        The gallery's detector, as `renzheng.verification.detectors` describes it.
    where
        The gallery's place, for messages.

    Raises
    ------
    PackError
        If the pack is not installed, or has changed.
    """
    name = pack["name"]
    if name not in packs.names():  # never a folder of the working directory with this name
        raise PackError(
            f"the gallery's pack {name!r} is not one of renzheng's own",
            source=where,
            remedy="name its folder: --pack FOLDER, or in Python Verifier(FOLDER)",
        )
    finder = detectors.name_of(detector)
    if finder not in packs.names():
        raise PackError(
            f"the gallery's detector {finder!r} is not one of renzheng's own",
            source=where,
            remedy="open it in Python with Verifier(PACK, detector=FOLDER)",
        )
    verifier = Verifier(name, detector=finder)
    check_verifier(verifier, pack, detector, where)
    return verifier


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
