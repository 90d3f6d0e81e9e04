"""LFW through the public API: calibrate the default pack on View 1, measure it on View 2.

    python benchmarks/lfw.py embed --lfw ../shared/assets/lfw     # once; resumes where it stopped
    python benchmarks/lfw.py view2 --lfw ../shared/assets/lfw     # 10-fold accuracy
    python benchmarks/lfw.py dlib --lfw ../shared/assets/lfw      # the same for dlib's own pipeline
    python benchmarks/lfw.py calibrate --lfw ../shared/assets/lfw # writes the pack's calibration

The embeddings are those that `Verifier.embed` gives; the distances are `compare`'s. dlib's own
pipeline is its frontal face detector, its five-point predictor, its 150 px chip and its network
(packages dlib-bin and face_recognition_models), compared by raw Euclidean distance.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from renzheng import NoFace, Verifier, compare

Pair = tuple[str, str, bool]
FOLDS, PAIRS_PER_FOLD = 10, 600


def picture(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of an LFW list: (reference, probe, same person)."""
    pairs: list[Pair] = []
    for row in (line.split() for line in path.read_text().splitlines()[1:]):
        if len(row) == 3:
            pairs.append((picture(row[0], row[1]), picture(row[0], row[2]), True))
        elif len(row) == 4:
            pairs.append((picture(row[0], row[1]), picture(row[2], row[3]), False))
    return pairs


_verifier: Verifier
_dlib_steps: tuple


def _start() -> None:
    global _verifier
    _verifier = Verifier(threads=1)


def _embed(path: Path) -> np.ndarray:
    try:
        return _verifier.embed(path)
    except NoFace:
        return np.full(128, np.nan, np.float32)


