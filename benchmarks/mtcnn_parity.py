"""Our cascade against the plain one in torch: the same faces, boxes and landmarks?

    python benchmarks/mtcnn_parity.py --assets ../shared/assets [--pictures 500]

Runs over the photos and over LFW pictures spread evenly through the people. Two rows: with the
default resampling (OpenCV's area), and with torch's, which the reference uses.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import reference_mtcnn as reference
from detection import best_overlaps, overlap
from renzheng import images
from renzheng.faces.detection import Detector
from renzheng.models import packs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=500)
    arguments = parser.parse_args()
    states = reference.load(arguments.assets / "weights" / "mtcnn-facenet")
    folder = packs.load("mtcnn").folder
    detectors = {
        "OpenCV's area": Detector.from_folder(folder),
        "torch's area": Detector.from_folder(folder, resample=reference.area, exact=True),
    }
    lfw = sorted((arguments.assets / "lfw" / "lfw-deepfunneled").glob("*/*_0001.jpg"))
    chosen = lfw[:: max(1, len(lfw) // arguments.pictures)][: arguments.pictures]
    paths = [*sorted((arguments.assets / "photos").glob("*.jpg")), *chosen]
    best: dict[str, list[float]] = {name: [] for name in detectors}
    extra = dict.fromkeys(detectors, 0)
    seconds = dict.fromkeys(("reference", *detectors), 0.0)
    for path in paths:
        image = images.read(path)
        start = time.perf_counter()
        wanted, _, _ = reference.detect(states, image)
        seconds["reference"] += time.perf_counter() - start
        for name, detector in detectors.items():
            start = time.perf_counter()
            boxes = [face.box for face in detector.detect(image)]
            seconds[name] += time.perf_counter() - start
            best[name] += best_overlaps(wanted, boxes)
            extra[name] += sum(all(overlap(b, w) < 0.5 for w in wanted) for b in boxes)
    faces = len(best["torch's area"])
    print(f"{len(paths)} pictures, {faces} faces in the reference")
    print(f"{'resampling':<16}{'median IoU':>12}{'found':>9}{'missed':>9}{'extra':>8}{'speed':>8}")
    for name, overlaps in best.items():
        values = np.array(overlaps)
        missed = int((values < 0.5).sum())
        ratio = seconds["reference"] / seconds[name]
        print(
            f"{name:<16}{np.median(values):>12.4f}{len(values) - missed:>9}{missed:>9}"
            f"{extra[name]:>8}{ratio:>7.2f}x"
        )


if __name__ == "__main__":
    main()
