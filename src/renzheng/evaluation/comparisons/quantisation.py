"""A pack in 8 bits, quantised and calibrated on the user's own people."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renzheng.datasets.types import People
from renzheng.errors import InvalidInput
from renzheng.evaluation.acquisition import Extraction, Extractor, read_content
from renzheng.evaluation.comparisons import recalibration
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.comparisons.recalibration import Recalibration
from renzheng.evaluation.sampling import split_people
from renzheng.faces.embedding import Embedder
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.types import Crops, Floats, Image
from renzheng.verification.verifier import Verifier

CROPS = 512  # faces to measure ranges on
MIN_CROPS = 32  # with fewer, ranges are a matter of luck
_COMPARED = 256  # crops on which the change of embeddings is measured
_BATCH = 8  # crops at a time: every tensor of the network is kept in memory
_ROUNDS = 9

# Facts of the manifest that hold for the float network only.
_FLOAT_ONLY = ("calibration", "measured", "files")


@dataclass(frozen=True, eq=False)
class Quantised:
    """A quantised pack, and how it differs from the float one.

    Attributes
    ----------
    pack
        The pack as written.
    crops
        The number of faces that the ranges were measured on.
    moved
        float32 (n,): Euclidean distances between the float and the 8-bit embedding of faces that
        ranges were not measured on.
    faster
        The time for one face with the float network over that with the 8-bit one, on this machine.
    sizes
        Bytes of the float and of the 8-bit network's file.
    recalibration
        The new calibration, with its rates on the people held out; None if there is none.
    reason
        The reason why there is none.
    """

    pack: Pack
    crops: int
    moved: Floats
    faster: float
    sizes: tuple[int, int]
    recalibration: Recalibration | None
    reason: str


def quantise(
    evaluator: Evaluator,
    people: People,
    output: Path,
    *,
    crops: int = CROPS,
    hold_out: float = 0.5,
    calibrate: bool = True,
    full_range: bool = False,
    command: str = "",
) -> Quantised:
    """Write the evaluator's pack with its network in 8 bits.

    The float network's calibration is never kept, since the distances are different.

    Parameters
    ----------
    evaluator
        The evaluator whose pack is quantised.
    people
        The people. Ranges are measured on some of their faces, and false match rates are fitted to
        all pairs.
    output
        The new pack's folder.
    crops
        The largest number of faces to measure ranges on.
    hold_out
        The share of people to test on, to whom neither ranges nor rates are fitted.
    calibrate
        Whether to fit false match rates. If so and the people are too few, the pack is written
        without them, and the result says why.
    full_range
        As in `renzheng.models.graph.quantisation.quantise`.
    command
        The command line, for the provenance.

    Raises
    ------
    InvalidInput
        If there are too few faces, or the network cannot be quantised.
    PackError
        If the pack is not an embedder, or cannot be written.
    """
    # Slow to import, and not needed for comparisons.
    from renzheng.models.graph import onnx_graph, quantisation

    recalibration.check(output, hold_out)
    if crops < MIN_CROPS:
        raise InvalidInput(f"ranges are measured on {MIN_CROPS} faces or more, not {crops}")
    pack = evaluator.verifier.pack
    embedder = evaluator.verifier.face_models.embedder
    if not isinstance(embedder, Embedder):
        raise InvalidInput(
            f"{pack.name} is an ensemble: quantise its members, then combine them",
            source=str(pack.folder),
        )
    file = pack.file(pack.setting("input", "file"))
    model = onnx_graph.read(file)
    quantisation.check(model)
    seen, unseen = _faces(evaluator, people, crops, hold_out)

    def batches() -> Iterator[Floats]:
        for first in range(0, len(seen), _BATCH):
            yield embedder.prepare(seen[first : first + _BATCH])

    content = quantisation.quantise(model, batches, full_range=full_range).SerializeToString()
    small = embedder.with_network(Network(content))
    compared = unseen if len(unseen) else seen[:_COMPARED]
    moved = np.linalg.norm(small.embed(compared) - embedder.embed(compared), axis=1)
    manifest = _manifest(pack, quantisation.PRECISION)
    manifest["provenance"]["quantised"] = {
        "from": f"{pack.name} {pack.version}",
        "from_digest": pack.digest,
        "ranges": f"least and greatest on {len(seen)} faces of {people.name}",
        "weight_bits": 8 if full_range else 7,
        "embeddings_moved": {
            "mean": float(f"{moved.mean():.2g}"),
            "most": float(f"{moved.max():.2g}"),
            "faces": len(compared),
            "held_out": bool(len(unseen)),
        },
        "command": command,
    }
    files = {file.name: content}
    done, reason = None, "none was asked for"
    with tempfile.TemporaryDirectory() as scratch:
        draft = packs.write(Path(scratch) / "draft", files, manifest)
        if calibrate:
            try:
                done = recalibration.recalibrate(
                    evaluator.with_verifier(_like(evaluator.verifier, draft)),
                    people,
                    output,
                    hold_out=hold_out,
                    command=command,
                )
            except InvalidInput as error:
                reason = error.reason
    return Quantised(
        pack=packs.write(output, files, manifest) if done is None else done.pack,
        crops=len(seen),
        moved=moved.astype(np.float32),
        faster=_faster(embedder, small, seen[:1]),
        sizes=(model.ByteSize(), len(content)),
        recalibration=done,
        reason="" if done else reason,
    )


def _faces(
    evaluator: Evaluator, people: People, crops: int, hold_out: float
) -> tuple[Crops, Crops]:
    """Cut out faces to measure ranges on, and faces of people held out to compare embeddings on."""
    settings = evaluator.settings
    tested = split_people(people.person, hold_out, settings.seed)
    rng = np.random.default_rng(settings.seed)
    extractor = Extractor(Extraction.of(evaluator.verifier, aligned=settings.aligned))
    tell = evaluator.progress_of("cutting faces")
    size = evaluator.verifier.face_models.template.size
    kinds: list[Crops] = []
    found = 0
    whole = min(crops, int((~tested).sum())) + min(_COMPARED, int(tested.sum()))
    for chosen, max_crops in ((~tested, crops), (tested, _COMPARED)):
        order = rng.permutation(np.flatnonzero(chosen))
        kept: list[Image] = []
        for i in order[: 2 * max_crops]:  # if fewer than half show a face, the data is unusable
            picture = people.pictures[i]
            crop = extractor.crop(read_content(picture), picture.name)
            if crop is not None:
                kept.append(crop)
                found += 1
                if tell is not None:
                    tell(found, max(found, whole))
            if len(kept) == max_crops:
                break
        kinds.append(np.stack(kept) if kept else np.zeros((0, size, size, 3), np.uint8))
    if len(kinds[0]) < MIN_CROPS:
        raise InvalidInput(
            f"{len(kinds[0])} faces were found to measure ranges on; {MIN_CROPS} are needed",
            source=people.name,
            remedy="give more pictures, several hundred if you can; for crops that are already "
            "aligned, add --aligned",
        )
    return kinds[0], kinds[1]


def _manifest(pack: Pack, precision: str) -> dict[str, Any]:
    kept = {key: value for key, value in pack.manifest.items() if key not in _FLOAT_ONLY}
    return {
        **kept,
        "name": f"{pack.name}-int8",
        "version": pack.version.partition("+")[0],  # the rest says how it was calibrated
        "description": f"{kept.get('description', pack.name).rstrip('.')}. In 8 bits.",
        "limits": [
            *(each for each in kept.get("limits", []) if not each.startswith("Recalibrated on")),
            "The network is in 8 bits: error rates stated above are those of the float network "
            "that it comes from.",
        ],
        "provenance": {**kept.get("provenance", {}), "precision": precision},
    }


def _like(verifier: Verifier, pack: Pack) -> Verifier:
    return Verifier(pack, detector=verifier.detector_pack, min_face_size=verifier.min_face_size)


def _faster(one: Embedder, other: Embedder, crops: Crops) -> float:
    """Return the median time of one embedder over that of the other, measured in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(_ROUNDS + 1):
        for embedder, kept in zip((one, other), times, strict=True):
            start = time.perf_counter()
            embedder.embed(crops)
            if round_:  # the first call also warms up
                kept.append(time.perf_counter() - start)
    return statistics.median(times[0]) / statistics.median(times[1])