def _start_dlib() -> None:
    global _dlib_steps
    from importlib.util import find_spec

    import dlib

    package = find_spec("face_recognition_models")
    models = Path(package.submodule_search_locations[0]) / "models"
    _dlib_steps = (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def _embed_dlib(path: Path) -> np.ndarray:
    import dlib

    detect, place, describe = _dlib_steps
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


PIPELINES = {"renzheng": (_start, _embed), "dlib": (_start_dlib, _embed_dlib)}


def embed_all(
    lfw: Path, wanted: list[str], store: Path, workers: int, pipeline: str = "renzheng"
) -> dict[str, np.ndarray]:
    """Embeddings by picture; kept in `store`, so that a second call computes what is missing."""
    known: dict[str, np.ndarray] = {}
    if store.exists():
        with np.load(store) as data:
            known = dict(zip(data["names"].tolist(), data["embeddings"], strict=True))
    missing = sorted(set(wanted) - set(known))
    start = time.perf_counter()
    initializer, embed = PIPELINES[pipeline]
    with ProcessPoolExecutor(workers, initializer=initializer) as pool:
        for begin in range(0, len(missing), 500):
            part = missing[begin : begin + 500]
            paths = [lfw / "lfw-deepfunneled" / name for name in part]
            known.update(zip(part, pool.map(embed, paths, chunksize=20), strict=True))
            names = sorted(known)
            scratch = store.with_suffix(".tmp.npz")
            np.savez(scratch, names=names, embeddings=np.stack([known[n] for n in names]))
            scratch.replace(store)
            rate = (begin + len(part)) / (time.perf_counter() - start)
            print(
                f"{begin + len(part)}/{len(missing)} pictures, {rate:.1f} a second", file=sys.stderr
            )
    return known


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The public API's distance; infinite where a side has no face (a failure to acquire)."""
    if np.isnan(a[0]) or np.isnan(b[0]):
        return float("inf")
    return compare(a, b).distance


def raw_distance(a: np.ndarray, b: np.ndarray) -> float:
    """dlib's own measure, on embeddings of any length."""
    apart = float(np.linalg.norm(a - b))
    return apart if np.isfinite(apart) else float("inf")


def ten_fold(distances: np.ndarray, same: np.ndarray) -> tuple[float, float, list[float]]:
    """View 2: the threshold is chosen on nine folds and applied to the tenth.

    A pair with a failure to acquire has no distance (inf) and counts as an error either way.
    """
    folds = np.arange(len(distances)) // PAIRS_PER_FOLD
    acquired = np.isfinite(distances)
    accuracies, thresholds = [], []
    for fold in range(FOLDS):
        train, test = (folds != fold) & acquired, folds == fold
        candidates = np.sort(distances[train])
        correct = [np.mean((distances[train] <= t) == same[train]) for t in candidates[::4]]
        threshold = candidates[::4][int(np.argmax(correct))]
        right = ((distances[test] <= threshold) == same[test]) & acquired[test]
        accuracies.append(float(right.mean()))
        thresholds.append(float(threshold))
    spread = float(np.std(accuracies, ddof=1) / np.sqrt(FOLDS))
    return float(np.mean(accuracies)), spread, thresholds


def view2(
    lfw: Path, known: dict[str, np.ndarray], measure: Callable[..., float] = distance
) -> dict[str, float]:
    pairs = read_pairs(lfw / "pairs.txt")
    distances = np.array([measure(known[a], known[b]) for a, b, _ in pairs])
    same = np.array([label for _, _, label in pairs])
    accuracy, error, thresholds = ten_fold(distances, same)
    pictures = {p for a, b, _ in pairs for p in (a, b)}
    lost = sum(bool(np.isnan(known[p][0])) for p in pictures)
    return {
        "pairs": len(pairs),
        "accuracy": accuracy,
        "standard_error": error,
        "threshold": float(np.mean(thresholds)),
        "failure_to_acquire": lost / len(pictures),
        "pairs_lost": int((~np.isfinite(distances)).sum()),
    }


def calibrate(lfw: Path, known: dict[str, np.ndarray]) -> dict[str, object]:
    """FMR and FNMR by distance from the people of View 1, all against all.

    Every person of the development lists is compared with every other. Pairs share people, so
    the resolution counts pairs of people: the rate at which at least 30 different pairs of
    people match falsely (the rule of 30).
    """
    lists = [lfw / "pairsDevTrain.txt", lfw / "pairsDevTest.txt"]
    pairs = [pair for path in lists for pair in read_pairs(path)]
    names = sorted({p for a, b, _ in pairs for p in (a, b)} & set(known))
    names = [n for n in names if not np.isnan(known[n][0])]
    people, person = np.unique([n.split("/")[0] for n in names], return_inverse=True)
    rows = np.stack([known[n] for n in names]).astype(np.float64)
    grid = np.round(np.arange(0, 2.0001, 0.01), 2)
    impostor, genuine = np.zeros(len(grid)), np.zeros(len(grid))
    impostors = genuines = 0
    nearest: dict[tuple[int, int], float] = {}
    for i in range(len(rows) - 1):
        apart = np.sqrt(np.maximum(0, np.sum((rows[i + 1 :] - rows[i]) ** 2, axis=1)))
        same = person[i + 1 :] == person[i]
        impostor += np.searchsorted(np.sort(apart[~same]), grid, side="right")
        genuine += np.searchsorted(np.sort(apart[same]), grid, side="right")
        impostors, genuines = impostors + int((~same).sum()), genuines + int(same.sum())
        for j in np.flatnonzero(~same & (apart < 0.8)):
            key = tuple(sorted((int(person[i]), int(person[i + 1 + j]))))
            nearest[key] = min(nearest.get(key, 9.0), float(apart[j]))
    closest_people = np.sort(list(nearest.values()))
    resolution = float(np.interp(closest_people[29], grid, impostor)) / impostors
    # Rounded up to one digit: nobody should read more into it.
    digit = 10.0 ** np.floor(np.log10(resolution))
    resolution = float(np.ceil(resolution / digit) * digit)
    fmr = np.maximum(impostor / impostors, 0.1 / impostors)
    end = int(np.argmax((impostor == impostors) & (genuine == genuines))) + 1
    return {
        "resolution": float(f"{resolution:.1g}"),
        "provenance": {
            "data": "LFW deep-funneled, pictures of the View 1 lists "
            "(pairsDevTrain, pairsDevTest), all against all",
            "people": len(people),
            "pictures": len(names),
            "impostor_comparisons": impostors,
            "genuine_comparisons": genuines,
            "resolution": "the rate at which 30 different pairs of people match falsely",
            "command": "python benchmarks/lfw.py calibrate",
        },
        "distance": grid[:end].tolist(),
        "fmr": [float(f"{v:.5g}") for v in fmr[:end]],
        "fnmr": [float(f"{v:.5g}") for v in 1 - genuine[:end] / genuines],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["embed", "view2", "dlib", "calibrate"])
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path("lfw-embeddings.npz"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("calibration.json"))
    arguments = parser.parse_args()
    lists = ["pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"]
    if arguments.action in ("view2", "dlib"):
        lists = lists[:1]
    wanted = {p for name in lists for a, b, _ in read_pairs(arguments.lfw / name) for p in (a, b)}
    if arguments.action == "dlib":
        store = arguments.store.with_name(f"dlib-{arguments.store.name}")
        known = embed_all(arguments.lfw, sorted(wanted), store, arguments.workers, "dlib")
        print(json.dumps(view2(arguments.lfw, known, raw_distance), indent=2))
        return
    known = embed_all(arguments.lfw, sorted(wanted), arguments.store, arguments.workers)
    if arguments.action == "view2":
        print(json.dumps(view2(arguments.lfw, known), indent=2))
    elif arguments.action == "calibrate":
        result = calibrate(arguments.lfw, known)
        rows = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
        arguments.out.write_text("{\n" + ",\n".join(rows) + "\n}\n")
        print(json.dumps({k: result[k] for k in ("resolution", "provenance")}, indent=2))


if __name__ == "__main__":
    main()
