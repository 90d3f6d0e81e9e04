"""Distances by one backend beside those by another: how far the choice moves them.

    python benchmarks/providers.py LFW [--pack sface] [--people 300] [--against openvino]

LFW's folder of people; two pictures each, in the order of their names. Each genuine pair, and as
many of different people, are compared by both backends: once where both embed the same crops, as
with an accelerator, and once where each finds and aligns the faces as well. The lines say how far
the two lie apart, and for how many pairs the decision differs at three false match rates.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from renzheng import NoFace, Verifier, images
from renzheng.types import Floats, Image

RATES = (1e-2, 1e-3, 1e-4)


def crops_of(paths: list[Path], verifier: Verifier) -> list[Image | None]:
    found: list[Image | None] = []
    for path in paths:
        try:
            found.append(verifier.align(images.read(path)))
        except NoFace:
            found.append(None)
    return found


def embedded(crops: list[Image | None], verifier: Verifier) -> Floats:
    rows = np.full((len(crops), verifier.face_models.embedder.dimension), np.nan, np.float32)
    for row, crop in zip(rows, crops, strict=True):
        if crop is not None:
            row[:] = verifier.embed_crops(crop[None])[0]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("lfw", type=Path)
    parser.add_argument("--pack", default="sface")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--against", default="openvino")
    arguments = parser.parse_args()
    folders = sorted(each for each in arguments.lfw.iterdir() if len(list(each.glob("*.jpg"))) > 1)
    people = [sorted(each.glob("*.jpg"))[:2] for each in folders[: arguments.people]]
    paths = [path for pair in people for path in pair]
    both = [
        Verifier(arguments.pack, threads=1, backend=name, roles=("photo", "photo"))
        for name in (arguments.backend, arguments.against)
    ]
    for each in both:
        models = each.face_models
        print(f"{each.backend} {models.backend_version} ({models.provider})")
    crops = [crops_of(paths, each) for each in both]
    report("the same crops", [embedded(crops[0], each) for each in both], both[0])
    ours = [embedded(*each) for each in zip(crops, both, strict=True)]
    report("faces found by each", ours, both[0])


def report(what: str, rows: list[Floats], verifier: Verifier) -> None:
    one, other = rows
    known = np.isfinite(one[:, 0]) & np.isfinite(other[:, 0])
    print(f"{what}: {known.sum()} of {len(known)} pictures with {verifier.pack.name}")
    first, second = np.arange(0, len(known), 2), np.arange(1, len(known), 2)
    pairs = np.column_stack(
        [np.concatenate([first, first]), np.concatenate([second, np.roll(second, 1)])]
    )
    pairs = pairs[known[pairs].all(axis=1)]
    far = [np.linalg.norm(rows[pairs[:, 0]] - rows[pairs[:, 1]], axis=1) for rows in (one, other)]
    apart = np.abs(far[0] - far[1])
    moved = np.linalg.norm(one[known] - other[known], axis=1)
    print(f"  embeddings lie apart by {np.median(moved):.1e} (median), {moved.max():.1e} at most")
    print(f"  distances of {len(pairs)} pairs by {np.median(apart):.1e}, {apart.max():.1e} at most")
    calibration = verifier.calibration
    assert calibration is not None
    for rate in RATES:
        threshold = calibration.threshold_at(rate)
        differ = int(((far[0] <= threshold) != (far[1] <= threshold)).sum())
        print(f"  FMR {rate:.0e}: {differ} of {len(pairs)} decisions differ")


if __name__ == "__main__":
    main()
