"""An embedding network of the user's own as a pack: an ONNX file and what its publisher says."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from renzheng._support.files import sha256
from renzheng.errors import InvalidInput
from renzheng.models.converters import embedding_graph
from renzheng.models.converters.embedding_graph import EmbeddingGraph
from renzheng.models.converters.presets import Preparation
from renzheng.models.graph import edits, onnx_graph
from renzheng.models.packs.manifest import Pack
from renzheng.models.packs.writer import write

UNKNOWN = "unknown"
UNPROVED = (
    "Its preprocessing was declared and not tried on pictures of people: a wrong channel order, "
    "scale or template costs accuracy without any error."
)

_USUAL_SIDES = {"arcface-112": 112, "facenet-160": 160, "dlib-150": 150}  # px
_FILE = "embedder.onnx"
_FILE_WORD = "location"  # announces files of weights to the reader of packs (onnx_files)
_SAME_OFFSET, _SAME_FACTOR = 1.0, 0.02  # 127.5 is 128 and 1/127.5 is 1/128 for this purpose

Provenance = Mapping[str, str | int | float | Sequence[Any]]


def import_onnx(
    file: Path,
    destination: Path,
    *,
    preprocessing: Preparation,
    licence: str,
    data_licence: str,
    name: str | None = None,
    size: int | None = None,
    tensor: str | None = None,
    provenance: Provenance | None = None,
    limits: Sequence[str] = (),
    description: str | None = None,
    proved: str | None = None,
) -> Pack:
    """Make a pack of an ONNX network that embeds faces.

    Parameters
    ----------
    file
        An ONNX file with one float input, (n, 3, side, side) or (n, side, side, 3), and an output
        of one embedding for each picture. Weights in files beside it are taken in.
    destination
        The pack's folder, which must not exist.
    preprocessing
        The preparation of a face that the network was trained with: `presets.get`, or your own.
    licence, data_licence
        The terms of the weights and of the data that they were trained on, as their publisher
        states them. ``unknown`` is an answer, and becomes a limit of the pack.
    name
        The pack's name; by default the destination's.
    size
        The side of the crops in px, which is needed only where the file leaves it open.
    tensor
        The tensor that holds the embedding, which is needed only where several could.
    provenance
        Further entries of the manifest's ``[provenance]``.
    limits
        Further entries of the manifest's ``limits``.
    description
        One sentence; by default made from the file's name and sizes.
    proved
        How the preprocessing was proved, in a sentence. Without it the pack's limits say that it
        was not: see `renzheng.evaluation.preprocessing`.

    Returns
    -------
    Pack
        An embedding pack without a calibration.

    Raises
    ------
    PackError
        If the file is no such network, or the pack cannot be written; nothing is left then.
    InvalidInput
        If the template is unknown or a licence is empty.
    """
    if preprocessing.template not in _USUAL_SIDES:
        raise InvalidInput(
            f"unknown alignment template {preprocessing.template!r}",
            remedy=f"one of {', '.join(_USUAL_SIDES)}",
        )
    for word, text in (("licence", licence), ("data licence", data_licence)):
        if not text.strip():
            raise InvalidInput(f"the {word} is empty", remedy=f"say {UNKNOWN} if nobody states it")
    graph = embedding_graph.convert(file, size, tensor, usual=_USUAL_SIDES[preprocessing.template])
    changes = list(graph.changes)
    if graph.scaling is not None and _repeats(graph.scaling, preprocessing):
        preprocessing = replace(preprocessing, mean=(0.0,), scale=(1.0,))
        changes.append("it scales its input itself, so the declared scaling is left to it")
    said = {
        "author": UNKNOWN,
        "weights": file.name,
        "weights_sha256": sha256(file),
        **(provenance or {}),
        "training_data_licence": data_licence,
        "conversion": "; ".join(changes) or "unchanged",
        "preprocessing": proved or "declared, not tried",
    }
    manifest = {
        "name": name or destination.name,
        "version": "1",
        "kind": "embedder",
        "description": description
        or f"{graph.dimension}-d embeddings of {graph.side} x {graph.side} faces, by {file.name}.",
        "licence": licence,
        "limits": [*_limits(licence, data_licence, proved), *limits],
        **_tables(graph, preprocessing),
        "provenance": {key: _plain(value) for key, value in said.items()},
    }
    return write(destination, _files(graph), manifest)


def _repeats(scaling: tuple[float, float], preparation: Preparation) -> bool:
    """Return whether a network already does what its preparation declares."""
    if len(preparation.mean) > 1 or len(preparation.scale) > 1:
        return False
    (mean, factor), declared = scaling, preparation.scale[0]
    return (
        abs(mean - preparation.mean[0]) <= _SAME_OFFSET
        and abs(factor / declared - 1) <= _SAME_FACTOR
    )


def _limits(licence: str, data_licence: str, proved: str | None) -> list[str]:
    limits = [
        "Imported from a file: what it was trained on and how well it recognises is its "
        "publisher's word. Measure it on your own people before you rely on it."
    ]
    if licence.strip().lower() == UNKNOWN:
        limits.append("The licence of its weights is unknown: they may not be yours to use.")
    if data_licence.strip().lower() == UNKNOWN:
        limits.append("The terms of the data that it was trained on are unknown.")
    return limits if proved else [*limits, UNPROVED]


def _tables(graph: EmbeddingGraph, preparation: Preparation) -> dict[str, Any]:
    given: dict[str, Any] = {"file": _FILE, "size": graph.side}
    if graph.fixed_batch is not None:
        given["fixed_batch"] = graph.fixed_batch
    embedding = {"dimension": graph.dimension, "normalise": True, "metric": "euclidean"}
    return preparation.changes({"input": given, "embedding": embedding, "alignment": {}})


def _files(graph: EmbeddingGraph) -> dict[str, bytes]:
    """Return the pack's files: the network, and its weights beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / _FILE
        if edits.mentions(graph.model, _FILE_WORD):
            edits.rename(graph.model)
        onnx_graph.write(graph.model, place)
        return {each.name: each.read_bytes() for each in sorted(Path(scratch).iterdir())}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
