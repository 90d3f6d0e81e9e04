"""Where the constants of renzheng.faces.detection.yunet come from: benchmarks/yunet_constants.md.

    python benchmarks/yunet_constants.py --assets ASSETS > benchmarks/yunet_constants.md

On pictures of `asian`, `tight` and `train/celeba10k`, none of LFW. Landmarks are compared with
those that MTCNN finds in the picture at its own size, in distances between the eyes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from renzheng import Face, Verifier, images
from renzheng.faces.detection import yunet
from renzheng.types import Image

FACES = (12, 16, 20, 24, 32, 40, 60, 90, 130, 200, 300, 400, 600)  # px
MTCNN_SCORES = (0.7, 0.9, 0.97, 0.99, 0.998, 0.999, 0.9999)


def cells_of(picture: Image, detector: yunet.YuNet) -> yunet._Cells:
    """Return all cells that see a face in a picture at its own size."""
    return detector._look(picture, (0, 0, picture.shape[1], picture.shape[0]))


def sizes(known: Sequence[tuple[Image, Face]], detector: yunet.YuNet) -> None:
    """Print misses, scores and landmarks by the size of a face: of one cell and of the mean."""
    print("| face, px | missed | score, median | scatter of the best cell | of the mean |")
    print("|---|---|---|---|---|")
    for size in FACES:
        offsets: dict[bool, list[Any]] = {False: [], True: []}
        missed, scores = 0, []
        for picture, face in known:
            scale = size / face.width
            wide, high = (max(1, round(side * scale)) for side in picture.shape[1::-1])
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            cells = cells_of(cv2.resize(picture, (wide, high), interpolation=how), detector)
            best = int(np.argmax(cells.scores)) if len(cells.scores) else -1
            if best < 0 or cells.scores[best] < yunet._RAW_SCORES[0]:
                missed += 1
                continue
            scores.append(cells.scores[best])
            for mean, found in (
                (False, cells.landmarks[best]),
                (True, yunet._vote(cells).landmarks[0]),
            ):
                offsets[mean].append((found / scale - face.landmarks) / face.inter_eye_distance)
        scatter = []
        for each in offsets.values():
            apart = np.array(each) - np.mean(each, axis=0)
            scatter.append(np.sqrt((apart**2).sum(axis=2).mean()))
        print(
            f"| {size} | {missed} of {len(known)} | {np.median(scores):.3f} | {scatter[0]:.3f} "
            f"| {scatter[1]:.3f} |",
            flush=True,
        )


def turned_scores(
    pictures: Sequence[Image], mtcnn: Verifier, detector: yunet.YuNet
) -> tuple[Any, Any]:
    """Return the best score of a face without much roll: (n, 2) upright, and at other turns."""
    upright, other = [], []
    for picture in pictures:
        for turns in range(4):
            view = np.ascontiguousarray(np.rot90(picture, -turns))
            one = max((f.score for f in mtcnn.detect(view) if _level(f.landmarks)), default=0)
            cells = cells_of(view, detector)
            best = [s for s, at in zip(cells.scores, cells.landmarks, strict=True) if _level(at)]
            (other if turns else upright).append((one, max(best, default=0)))
    return np.array(upright), np.array(other)


def _level(landmarks: Any) -> bool:
    across = landmarks[1] - landmarks[0]
    return abs(math.degrees(math.atan2(across[1], across[0]))) <= 45


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    assets = parser.parse_args().assets
    cv2.setNumThreads(1)
    mtcnn = Verifier(threads=1)
    detector = Verifier(detector="yunet", threads=1).face_models.detector
    assert isinstance(detector, yunet.YuNet)
    asian = sorted((assets / "asian").glob("A[FM]/*.jpg"))
    known = [(p, mtcnn.detect(p)[0]) for p in map(images.read, asian[::40])]
    print("# The constants of YuNet\n\n`python benchmarks/yunet_constants.py --assets ASSETS`\n")
    sizes(known, detector)
    celeba = sorted((assets / "train" / "celeba10k" / "images").glob("*.jpg"))[::60]
    pictures = [cv2.resize(images.read(p), None, fx=2, fy=2) for p in celeba]
    pictures += [images.read(p) for p in asian[3::20]]
    pictures += [images.read(p) for p in sorted((assets / "tight").glob("*/*.jpg"))[::14]]
    upright, other = turned_scores(pictures, mtcnn, detector)
    print(
        f"\nScores of YuNet that let as many faces pass as MTCNN's, {len(pictures)} pictures:\n\n"
        "| MTCNN | upright | YuNet | other turns | YuNet | midway |\n|---|---|---|---|---|---|"
    )
    for score in MTCNN_SCORES:
        shares = [(each[:, 0] >= score).mean() for each in (upright, other)]
        matched = [
            float(np.quantile(each[:, 1], 1 - share))
            for each, share in zip((upright, other), shares, strict=True)
        ]
        print(
            f"| {score} | {shares[0]:.1%} | {matched[0]:.3f} | {shares[1]:.1%} | {matched[1]:.3f} "
            f"| {sum(matched) / 2:.3f} |"
        )


if __name__ == "__main__":
    main()
