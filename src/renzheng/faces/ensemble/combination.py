"""Packs of several embedding networks, made from the packs of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from renzheng.errors import InvalidInput, PackError
from renzheng.faces.ensemble.common_crop import CommonCrop
from renzheng.faces.ensemble.ensemble import blocks, unit_weights
from renzheng.faces.pack_template import template_of
from renzheng.models import onnx_files, packs
from renzheng.models.packs import Pack

MAX_MEMBERS = 4  # each costs a network's time on every face; two bring most of what there is
MAX_DIMENSION = 2048  # four networks of 512, the largest in use; galleries keep every number

_CALIBRATION = "calibration.json"
_PROVENANCE = ("name", "version", "description", "licence", "limits", "provenance")


def check(members: Sequence[Pack], weights: Sequence[float] | None = None) -> None:
    """Make sure that packs can be combined.

    Parameters
    ----------
    members
        The packs.
    weights
        A weight for each, or None where they are still to be fitted.

    Raises
    ------
    InvalidInput
        If they are too few, too many or too large, two are the same network, a weight is not a
        finite number above 0, or their crops do not go together.
    PackError
        If one is not a plain embedding pack whose embeddings are compared by Euclidean distance at
        unit length.
    """
    if not 2 <= len(members) <= MAX_MEMBERS:
        raise InvalidInput(f"an ensemble has 2 to {MAX_MEMBERS} members, not {len(members)}")
    for pack in members:
        _check_member(pack)
    networks: dict[str, Pack] = {}
    for pack in members:
        digest = pack.manifest["files"][pack.setting("input", "file")]
        if digest in networks:
            raise InvalidInput(
                f"{networks[digest].name} and {pack.name} are the same network: nothing is gained "
                "by asking it twice",
                remedy="combine networks that were trained differently",
            )
        networks[digest] = pack
    if weights is not None:
        if len(weights) != len(members):
            raise InvalidInput(f"{len(weights)} weights were given for {len(members)} packs")
        unit_weights(weights)
    dimension = sum(_dimensions(members))
    if dimension > MAX_DIMENSION:
        raise InvalidInput(
            f"the embeddings have {dimension} numbers together, and {MAX_DIMENSION} is the most",
            remedy="combine fewer packs",
        )
    CommonCrop.of([template_of(pack) for pack in members])


def combine(
    members: Sequence[Pack],
    weights: Sequence[float],
    folder: Path,
    *,
    name: str | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Pack:
    """Write a pack of several embedding packs side by side, without a calibration.

    The pack holds all their files, so that it stays whole when they go; and for each its licence,
    limits, provenance and digest.

    Parameters
    ----------
    members
        The packs, 2 to `MAX_MEMBERS`. The first one's crops are kept exactly, and its embeddings'
        lengths are the ensemble's: name the strongest first.
    weights
        The factors of their embeddings; only their ratios count.
    folder
        The new pack's folder, which must not exist.
    name
        The pack's name; by default the members' names.
    provenance
        Further entries of the manifest's ``[provenance]``.

    Raises
    ------
    InvalidInput, PackError
        As in `check`; or if the pack cannot be written.
    """
    check(members, weights)
    crop = CommonCrop.of([template_of(pack) for pack in members])
    files: dict[str, bytes] = {}
    tables = []
    for place, (pack, weight) in enumerate(zip(members, unit_weights(weights), strict=True), 1):
        prefix = f"{place}-"
        files.update(_files(pack, prefix))
        given = pack.manifest["input"]
        tables.append(
            {
                "name": pack.name,
                "weight": float(f"{weight:.6g}"),
                "input": {**given, "file": prefix + given["file"]},
                "embedding": pack.manifest["embedding"],
                "alignment": pack.manifest["alignment"],
            }
        )
    names = [pack.name for pack in members]
    licences = dict.fromkeys(str(pack.manifest.get("licence", "unknown")) for pack in members)
    dimension = sum(_dimensions(members))
    manifest = {
        "name": name or "+".join(names),
        "version": "1",
        "kind": "embedder",
        "description": f"An ensemble of {' and '.join(names)}: {dimension}-d embeddings.",
        "licence": " and ".join(licences),
        "limits": [
            f"Its members are {' and '.join(names)}; [[provenance.members]] holds the licence and "
            "the limits of each. Error rates stated there hold for that member alone."
        ],
        "input": {"size": crop.size},
        "embedding": {"dimension": dimension, "normalise": True, "metric": "euclidean"},
        "alignment": {"template": crop.template.name, "points": crop.points.tolist()},
        "members": tables,
        "provenance": {
            **(provenance or {}),
            "members": [_provenance(pack) for pack in members],
        },
    }
    return packs.write(folder, files, manifest)


def _check_member(pack: Pack) -> None:
    pack.require("embedder")
    if "members" in pack.manifest:
        raise PackError(
            f"{pack.name} is an ensemble itself",
            source=str(pack.folder),
            remedy="combine its members, all at once",
        )
    embedding = pack.manifest.get("embedding", {})
    if not pack.setting("embedding", "normalise") or embedding.get("metric") != "euclidean":
        raise PackError(
            f"the embeddings of {pack.name} are not compared by Euclidean distance at unit length",
            source=str(pack.folder),
        )
    pack.file(pack.setting("input", "file"))
    template_of(pack)


def _dimensions(members: Sequence[Pack]) -> list[int]:
    return [int(pack.setting("embedding", "dimension")) for pack in members]


def member_columns(pack: Pack) -> list[slice]:
    """Return the columns of each member of an ensemble's pack in its embeddings."""
    return blocks([int(each["embedding"]["dimension"]) for each in pack.manifest["members"]])


def _files(pack: Pack, prefix: str) -> dict[str, bytes]:
    """Return a member's files under new names, by which its network knows its weights."""
    names = {name: prefix + name for name in pack.manifest["files"] if name != _CALIBRATION}
    found = {new: pack.file(name).read_bytes() for name, new in names.items()}
    network = prefix + pack.setting("input", "file")
    if onnx_files.weights(found[network]):
        from renzheng.models.graph import weight_files  # imports onnx, which is slow

        found[network] = weight_files.rename(found[network], names)
    return found


def _provenance(pack: Pack) -> dict[str, Any]:
    said = {key: pack.manifest[key] for key in _PROVENANCE if key in pack.manifest}
    return {**said, "digest": pack.digest}
